"""Judges the answers of lesson 04 against references in decimal arithmetic, in which nothing over- or underflows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array
from course_utils.checks.probing import Case
from course_utils.checks.reading import Unusable, array, describe, number, show, truth
from course_utils.checks.reading import numbers as read_numbers
from course_utils.staff.judging.judging import Finding, Judge, Seen, each_case, matches, value
from course_utils.staff.judging.mutants import message

WIDE = Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX)  # exp(10000) and exp(-10000) are ordinary numbers here


# --- E04.1 and E04.2 ------------------------------------------------------------------------------------------------


def _log_total(values: np.ndarray) -> Decimal:
    """The log of the sum of exp, to 60 digits; the log of 0 is -Infinity."""
    total = Decimal(0)
    for v in values:
        total = WIDE.add(total, WIDE.exp(Decimal(float(v))))  # exp(-Infinity) is 0
    return WIDE.ln(total)


def log_total(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """log sum exp as its definition says it, slice by slice."""
    values = np.asarray(values, dtype=np.float64)
    rows = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, -1)
    result = np.array([float(_log_total(row)) for row in rows.reshape(-1, rows.shape[-1])])
    return result.reshape(() if axis is None else rows.shape[:-1])


def log_shares(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """The log of exp(u) / sum of exp(u), slice by slice."""
    rows = np.moveaxis(np.asarray(logits, dtype=np.float64), axis, -1)
    result = np.empty(rows.shape)
    for index in np.ndindex(rows.shape[:-1]):
        total = _log_total(rows[index])
        result[index] = [float(WIDE.subtract(Decimal(float(u)), total)) for u in rows[index]]
    return np.moveaxis(result, -1, axis)


def one_or_many(got: Any) -> np.ndarray:
    """An array; a single number, in whatever packing, has shape ()."""
    try:
        return np.array(float(number(got)))
    except Unusable:
        return array(got)


# --- E04.3 ----------------------------------------------------------------------------------------------------------


def log_complement(x: float) -> float:
    """log(1 - exp(x)) to 60 digits."""
    return float(WIDE.ln(WIDE.subtract(Decimal(1), WIDE.exp(Decimal(x)))))


# --- E04.5 ----------------------------------------------------------------------------------------------------------


def sum_where(log_probs: np.ndarray, mask: np.ndarray) -> float:
    """Term by term: what the mask leaves out is never looked at."""
    total = Fraction(0)
    for at in np.ndindex(mask.shape):
        if mask[at]:
            if log_probs[at] == -math.inf:
                return -math.inf
            total += Fraction(float(log_probs[at]))
    return float(total)


# --- E04.6 ----------------------------------------------------------------------------------------------------------


def witness(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E04.6: the share of the logits above 0.99, the probability below one half."""
    got = seen[0].value
    if isinstance(got, Array):
        got = got.values.ravel().tolist()
    logits = read_numbers(got, None, "logits")
    fault = _witness_fault(logits)
    return [Finding(fault, 0)] if fault else []


def _witness_fault(logits: Sequence[float | Fraction]) -> str:
    if len(logits) < 2:
        return f"{describe([float(u) for u in logits])} came back; give the logits of at least two tokens"
    if not all(math.isfinite(u) for u in logits):
        return "all logits have to be finite"
    exact = [Fraction(u) for u in logits]
    total = sum(exact)
    if abs(total) <= Fraction(1, 10**12) * max(map(abs, exact)):
        return message("sum_of_logits_is_zero")
    if not exact[0] / total > Fraction(99, 100):
        return f"u[0] / sum(u) is {show(float(exact[0] / total))} here; it has to be above 0.99"
    odds = [math.exp(min(float(u - exact[0]), 700.0)) for u in exact]  # of each token against the first
    return "" if 1 / math.fsum(odds) < 0.5 else message("softmax_agrees_with_share")


# --- E04.7 ----------------------------------------------------------------------------------------------------------

# Which scores stay when every row of logits gets a constant of its own. By algebra, kind by kind: the constant cancels
# in a difference of two logits of one row, or of a logit and a log-sum-exp; it does not in the others.
INVARIANT = {
    "log-softmax, summed": True,
    "log-softmax, averaged": True,
    "the sum of the logits": False,
    "logits divided by their sum": False,
    "softmax over a fixed shortlist": True,
    "the mean of the logits": False,
    "the margin to the best logit": True,
    "log-softmax of rescaled logits": False,
    "log-sigmoid of each logit": False,
    "the product of softmax probabilities": True,
    "only the last position normalised": False,
    "log-softmax at a temperature": True,
    "log-softmax minus a penalty on its normaliser": False,
    "logits minus their mean": True,
    "log-softmax plus a little of the logit": False,
    "log-softmax of the three best": True,
    "minus the squared distance to a target": False,
    "logits divided by the sum of their sizes": False,
    "the same for every logit": True,
}


@each_case()
def verdicts(case: Case, one: Seen) -> str:
    """E04.7: the right yes or no for each scorer."""
    said, right = _yes_or_no(one.value), INVARIANT[case.label]
    if said == right:
        return ""
    return f"{said} came back for a score that {'is' if right else 'is not'} invariant: {case.label}"


def _yes_or_no(said: Any) -> bool:
    """True or False, also as 0 or 1; a difference of two scores is neither."""
    if isinstance(said, bool | str):
        return truth(said)
    if isinstance(said, Array) and said.values.size == 1 and "float" not in said.dtype:
        said = int(said.values.reshape(()))
    if isinstance(said, int) and said in (0, 1):
        return bool(said)
    raise Unusable(f"{describe(said)} came back where True or False is asked for")


JUDGES: dict[str, Judge] = {
    "E04.1": matches(log_total, atol=1e-12, read=one_or_many),
    "E04.2": matches(log_shares, atol=1e-11, read=array),
    "E04.3": matches(log_complement),
    "E04.4": value(float(-WIDE.ln(WIDE.add(Decimal(1), WIDE.exp(Decimal(-40)))))),
    "E04.5": matches(sum_where),
    "E04.6": Judge(2, witness),
    "E04.7": Judge(4, verdicts),
}
