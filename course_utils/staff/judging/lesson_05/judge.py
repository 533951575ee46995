"""Judges the answers of lesson 05 against references in decimal arithmetic, in which nothing over- or underflows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array, Opaque
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL_SINGLE,
    Unusable,
    array,
    close,
    describe,
    number,
    show,
    single_precision,
    truth,
)
from course_utils.checks.reading import numbers as read_numbers
from course_utils.staff.judging.judging import Finding, Judge, Seen, differs, each_case, value
from course_utils.staff.judging.mutants import message

WIDE = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)  # exp(2000) and exp(-20000) are ordinary numbers here


# --- E05.3 ----------------------------------------------------------------------------------------------------------


def surprisals(logits: np.ndarray, targets: np.ndarray, reduction: str = "mean") -> np.ndarray:
    """-log of exp(u_y) / sum of exp(u), position by position, then reduced; all to 50 digits."""
    with localcontext(WIDE):
        found = []
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
            masses = [Decimal(u).exp() for u in row]
            found.append((sum(masses) / masses[target]).ln())
        if reduction == "none":
            return np.array([float(loss) for loss in found]).squeeze()
        return np.array(float(sum(found) / len(found) if reduction == "mean" else sum(found)))


@each_case()
def losses(case: Case, one: Seen) -> str:
    """E05.3: the losses; a single one may come as a number or as an array of one element."""
    atol = 2e-6 if single_precision(one.value) else 1e-11
    return differs(case, one, surprisals(*case.fresh_args()), atol=atol, read=_one_or_many)


def _one_or_many(got: Any) -> np.ndarray:
    try:
        return np.array(float(number(got)))
    except Unusable:
        values = array(got)
        return values.reshape(()) if values.size == 1 else values


# --- E05.4 ----------------------------------------------------------------------------------------------------------

AHEAD = {"nats_per_pair": Fraction(1, 2), "log_ratio": Fraction(50)}
KNOWN_LEADS = {  # what a wrong number says about the mistake
    "nats_per_pair": {
        50.0: "total_for_per_pair",
        -0.5: "lead_with_wrong_sign",
        1.5: "own_value_for_lead",
        -1.5: "own_value_for_lead",
        0.75: "ratio_of_logs",
        200.0: "pairs_over_nats",
        2.0: "pairs_over_nats",
        0.5 / math.log(2): "bits_for_nats",
        -150.0: "own_value_for_lead",
    },
    "log_ratio": {
        0.75: "ratio_of_logs",
        200 / 150: "ratio_of_logs",
        math.log(0.75): "ratio_of_logs",
        math.log(200 / 150): "ratio_of_logs",
        -50.0: "lead_with_wrong_sign",
        math.exp(50): "ratio_for_log_ratio",
        0.5: "per_pair_for_total",
        350.0: "logs_added_for_ratio",
        -350.0: "logs_added_for_ratio",
        50 / math.log(2): "bits_for_nats",
        50 / math.log(10): "log10_for_ln",
    },
}


def which_and_how_far(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E05.4: model A, half a nat per pair, 50 nats in all."""
    got = _named(seen[0].value, ("model", "nats_per_pair", "log_ratio"))
    findings = []
    letter = _letter(got["model"])
    if letter == "B":
        findings.append(Finding(message("larger_magnitude_wins"), 0, "model"))
    elif letter != "A":
        findings.append(Finding(f'model: {describe(got["model"])} came back; "A" or "B" is asked for', 0, "model"))
    for name, right in AHEAD.items():
        try:
            x = number(got[name])
        except Unusable as reason:
            findings.append(Finding(f"numbers: {name}: {reason}", 0, "numbers"))
            continue
        if not close(x, right, RTOL_SINGLE):
            findings.append(Finding(_about_lead(name, float(x)), 0, "numbers"))
    return findings


def _letter(value: Any) -> str:
    found = re.fullmatch(r"\W*(?:model\W*)?([ab])\W*", value.strip().lower()) if isinstance(value, str) else None
    return found[1].upper() if found else ""


def _about_lead(name: str, x: float) -> str:
    for known, misconception in KNOWN_LEADS[name].items():
        if math.isclose(x, known, rel_tol=1e-3):
            return message(misconception)
    return f"numbers: {name} is not {show(x)}: start from the two totals, -150 and -200"


def _named(got: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The entries of a dict, whatever the case of its keys, or of a tuple in the same order."""
    if isinstance(got, list | tuple) and len(got) == len(names):
        return dict(zip(names, got, strict=True))
    if not isinstance(got, dict):
        raise Unusable(f"{describe(got)} came back where a dict with {', '.join(map(repr, names))} is asked for")
    found = {str(key).strip().lower(): item for key, item in got.items()}
    missing = [name for name in names if name not in found]
    if missing:
        raise Unusable(f"there is no entry {missing[0]!r} in the dict")
    return found


# --- E05.5 ----------------------------------------------------------------------------------------------------------


def surprise(function: str, total: float, count: int) -> float:
    """Perplexity, or bits per byte, to 50 digits."""
    per_item = WIDE.divide(-Decimal(total), Decimal(count))
    return float(WIDE.exp(per_item) if function == "perplexity" else WIDE.divide(per_item, WIDE.ln(Decimal(2))))


@each_case(parts={"perplexity": "perplexity", "bits_per_byte": "bits_per_byte"})
def both_surprises(case: Case, one: Seen) -> str:
    """E05.5: the two functions, each a part of its own."""
    return differs(case, one, surprise(*case.fresh_args()))


# --- E05.6 ----------------------------------------------------------------------------------------------------------

NEAR = 1e-4  # of a probability
NATS = 1e-6  # of the log-likelihood per answer
SUM = 1e-5  # of the sum of the probabilities: six digits each are enough


@each_case()
def best_probabilities(case: Case, one: Seen) -> str:
    """E05.6: near the shares of the counts (where the likelihood has its only maximum), and adding up to 1."""
    return _fault_of_fit(one.value, *case.fresh_args())


def _fault_of_fit(got: Any, counts: list[int]) -> str:
    if isinstance(got, dict):
        got = list(got.values())
    if isinstance(got, Array) and got.values.size == len(counts):
        got = got.values.ravel().tolist()
    if not isinstance(got, list | tuple):
        got = [got] if len(counts) == 1 and isinstance(got, int | float | Fraction) else got
    probs = read_numbers(got, len(counts), "probabilities")
    if not all(math.isfinite(p) for p in probs):
        return f"{show([float(p) for p in probs])} came back: a probability is a number from 0 to 1"
    shown = show([float(p) for p in probs])
    total = sum(Fraction(p) for p in probs)
    if not close(total, 1, 0.0, SUM):
        return f"{shown} came back, and adds up to {float(total):.6g}: probabilities add up to 1"
    shares = [Fraction(count, sum(counts)) for count in counts]
    if all(close(p, share, 0.0, NEAR) for p, share in zip(probs, shares, strict=True)):
        gap = math.fsum(share * math.log(share * total / Fraction(p)) for p, share in zip(probs, shares, strict=True))
        return "" if close(gap, 0, 0.0, NATS) else f"{shown} is close, but {gap:.1e} nats per answer below the best"
    if not all(p > 0 for p in probs):
        return f"{shown} came back: an answer that occurs in the data has probability 0, so log-likelihood -inf"
    ours, best = (math.fsum(n * math.log(p) for n, p in zip(counts, ps, strict=True)) for ps in (probs, shares))
    return f"{shown} has the log-likelihood {ours:.6f}; there are probabilities that reach {best:.6f}"


# --- E05.7 ----------------------------------------------------------------------------------------------------------


def claim_and_conflict(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E05.7: the claim is false, and some prompt of the data has two different answers."""
    got = _named(seen[0].value, ("claim", "data"))
    findings = []
    try:
        if truth(got["claim"]):
            findings.append(Finding(message("perfect_means_certain"), 0, "claim"))
        elif got["claim"] is None:
            findings.append(Finding("claim: None came back; True or False is asked for", 0, "claim"))
    except Unusable as reason:
        findings.append(Finding(f"claim: {reason}", 0, "claim"))
    try:
        fault = _fault_of_data(_pairs(got["data"]))
    except Unusable as reason:
        fault = f"data: {reason}"
    return findings + ([Finding(fault, 0, "data")] if fault else [])


def _pairs(data: Any) -> list[tuple[str, str]]:
    if isinstance(data, dict):  # {x: [y, y, ...]}
        data = [(x, y) for x, ys in data.items() for y in (ys if isinstance(ys, list | tuple) else [ys])]
    if not isinstance(data, list | tuple):
        raise Unusable(f"{describe(data)} came back where a list of (x, y) pairs is asked for")
    pairs = []
    for pair in data:
        if isinstance(pair, dict) and {str(key).lower() for key in pair} == {"x", "y"}:
            pair = [item for _, item in sorted((str(key).lower(), item) for key, item in pair.items())]
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Unusable(f"{describe(pair)} stands in the list; each entry is a pair (x, y)")
        pairs.append((_text(pair[0]), _text(pair[1])))
    return pairs


def _text(item: Any) -> str:
    """A prompt or an answer in a form that can be compared: a string as it is, tokens or numbers written out."""
    if item is None or isinstance(item, Opaque | dict):
        raise Unusable(f"{describe(item)} stands in a pair; a prompt and an answer are strings")
    if isinstance(item, Array):
        item = item.values.tolist()
    if isinstance(item, list | tuple):
        return repr([_text(part) for part in item])
    return item if isinstance(item, str) else repr(float(number(item)))


def _fault_of_data(pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return message("no_data")
    if _conflict(pairs):
        return ""
    if _conflict([(y, x) for x, y in pairs]):
        return message("prompts_share_an_answer")
    return message("same_pair_repeated" if len(set(pairs)) < len(pairs) else "no_conflict_in_data")


def _conflict(pairs: list[tuple[str, str]]) -> bool:
    return len({x for x, _ in pairs}) < len(set(pairs))


# --- E05.8 ----------------------------------------------------------------------------------------------------------

SHARE = Decimal("0.1") / 3  # of the smoothing, for each of the three tokens
SMOOTHED = -sum(
    WIDE.multiply(q, WIDE.ln(Decimal(p))) for q, p in ((Decimal("0.9") + SHARE, "0.7"), (SHARE, "0.2"), (SHARE, "0.1"))
)


JUDGES: dict[str, Judge] = {
    "E05.1": value(Fraction(-7, 2)),
    "E05.2": value(Fraction(-18, 5)),
    "E05.3": Judge(2, losses),
    "E05.4": Judge(2, which_and_how_far, parts={"model": 1, "numbers": 1}),
    "E05.5": Judge(2, both_surprises, parts={"perplexity": 1, "bits_per_byte": 1}),
    "E05.6": Judge(2, best_probabilities),
    "E05.7": Judge(2, claim_and_conflict, parts={"claim": 1, "data": 1}),
    "E05.8": value(float(SMOOTHED), rtol=RTOL_SINGLE),  # torch's loss in float32, with .item(), is right too
}
