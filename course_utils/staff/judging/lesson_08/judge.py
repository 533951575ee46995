"""Judges the answers of lesson 08 against references in decimal arithmetic, in which nothing over- or underflows."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array, Opaque
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL,
    RTOL_SINGLE,
    Unusable,
    array,
    close,
    describe,
    entries,
    number,
    numbers,
    show,
    single_precision,
)
from course_utils.staff.judging.judging import Finding, Judge, Seen, agrees, differs, each_case, matches, value
from course_utils.staff.judging.mutants import message

WIDE = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)  # exp(1000) and 0.1 ** 5000 are ordinary numbers here


# --- the references -------------------------------------------------------------------------------------------------


def _shares(logits: Sequence[float]) -> list[Decimal]:
    return _exact_shares(tuple(map(float, logits)))


@functools.lru_cache(maxsize=4096)
def _exact_shares(logits: tuple[float, ...]) -> list[Decimal]:
    """exp(u) / sum of exp(u), to 50 digits."""
    weights = [WIDE.exp(Decimal(u)) for u in logits]  # exp(-Infinity) is 0
    total = Decimal(0)
    for weight in weights:
        total = WIDE.add(total, weight)
    return [WIDE.divide(weight, total) for weight in weights]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """E08.1: the softmax as its definition says it, row by row."""
    rows = np.atleast_2d(logits)
    return np.array([[float(p) for p in _shares(row)] for row in rows]).reshape(logits.shape)


def most_probable(candidates: Sequence[Sequence[float]]) -> int:
    """E08.2: the index of the largest product, multiplied out with an unbounded exponent."""
    products = []
    for probs in candidates:
        product = Decimal(1)
        for p, n in Counter(probs).items():
            product = WIDE.multiply(product, WIDE.power(Decimal(p), n))
        products.append(product)
    return products.index(max(products))


def log_of_product(rows: Sequence[Sequence[float]], tokens: Sequence[int]) -> float:
    """The log of the product of the tokens' probabilities: one product, and one logarithm at the end."""
    product = Decimal(1)
    for row, token in zip(rows, tokens, strict=True):
        product = WIDE.multiply(product, _shares(row)[token])
    return float(WIDE.ln(product))


# --- E08.3 ----------------------------------------------------------------------------------------------------------

BIAS = float(-5 * WIDE.ln(Decimal("0.4")))  # five steps, whose shortlist has a mass of 0.4


@each_case(parts={"score": "fix", "verbose_bias": "bias"})
def repaired_score(case: Case, one: Seen) -> str:
    """E08.3: the score on every case, and the bias."""
    function, *args = case.fresh_args()
    return differs(case, one, log_of_product(*args) if function == "score" else BIAS, atol=1e-12)


# --- E08.4 ----------------------------------------------------------------------------------------------------------


@each_case(parts={"select": "fix", "e08_4": "numbers"})
def selected(case: Case, one: Seen) -> str:
    """E08.4: winner and scores on every case, and the two numbers of the card."""
    function, *args = case.fresh_args()
    return _selection_fault(one.value, *args) if function == "select" else _pair_fault(one.value)


def _selection_fault(got: Any, candidates: Sequence[Sequence]) -> str:
    if isinstance(got, dict) and len(got) == 2:
        got = list(entries(got, ("winner", "scores")).values())
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Unusable(f"{describe(got)} came back where a pair (winner, scores) is asked for")
    scores = numbers(got[1], len(candidates), "scores")
    rtol = RTOL_SINGLE if single_precision(got[1]) else RTOL
    right = [log_of_product(*zip(*steps, strict=True)) for steps in candidates]
    for which, (score, expected) in enumerate(zip(scores, right, strict=True)):
        if not close(score, expected, rtol, atol=1e-12):
            return f"the score of candidate {which} is {show(score)}, where {show(expected)} is right"
    winner = number(got[0])
    best = right.index(max(right))
    return "" if winner == best else f"the scores are right; the winner is {best}, and {show(winner)} came back"


FIRST = (
    "aa",
    "[a,a]",
    "candidate1",
    "candidateaa",
    "first",
    "thefirst",
    "[a,a](candidate1)",
    "candidate1=[a,a]",
    "(a,a)",
)
SECOND = ("bb", "[b,b]", "candidate2", "candidatebb", "second", "thesecond", "[b,b](candidate2)", "(b,b)")
TOTALS = tuple(
    log_of_product(rows, tokens)
    for rows, tokens in (
        (([10.0, 9.0, 0.0], [0.0, 0.0, 0.0]), (0, 0)),
        (([10.0, 9.0, 0.0], [8.0, 7.0, 0.0]), (1, 1)),
    )
)


def _pair_fault(got: Any) -> str:
    if isinstance(got, list | tuple) and len(got) == 2 and isinstance(got[1], list | tuple | Array | dict):
        inner = got[1].values.tolist() if isinstance(got[1], Array) else got[1]
        got = [got[0], *(inner.values() if isinstance(inner, dict) else inner)]
    if isinstance(got, dict):
        got = list(got.values())
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Unusable(f"numbers: {describe(got)} came back where (winner, log Pr(AA), log Pr(BB)) is asked for")
    if not first_wins(got[0]):
        return message("larger_logit_sum_wins")
    return _totals_fault(got[1:], TOTALS, KNOWN_TOTALS)


def first_wins(said: Any) -> bool:
    """Whether AA was named, in words, as its tokens, or as index 0. Raises Unusable."""
    if isinstance(said, list | tuple) and len(said) == 2:
        words = [show(item).strip("'").lower() for item in said]
        if words in (["a", "a"], ["0", "0"]):
            return True
        if words in (["b", "b"], ["1", "1"]):
            return False
    if isinstance(said, str):
        word = re.sub(r"[\s_'\"]+", "", said.lower())
        if word in FIRST + SECOND:
            return word in FIRST
    elif not isinstance(said, bool | list | tuple | dict | None | Opaque):
        index = number(said)
        if index == 0:
            return True
        if index == 1:
            raise Unusable(message("bare_number_one"))
    raise Unusable(f'numbers: {describe(said)} came back where "AA" or "BB" is asked for')


def _totals_fault(got: Sequence, right: Sequence[float], known: dict[str, tuple[float, float]]) -> str:
    """What is wrong with the two log-probabilities, empty if nothing is."""
    said = [number(item) for item in got]
    rtol = RTOL_SINGLE if single_precision(list(got)) else RTOL
    if all(close(x, y, rtol) for x, y in zip(said, right, strict=True)):
        return ""
    for name, pair in known.items():
        if all(close(x, y, 2e-3) for x, y in zip(said, pair, strict=True)):
            return message(name)
    if all(close(x, y, 2e-3) for x, y in zip(said, right, strict=True)):
        return message("rounded")
    which = 0 if not close(said[0], right[0], rtol) else 1
    return f"the {('first', 'second')[which]} log-probability is not {show(said[which])}"


def _known(right: Sequence[float], logits: tuple[float, float], last: tuple[float, float]) -> dict:
    return {
        "logits_added_up": logits,
        "last_step_for_path": last,
        "first_step_for_path": tuple(x - y for x, y in zip(right, last, strict=True)),
        "logs_for_probabilities_wanted": tuple(math.exp(x) for x in right),
        "mean_of_logs": tuple(x / 2 for x in right),
        "surprisal_for_log_prob": tuple(-x for x in right),
        "bits_for_nats": tuple(x / math.log(2) for x in right),
        "swapped": (right[1], right[0]),
    }


KNOWN_TOTALS = _known(TOTALS, (10, 16), (log_of_product([[0.0] * 3], [0]), log_of_product([[8.0, 7.0, 0.0]], [1])))


# --- E08.5 ----------------------------------------------------------------------------------------------------------

AUDIT_LAST = (log_of_product([[6.0] * 3], [0]), log_of_product([[5.0, 1.0, 0.0]], [0]))
AUDIT = tuple(log_of_product([[4.0, 3.0, 3.9]], [i]) + last for i, last in enumerate(AUDIT_LAST))
KNOWN_AUDIT = _known(AUDIT, (10, 8), AUDIT_LAST)


def audited(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E08.5: the winner, and both log-probabilities."""
    got = seen[0].value
    if isinstance(got, list | tuple) and len(got) == 3:
        got = [got[0], list(got[1:])]
    said = entries(got, ("winner", "log_probs"))
    try:
        pair = said["log_probs"]
        if isinstance(pair, dict):
            pair = list(entries(pair, ("A", "B")).values())
        if isinstance(pair, Array) and pair.values.ndim == 1:
            pair = [Array(np.asarray(x), pair.dtype, pair.library) for x in pair.values]
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Unusable(f"{describe(pair)} came back where two log-probabilities are asked for")
        if completion(said["winner"]) == "A":
            return [Finding(message("audit_confirms_report"), 0)]
        fault = _totals_fault(pair, AUDIT, KNOWN_AUDIT)
    except Unusable as reason:
        fault = str(reason)
    return [Finding(fault, 0)] if fault else []


def completion(said: Any) -> str:
    """ "A" or "B", also as "Completion B" or its tokens. Raises Unusable."""
    if isinstance(said, str):
        word = re.sub(r"[\s_\[\]'\",.:]+", "", said.lower()).removeprefix("completion").removeprefix("candidate")
        for letter, words in (("A", ("a", "a1a2")), ("B", ("b", "b1b2", "b=b1b2"))):
            if word in words:
                return letter
    if isinstance(said, list | tuple) and len(said) == 2 and all(isinstance(token, str) for token in said):
        return completion("".join(said))
    raise Unusable(f'{describe(said)} came back where "A" or "B" is asked for')


# --- E08.6 ----------------------------------------------------------------------------------------------------------

# Three choices that a scorer makes. The first of each is right; an answer is one combination, and the three parts are
# read off from the combination that explains every number that came back.

Logs = Callable[[np.ndarray], np.ndarray]


def _log_softmax(u: np.ndarray, axis: int | None) -> np.ndarray:
    top = u.max(axis=axis, keepdims=True)
    return u - top - np.log(np.exp(u - top).sum(axis=axis, keepdims=True))


SOFTMAX: dict[str, Logs] = {
    "": lambda u: _log_softmax(u, 1),
    "normalised_over_positions": lambda u: _log_softmax(u, 0),
    "normalised_over_everything": lambda u: _log_softmax(u, None),
    "exp_out_of_range": lambda u: np.log(np.exp(u) / np.exp(u).sum(axis=1, keepdims=True)),
    "share_for_softmax": lambda u: np.log(u / u.sum(axis=1, keepdims=True)),
    "logits_added_up": lambda u: u,
    "maximum_for_normaliser": lambda u: u - u.max(axis=1, keepdims=True),
}
TOKENS: dict[str, Callable[[np.ndarray, np.ndarray, list[int]], np.ndarray]] = {
    "": lambda logs, u, ids: logs[np.arange(len(ids)), ids],
    "best_token_scored": lambda logs, u, ids: logs[np.arange(len(ids)), u.argmax(axis=1)],
    "best_token_scored ": lambda logs, u, ids: logs.max(axis=1),
    "best_token_scored  ": lambda logs, u, ids: logs[np.arange(len(ids)), np.nan_to_num(logs).argmax(axis=1)],
    "ids_shifted": lambda logs, u, ids: logs[np.arange(len(ids) - 1), ids[1:]],
    "first_token_dropped": lambda logs, u, ids: logs[np.arange(1, len(ids)), ids[1:]],
    "last_token_dropped": lambda logs, u, ids: logs[np.arange(len(ids) - 1), ids[:-1]],
    "least_probable_token": lambda logs, u, ids: logs.min(axis=1),
    "whole_rows_added": lambda logs, u, ids: logs.reshape(-1),
    "columns_for_targets": lambda logs, u, ids: logs[:, ids].reshape(-1),
}
SUM: dict[str, Callable[[np.ndarray], float]] = {
    "": lambda logs: logs.sum(),
    "log_of_mean": lambda logs: np.log(np.exp(logs).mean()),
    "mean_of_logs": lambda logs: logs.mean(),
    "log_of_sum": lambda logs: np.log(np.exp(logs).sum()),
    "log_of_underflowed_product": lambda logs: np.log(np.prod(np.exp(logs))),
    "probability_for_log": lambda logs: np.exp(logs.sum()),
    "probabilities_added_for_logs": lambda logs: np.exp(logs).sum(),
    "mean_probability_for_score": lambda logs: np.exp(logs).mean(),
    "surprisal_for_log_prob": lambda logs: -logs.sum(),
    "bits_for_nats": lambda logs: logs.sum() / math.log(2),
    "last_only": lambda logs: logs[-1] if len(logs) else 0.0,
}
WAYS = list(itertools.product(SOFTMAX, TOKENS, SUM))
PARTS = ("softmax", "tokens", "sum")


def three_repairs(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E08.6: the right value on every case; otherwise, which of the three choices are wrong. A choice is right where
    every combination that explains the numbers has it right: a constant 0.0 says nothing of the sum."""
    findings = agrees(log_of_product, atol=1e-12)(cases, seen)
    if not findings:
        return []
    at, ways = findings[0].case, WAYS
    for case, one in zip(cases, seen, strict=True):
        try:
            got = None if one.error else number(one.value)
        except Unusable:
            return findings[:1]
        rtol = 1e-5 if single_precision(one.value) else 1e-8
        logits, ids = case.fresh_args()
        ways = [way for way in ways if _explains(way, logits, ids, got, rtol)]
        if not ways:
            return [Finding(findings[0].message, at)]
    simplest = min(ways, key=lambda way: sum(bool(name) for name in way))
    told = [
        Finding(f"{part}: {message(name.strip())}", at, part)
        for part, name in zip(PARTS, simplest, strict=True)
        if name
    ]
    unknown = [part for i, part in enumerate(PARTS) if not simplest[i] and any(way[i] for way in ways)]
    return told + [Finding(f"{part}: the other faults hide whether this is right", at, part) for part in unknown]


def _explains(way: tuple, logits: np.ndarray, ids: list[int], got: float | Fraction | None, rtol: float) -> bool:
    """Whether this combination gives `got`; an error stands for what is not finite."""
    softmax, tokens, add = way
    expected = float(SUM[add](TOKENS[tokens](SOFTMAX[softmax](logits), logits, ids)))
    if got is None:
        return not math.isfinite(expected)
    return close(got, expected, rtol, atol=1e-10)


# --- E08.7 ----------------------------------------------------------------------------------------------------------

CHOICES = {"A": "mean_for_log_prob", "B": "eos_left_unscored", "C": "logits_for_ranking", "E": "penalised_for_log_prob"}


def complete(tokens: Sequence[float], eos: float) -> float:
    """The log of the probability of all tokens and then the end, term by term in exact fractions."""
    terms = [*tokens, eos]
    return -math.inf if -math.inf in terms else float(sum(map(Fraction, terms), start=Fraction(0)))


@each_case(parts={"complete_score": "function", "choice": "choice"})
def chosen(case: Case, one: Seen) -> str:
    """E08.7: the function on every case, and the letter."""
    function, *args = case.fresh_args()
    return _choice_fault(one.value) if function == "choice" else differs(case, one, complete(*args), atol=1e-12)


def _choice_fault(said: Any) -> str:
    found = re.fullmatch(r"\W*(?:[Ss]corer\s+)?([A-Ea-e])\W*", said) if isinstance(said, str) else None
    if not found:
        raise Unusable(f"choice: {describe(said)} came back where a letter from A to E is asked for")
    letter = found[1].upper()
    return "" if letter == "D" else message(CHOICES[letter])


JUDGES: dict[str, Judge] = {
    "E08.1": matches(probabilities, read=array),
    "E08.2": matches(most_probable),
    "E08.3": Judge(3, repaired_score, parts={"fix": 2, "bias": 1}),
    "E08.4": Judge(3, selected, parts={"fix": 2, "numbers": 1}),
    "E08.5": Judge(1, audited),
    "E08.6": Judge(3, three_repairs, parts=dict.fromkeys(PARTS, 1)),
    "E08.7": Judge(3, chosen, parts={"choice": 1, "function": 2}),
    "E08.8": value(3, rtol=0.01 / 3),
}
