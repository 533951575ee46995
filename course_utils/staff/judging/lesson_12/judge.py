"""Judges lesson 12: logits in decimals, models token by token in float64, languages in exact fractions."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array, Opaque
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL,
    RTOL_SINGLE,
    Unusable,
    close,
    describe,
    entries,
    labels,
    number,
    numbers,
    show,
    single_precision,
    truth,
)
from course_utils.lessons.lesson_12.probe import LINES
from course_utils.staff.judging.judging import Finding, Judge, Seen, differs, each_case, of, raised
from course_utils.staff.judging.lesson_04.judge import log_shares
from course_utils.staff.judging.mutants import message
from course_utils.toy_language import ToyLanguage, log_fraction

# --- E12.1 ----------------------------------------------------------------------------------------------------------

SELECTION = ("winner", "scores")


@functools.lru_cache(maxsize=4096)
def _log_probs(row: tuple[float, ...]) -> np.ndarray:
    return log_shares(np.array(row))


def right_scores(Y: Sequence[Sequence[int]], U: Sequence[np.ndarray], eos: int) -> list[float] | None:
    """log Pr of each candidate up to its first EOS, in decimals; None where a row that counts is no distribution."""
    scores = []
    for y, rows in zip(Y, U, strict=True):
        n = y.index(eos) + 1 if eos in y else len(y)
        rows = rows[:n].astype(np.float64)
        if np.isnan(rows).any() or (n and (rows.max(axis=1) == -math.inf).any()):
            return None
        scores.append(math.fsum(_log_probs(tuple(row.tolist()))[k] for row, k in zip(rows, y, strict=False)))
    return scores


@each_case(errors=True)
def selected(case: Case, one: Seen) -> list[Finding]:
    """E12.1: scores, winner, and what has to be refused or warned of, each a part."""
    _, Y, U, eos = case.fresh_args()
    right = right_scores(Y, U, eos)
    if right is None:
        return [] if one.raised("ValueError") else [Finding(f"{_not_refused(one)}{of(case)}", part="contract")]
    if one.error:
        parts = ("contract",) if [] in Y or "padding" in case.label else ("scores", "winner")
        return [Finding(f"{raised(one)}{of(case)}", part=part) for part in parts]
    findings = _selection_faults(one, right, of(case), U[0].dtype == np.float32)
    if [] in Y and one.items.get("warned") is not True:
        findings.append(Finding(message("empty_without_warning"), part="contract"))
    return findings


def _not_refused(one: Seen) -> str:
    got = f"{one.error} was raised" if one.error else f"{describe(one.value)} came back"
    return f"{got} where a ValueError has to be raised"


def _selection_faults(one: Seen, right: list[float], label: str, single: bool) -> list[Finding]:
    try:
        got = entries(one.value, SELECTION)
        scores = numbers(got["scores"], len(right), "scores")
    except Unusable as reason:
        return [Finding(str(reason), part=part) for part in ("scores", "winner")]
    findings = []
    rtol, atol = (RTOL_SINGLE, 1e-4) if single or single_precision(got["scores"]) else (RTOL, 1e-11)
    for which, (score, expected) in enumerate(zip(scores, right, strict=True)):
        if not close(score, expected, rtol, atol):
            text = f"the score of candidate {which} is {show(score)}, where {show(expected)} is right{label}"
            findings.append(Finding(text, part="scores"))
            break
    best = right.index(max(right))
    try:
        winner = number(got["winner"])
        fault = "" if winner == best else f"the winner is {best}, and {show(winner)} came back{label}"
    except Unusable as reason:
        fault = f"winner: {reason}"
    return findings + ([Finding(fault, part="winner")] if fault else [])


# --- E12.2 ----------------------------------------------------------------------------------------------------------

# What is wrong with a scorer, by its letter; of the others nothing is. `right_on` in the tests proves both.
BUGS = {
    "a": "it divides each logit by their sum, where a softmax is asked for",
    "c": "it scores a token after the wrong ones of y (one more, one less, none), or leaves one out",
    "d": "it multiplies probabilities before it takes the log, and a long text becomes impossible",
    "f": "it divides by the length, or by a power of it",
    "g": "it forgets a part of the prompt x",
    "h": "it adds up logits that were never normalised",
    "j": "it mistreats EOS: it goes on after it, or leaves its term out",
    "k": "it normalises over a shortlist",
}
RIGHT = [letter for letter in LINES if letter not in BUGS]
MAY_PASS = 1  # so many wrong scorers may pass a student's tests


def tested(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E12.2: every right scorer accepted, all wrong ones but one refused."""
    refused, missed = [], []
    for index, (case, one) in enumerate(zip(cases, seen, strict=True)):
        letter = case.label[-1]
        try:
            accepted = _accepted(one)
        except Unusable as reason:
            return [Finding(str(reason), index)]
        if letter in RIGHT and not accepted:
            why = f": they raised {one.error}: {one.message}" if one.error else ""
            refused.append(Finding(f"your tests refuse a scorer that is right{why}", index))
        elif letter in BUGS and accepted:
            missed.append((index, BUGS[letter]))
    if len(missed) <= MAY_PASS:
        return refused
    passed = f"{len(missed)} of {len(BUGS)} wrong scorers pass your tests, {MAY_PASS} may. One of them:"
    return refused + [Finding(f"{passed} {bug}", index) for index, bug in missed]


def _accepted(one: Seen) -> bool:
    """True, or nothing at all: the scorer passed. False, or any error: it did not."""
    if one.error:
        return False
    said = one.value
    if said is None or isinstance(said, bool):
        return said is not False
    if isinstance(said, Array) and said.values.size == 1 and "bool" in said.dtype:
        return truth(said)
    if isinstance(said, int) and said in (0, 1):
        return bool(said)
    raise Unusable(f"{describe(said)} came back where True or False is asked for")


# --- E12.3 ----------------------------------------------------------------------------------------------------------

ENTRIES = ("total", "n_scored", "nats_per_token", "perplexity", "bits_per_byte", "event")
WORDS = {"complete": ("complete", "complete answer"), "prefix": ("prefix", "unfinished")}
CLAIMS = {"A": True, "B": False, "C": False, "D": True, "E": False, "F": True}


def right_report(log_probs: Sequence[float], ids: Sequence[int], text: str, eos: int) -> dict | None:
    """The entries, from exact sums; None where the report has to be refused."""
    ended = eos in ids
    broken = any(math.isnan(p) or p > 0 for p in log_probs)
    if not ids or len(log_probs) != len(ids) or broken or (ended and ids.index(eos) != len(ids) - 1):
        return None
    impossible = -math.inf in log_probs
    surprisal = math.inf if impossible else -sum((Fraction(p) for p in log_probs), start=Fraction(0))
    per_token = surprisal / len(ids)
    n_bytes = len(text.encode("utf-8"))
    bits = None if not n_bytes else math.inf if impossible else float(surprisal) / math.log(2) / n_bytes
    perplexity = math.inf if impossible else float(Decimal(float(per_token)).exp())
    values = (-surprisal, len(ids), per_token, perplexity, bits, "complete" if ended else "prefix")
    return dict(zip(ENTRIES, values, strict=True))


@each_case(parts={"audit_report": "report", "claims": "claims"}, errors=True)
def reported(case: Case, one: Seen) -> str:
    """E12.3: the report on every case, and the claims."""
    function, *args = case.fresh_args()
    if one.stub:
        return raised(one, function)
    if function == "claims":
        return raised(one) if one.error else _claims_fault(one.value)
    try:
        fault = _report_fault(one, right_report(*args))
    except Unusable as reason:
        fault = str(reason)
    return fault and fault + of(case)


def _report_fault(one: Seen, right: dict | None) -> str:
    if right is None:
        if one.raised("ValueError"):
            return ""
        return f"{_not_refused(one)}: these numbers cannot be reported"
    if one.error:
        return raised(one)
    if not isinstance(one.value, dict):
        raise Unusable(f"{describe(one.value)} came back where a dict is asked for")
    got = entries(one.value, ENTRIES)
    for key, expected in right.items():
        if isinstance(got[key], Opaque):
            return f'the report has no entry "{key}"'
        fault = _event_fault(got[key], expected) if key == "event" else _entry_fault(key, got[key], expected)
        if fault:
            return fault
    return ""


def _event_fault(said: Any, expected: str) -> str:
    if isinstance(said, str) and said.strip().lower() in WORDS[expected]:
        return ""
    return f'event: {describe(said)} came back, where "{expected}" is right'


def _entry_fault(key: str, said: Any, expected: float | Fraction | None) -> str:
    if expected is None and said is None:
        return ""
    got = number(said)
    right = math.nan if expected is None else expected
    if close(got, right, RTOL_SINGLE if single_precision(said) else RTOL, 1e-12):
        return ""
    shown = "None" if expected is None else show(float(right))
    return f"{key}: {show(got)} came back, where {shown} is right"


def _claims_fault(said: Any) -> str:
    got = labels(said, "".join(CLAIMS))
    if got == CLAIMS:
        return ""
    named = {"B": "probable_is_true", "C": "prefix_against_complete", "E": "probable_is_helpful"}
    for letter, name in named.items():
        if got[letter]:
            return message(name)
    lacking = [letter for letter, follows in CLAIMS.items() if follows and not got[letter]]
    return f"claims: {lacking[0]} does follow from the three reports"


# --- E12.4 ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=16)
def _double(family: str, seed: int) -> Any:
    from course_utils.language_model import tiny_model

    return tiny_model(family, seed).double()


@functools.lru_cache(maxsize=4096)
def _token_loop(family: str, seed: int, ids: tuple[int, ...], start: int) -> float:
    """The tokens from `start` on, one forward pass for each, in float64 and without any loss."""
    import torch

    model, total = _double(family, seed), 0.0
    with torch.no_grad():
        for i in range(start, len(ids)):
            row = model(torch.tensor([ids[:i]])).logits[0, -1].numpy()
            total += float(row[ids[i]] - np.logaddexp.reduce(row))
    return total


@each_case()
def reconciled(case: Case, one: Seen) -> str:
    """E12.4: log Pr(y | x) within float32's reach."""
    family, seed = case.call("").split('tiny_model("')[1].split(")")[0].split('", ')
    _, x, y = case.fresh_args()
    return differs(case, one, _token_loop(family, int(seed), (*x, *y), len(x)), rtol=0.0, atol=1e-4)


# --- E12.5 ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _exact(lm: ToyLanguage, x: tuple[int, ...], y: tuple[int, ...]) -> float:
    """log Pr(y | x) from a product of fractions, rounded once."""
    p = Fraction(1)
    for i, token in enumerate(y):
        p *= lm.cond(token, (*x, *y[:i]), exact=True)
    return log_fraction(p)


def winner(lm: ToyLanguage, x: Sequence[int], a: Sequence[int], b: Sequence[int], tol: float) -> str:
    """ "a", "b" or "tie"."""
    first, second = (_exact(lm, tuple(x), tuple(y)) for y in (a, b))
    if first == second or abs(first - second) <= tol:
        return "tie"
    return "a" if first > second else "b"


@each_case()
def compared(case: Case, one: Seen) -> str:
    """E12.5: the right word on every case."""
    said, right = one.value, winner(*case.fresh_args())
    if isinstance(said, str) and said.strip().lower() == right:
        return ""
    return f'{describe(said)} came back, where "{right}" is right{of(case)}'


JUDGES: dict[str, Judge] = {
    "E12.1": Judge(4, selected, parts={"scores": 2, "winner": 1, "contract": 1}),
    "E12.2": Judge(4, tested),
    "E12.3": Judge(3, reported, parts={"report": 2, "claims": 1}),
    "E12.4": Judge(2, reconciled),
    "E12.5": Judge(2, compared),
}
