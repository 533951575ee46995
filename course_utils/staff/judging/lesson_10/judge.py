"""Judges the answers of lesson 10: models in float64, one sequence at a time; counts one by one; exact fractions."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array, Malformed, decode
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    Unusable,
    array,
    close,
    describe,
    entries,
    number,
    numbers,
    show,
)
from course_utils.staff.judging.judging import Finding, Judge, Seen, differs, each_case, matches, of
from course_utils.staff.judging.mutants import message

FLOAT32 = 1e-4  # nats: what a sum over at most a hundred tokens may lose in float32, on any device
SHOWN = 3  # decimals in which an answer is compared with a known mistake: both come from float32

# --- E10.1, E10.2 and E10.5: a model in float64, one sequence at a time ----------------------------------------------

_known: dict[str, Any] = {}  # by the call, which says model and ids


def remembered(reference: Callable, case: Case) -> Any:
    """reference(*arguments of the case), computed once for each call."""
    call = case.call("")
    if call not in _known:
        _known[call] = reference(*case.fresh_args())
    return _known[call]


def exact(model: Any, ids: Sequence[int]) -> float:
    """log Pr(ids | BOS): the model in float64, the log-softmax by its definition in numpy."""
    import torch

    with torch.no_grad():
        logits = copy.deepcopy(model).double()(torch.tensor([list(ids)])).logits[0].numpy()
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return math.fsum(logs[t, token] for t, token in enumerate(ids[1:]))


def exact_batch(model: Any, sequences: Sequence[Sequence[int]]) -> list[float]:
    """The same for each sequence."""
    return [exact(model, ids) for ids in sequences]


@each_case()
def same_as_alone(case: Case, one: Seen) -> str:
    """E10.1 and E10.2: the scores of a batch are those of its sequences alone."""
    return differs(case, one, remembered(exact_batch, case), atol=FLOAT32, read=scores)


def scores(value: Any) -> np.ndarray:
    """The scores as an array (N,): from an array, a tensor, or a list of numbers. Raises Unusable."""
    got = array(value)
    return got.reshape(-1) if got.ndim == 2 and 1 in got.shape else got


def rounded(read: Callable) -> Callable:
    """A reading in which a known mistake is recognised although both were computed in float32."""

    def reading(value: Any) -> list:
        return np.round(np.atleast_1d(np.asarray(read(value), dtype=np.float64)), SHOWN).tolist()

    return reading


@each_case()
def few_rows(case: Case, one: Seen) -> str:
    """E10.5: the right value, and never more than `chunk` rows of |V| numbers."""
    right, chunk, n = remembered(lambda model, ids, chunk: (exact(model, ids), chunk, len(ids)), case)
    if fault := differs(case, one, right, atol=FLOAT32 * max(1.0, n / 12)):  # in float32, of a sum near -1000
        return fault
    rows = decode(one.items["rows"])
    if not isinstance(rows, int):
        raise Malformed("no number of rows")
    return f"{message('more_rows_than_chunk')} ({rows} rows, chunk is {chunk})" if rows > chunk else ""


# --- E10.3 and E10.4 ------------------------------------------------------------------------------------------------

STRATEGIES = ("two_passes", "marginal_once", "one_pass", "shared")


def counted(m: int, n: int, k: int) -> list[int]:
    """E10.3: the strings that go through the model, written down one by one and measured."""
    x, xy, y = "x" * m, "x" * m + "y" * n, "y" * n
    runs = ([x, xy] * k, [x, *[xy] * k], [xy] * k, [x, *[y] * k])
    return [sum(map(len, strings)) for strings in runs]


def four_counts(value: Any) -> list:
    """Four numbers, from a dict with the names of the strategies or in their order. Raises Unusable."""
    return [number(item) for item in entries(value, STRATEGIES).values()]


@each_case()
def positions(case: Case, one: Seen) -> str:
    """E10.3: the four counts on every case."""
    for name, got, right in zip(STRATEGIES, four_counts(one.value), counted(*case.fresh_args()), strict=True):
        if not close(got, right):
            return f"{name}: {show(got)} came back, where {right} is right"
    return ""


def size(batch: int, length: int, vocabulary: int, width: int) -> Fraction:
    """E10.4: bytes, exactly."""
    return Fraction(batch) * length * vocabulary * width


# --- E10.6 ----------------------------------------------------------------------------------------------------------

OFF = 0.5  # nats, by which the witness's difference is to be wrong
OWN = 0.05  # nats, within which the format itself keeps log Pr(y|x) ...
NEAREST = -100.0  # ... which is at least so much
LARGEST = 65504  # of float16


def y_alone(log_probs: np.ndarray, m: int) -> float:
    """log Pr(y | x): the terms of y added up exactly."""
    return math.fsum(float(term) for term in log_probs[m:])


@each_case(parts={"conditional_sum": "sum", "e10_6": ("choice", "witness")})
def sums(case: Case, one: Seen) -> str | list[Finding]:
    """E10.6: the sum on every case, the choice, and the witness."""
    function, *args = case.fresh_args()
    return _choice(one.value) if function == "e10_6" else differs(case, one, y_alone(*args), atol=FLOAT32)


def _choice(got: Any) -> list[Finding]:
    said = entries(got, ("choice", "witness"))
    findings = []
    word = said["choice"].strip().lower() if isinstance(said["choice"], str) else None
    if word in ("difference", "b", "joint minus marginal"):
        findings.append(Finding(message("difference_preferred"), part="choice"))
    elif word not in ("direct", "a", "direct sum"):
        text = f'choice: {describe(said["choice"])} came back where "direct" or "difference" is asked for'
        findings.append(Finding(text, part="choice"))
    try:
        fault = _witness_fault(said["witness"])
    except Unusable as reason:
        fault = f"witness: {reason}"
    return findings + ([Finding(fault, part="witness")] if fault else [])


def _witness_fault(said: Any) -> str:
    """What is wrong with (log Pr(x), log Pr(y|x)); empty if float16 loses y in the difference."""
    if isinstance(said, dict) and len(said) == 2:
        said = list(said.values())
    x, y = (float(item) for item in numbers(said, 2, "log-probabilities"))
    if not (math.isfinite(x) and math.isfinite(y)):
        return message("witness_not_finite")
    if x > 0 or y > 0:
        return message("witness_above_zero")
    if abs(x) + abs(y) > LARGEST:
        return message("witness_overflows")
    with np.errstate(all="ignore"):
        joint, marginal, direct = np.float16(x + y), np.float16(x), np.float16(y)
        lost = abs(float(np.float16(joint - marginal)) - y)
    if y < NEAREST or abs(float(direct) - y) > OWN:
        return message("witness_y_too_large")
    return "" if lost > OFF else f"{message('witness_no_loss')}: here it is off by {lost:.3g}"


# --- E10.7 ----------------------------------------------------------------------------------------------------------


def order(candidates: Sequence[tuple[str, Sequence[float]]], how: str) -> list[int]:
    """Indices, best first, by exact fractions of the total."""

    def key(index: int) -> float | Fraction:
        text, logs = candidates[index]
        if -math.inf in logs:
            return -math.inf
        return sum(map(Fraction, logs)) / {"sum": 1, "mean": len(logs), "bits_per_byte": len(text.encode())}[how]

    return sorted(range(len(candidates)), key=key, reverse=True)


def indices(value: Any) -> list:
    """A list of indices, from a list, an array or a tensor. Raises Unusable."""
    got = numbers(value, None, "indices")
    if not all(float(item).is_integer() for item in got):
        raise Unusable(f"{show(value)} came back where the indices of the candidates are asked for")
    return [int(item) for item in got]


@each_case()
def rankings(case: Case, one: Seen) -> str:
    """E10.7: the right order on every case."""
    got, right = indices(one.value), order(*case.fresh_args())
    return "" if got == right else f"{show(got)} came back, where {show(right)} is right{of(case)}"


# --- E10.8 ----------------------------------------------------------------------------------------------------------

APART = 1e-9  # nats by which two numbers have to differ to count as different
LETTER = re.compile(r"\W*([A-Da-d])\s*(?:[:.)\]-].*)?\W*", re.DOTALL)  # also "(A)" and "A: the same x"
WHY_NOT = {"B": "harmless_if_equal_lengths", "C": "harmless_if_y_long", "D": "never_harmless"}


def joint_for_conditional(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E10.8: the letter, and two pairs whose order the joint turns round."""
    said = entries(seen[0].value, ("harmless", "pairs"))
    letter, findings = said["harmless"], []
    found = LETTER.fullmatch(letter) if isinstance(letter, str) else None
    letter = found[1].upper() if found else None
    if letter is None:
        text = f"harmless: {describe(said['harmless'])} came back where a letter from A to D is asked for"
        findings.append(Finding(text, 0, "choice"))
    elif letter != "A":
        findings.append(Finding(message(WHY_NOT[letter]), 0, "choice"))
    try:
        fault = _pairs_fault(said["pairs"])
    except Unusable as reason:
        fault = f"pairs: {reason}"
    return findings + ([Finding(fault, 0, "pairs")] if fault else [])


def _pairs_fault(said: Any) -> str:
    if isinstance(said, dict) and len(said) == 2:
        said = list(said.values())
    if isinstance(said, Array) and said.values.shape == (2, 2):
        said = said.values.tolist()
    if not isinstance(said, list | tuple) or len(said) != 2:
        raise Unusable(f"{describe(said)} came back where two pairs (joint, marginal) are asked for")
    pairs = [[float(item) for item in _pair(one)] for one in said]
    if not all(math.isfinite(item) for pair in pairs for item in pair):
        return message("pairs_not_finite")
    (joint, marginal), (other_joint, other_marginal) = pairs
    if any(pair[0] > pair[1] or pair[1] > 0 for pair in pairs):
        swapped = all(pair[1] <= pair[0] <= 0 for pair in pairs)
        return message("pairs_swapped" if swapped else "pairs_impossible")
    if abs(marginal - other_marginal) <= APART:
        return message("pairs_same_x")
    by_joint, by_conditional = joint - other_joint, (joint - marginal) - (other_joint - other_marginal)
    if min(abs(by_joint), abs(by_conditional)) <= APART:
        return message("pairs_tie")
    return "" if (by_joint > 0) != (by_conditional > 0) else message("pairs_same_order")


def _pair(said: Any) -> list:
    return (
        list(map(number, entries(said, ("joint", "marginal")).values())) if isinstance(said, dict) else numbers(said, 2)
    )


JUDGES: dict[str, Judge] = {
    "E10.1": Judge(2, same_as_alone, read=rounded(scores)),
    "E10.2": Judge(2, same_as_alone, read=rounded(scores)),
    "E10.3": Judge(2, positions, read=four_counts),
    "E10.4": matches(size, rtol=1e-12),
    "E10.5": Judge(2, few_rows, read=rounded(number)),
    "E10.6": Judge(4, sums, parts={"sum": 2, "choice": 1, "witness": 1}),
    "E10.7": Judge(2, rankings, read=indices),
    "E10.8": Judge(2, joint_for_conditional, parts={"choice": 1, "pairs": 1}),
}
