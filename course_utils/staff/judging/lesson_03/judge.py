"""Judges the answers of lesson 03 against references that take another route than the solution."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array
from course_utils.checks.probing import Case
from course_utils.checks.reading import RTOL, RTOL_SINGLE, Unusable, close, describe, number, show, single_precision
from course_utils.checks.reading import numbers as read_numbers
from course_utils.staff.judging.judging import Finding, Judge, Seen, differs, each_case, matches, value
from course_utils.staff.judging.mutants import message

WIDE = Context(prec=40, Emin=MIN_EMIN, Emax=MAX_EMAX)  # 0.1 to the power 5000 is an ordinary number here


# --- E03.2 ----------------------------------------------------------------------------------------------------------

LOG_OF_ONE_HUNDREDTH = float(-WIDE.ln(Decimal(100)))
KNOWN_PAIRS = {
    "log10_for_ln": math.log10(0.01),
    "bits_for_nats": math.log2(0.01),
    "probability_for_log": 0.01,
    "surprisal_for_log_prob": -LOG_OF_ONE_HUNDREDTH,
}


def two_routes(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E03.2: both numbers are log 0.01."""
    got = list(seen[0].value.values()) if isinstance(seen[0].value, dict) else seen[0].value
    pair = read_numbers(got, 2, "log-probabilities")
    rtol = RTOL_SINGLE if single_precision(got) else RTOL
    wrong = [i for i in (0, 1) if not close(pair[i], LOG_OF_ONE_HUNDREDTH, rtol)]
    if not wrong:
        return []
    near = [abs(float(x) - LOG_OF_ONE_HUNDREDTH) < 6e-3 for x in pair]
    if all(near):
        return [Finding("right, but rounded: return the unrounded numbers", 0)]
    for name, known in KNOWN_PAIRS.items():
        if all(abs(float(x) - known) < 1e-3 * abs(known) for x in pair):
            return [Finding(message(name), 0)]
    first = wrong[0]
    which = "the first number, the log of the product," if first == 0 else "the second number, the sum of the logs,"
    return [Finding(f"{which} is not right: {show(pair[first])} came back", 0)]


# --- E03.3 ----------------------------------------------------------------------------------------------------------

# The largest power of two that a format rounds to 0: half of its smallest positive number, a tie that goes to even.
ROUNDS_TO_ZERO = {"float64": 1075, "float32": 150, "float16": 25, "bfloat16": 134}
ALSO_RIGHT: dict[Any, int] = {(0.05, "bfloat16"): 31}  # if only the products are rounded and p is not


@functools.cache
def underflow_by_size(p: float, dtype: str) -> int:
    """The smallest n with p ** n <= 2 ** -k, in whole numbers, where k says what the format rounds to 0."""
    top, bottom = Fraction(p).limit_denominator(10**6).as_integer_ratio()  # 1/10 for the float 0.1
    left, right, n = 2 ** ROUNDS_TO_ZERO[dtype], 1, 0
    while left > right:
        left, right, n = left * top, right * bottom, n + 1
    return n


@each_case()
def first_underflows(case: Case, one: Seen) -> str:
    """E03.3: the exact n for every factor and format."""
    other = number(one.value) == ALSO_RIGHT.get(case.args)
    return "" if other else differs(case, one, underflow_by_size(*case.fresh_args()))


# --- E03.4 and E03.5 ------------------------------------------------------------------------------------------------


def product(probs: Sequence[float]) -> Decimal:
    """The product to 40 digits, whatever its size: equal factors are counted and raised to a power."""
    result = Decimal(1)
    for p, times in Counter(probs).items():
        result = WIDE.multiply(result, WIDE.power(Decimal(p), times))
    return result


def log_of_product(probs: Sequence[float]) -> float:
    """The logarithm of the product, in an arithmetic in which the product does not underflow."""
    whole = product(probs)
    return float(WIDE.ln(whole)) if whole else -math.inf


def most_probable(candidates: Sequence[Sequence[float]]) -> int:
    """The index of the largest product."""
    products = [product(probs) for probs in candidates]
    return max(range(len(products)), key=products.__getitem__)


# --- E03.6 ----------------------------------------------------------------------------------------------------------

REASONS = {  # C is right
    "A": "speed_for_stability",
    "B": "logs_improve_the_model",
    "D": "logs_change_the_ranking",
    "E": "logs_normalise_length",
    "F": "logs_are_positive",
}
FORMULAS = {  # B is right
    "A": "log_of_sum",
    "C": "product_of_logs",
    "D": "probabilities_added_for_logs",
    "E": "context_dropped",
}
SMALLEST = -150 * math.log(2)  # a product of this log or less is 0 in float32


def reason_formula_witness(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E03.6: two letters, and two lists that underflow in float32 but are not equally probable."""
    got = seen[0].value
    if isinstance(got, list | tuple) and len(got) == 3:
        got = dict(zip(("reason", "formula", "witness"), got, strict=True))
    if not isinstance(got, dict):
        raise Unusable(f'{describe(got)} came back where a dict with "reason", "formula" and "witness" is asked for')
    got = {str(key).strip().lower(): item for key, item in got.items()}
    missing = [name for name in ("reason", "formula", "witness") if name not in got]
    if missing:
        raise Unusable(f'there is no entry "{missing[0]}" in the dict')
    findings = [*_choice(got, "reason", "C", REASONS), *_choice(got, "formula", "B", FORMULAS)]
    try:
        fault = witness_fault(got.get("witness"))
    except Unusable as reason:
        fault = f"witness: {reason}"
    return findings + ([Finding(fault, 0, "witness")] if fault else [])


def _choice(got: dict, name: str, right: str, known: dict[str, str]) -> list[Finding]:
    found = re.fullmatch(r"\W*([A-Za-z])\W*", got[name]) if isinstance(got.get(name), str) else None
    letter = found[1].upper() if found else ""
    if letter == right:
        return []
    if letter in known:
        return [Finding(message(known[letter]), 0, name)]
    return [
        Finding(f'"{name}" is a letter from A to {max(known)}; what came back is {describe(got.get(name))}', 0, name)
    ]


def witness_fault(witness: Any) -> str:
    """What is wrong with the two lists; empty if nothing is."""
    if isinstance(witness, dict):
        witness = list(witness.values())
    if isinstance(witness, Array) and witness.values.ndim == 2:
        witness = list(witness.values.tolist())
    if not isinstance(witness, list | tuple) or len(witness) != 2:
        raise Unusable(f"{describe(witness)} came back where two lists of probabilities are asked for")
    lists = [[float(p) for p in read_numbers(_listed(probs), None, "probabilities")] for probs in witness]
    for name, probs in zip(("first", "second"), lists, strict=True):
        if not all(0 < p <= 1 for p in probs):
            odd = next(p for p in probs if not 0 < p <= 1)
            return f"witness: the {name} list holds {show(odd)}; all numbers have to lie above 0 and be at most 1"
        if not underflows_in_float32(probs):
            total = math.fsum(map(math.log, probs))
            return (
                f"witness: the product of the {name} list is not 0 in float32; its logs add up to {total:.1f}, "
                "and it takes less than about -104"
            )
    first, second = (math.fsum(map(math.log, probs)) for probs in lists)
    return "" if abs(first - second) > 1e-3 else message("witness_is_equal_in_log")


def _listed(probs: Any) -> Any:
    return probs.values.ravel().tolist() if isinstance(probs, Array) else probs


def underflows_in_float32(probs: Sequence[float]) -> bool:
    """Whether the product is 0 in float32: by its true size, or when it is multiplied factor by factor."""
    if math.fsum(map(math.log, probs)) <= SMALLEST:
        return True
    with np.errstate(all="ignore"):
        return bool(np.multiply.reduce(np.array(probs, dtype=np.float32)) == 0)


# --- E03.7 ----------------------------------------------------------------------------------------------------------

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@each_case()
def underflow_plot(case: Case, one: Seen) -> list[str]:
    """E03.7: a line with the product on a log axis, and a line with the sum of logs on a linear one."""
    return _plot_faults(one.value, *case.fresh_args())


def _plot_faults(drawn: Any, p: float, n: int, dtype: str = "float32") -> list[str]:
    lines = [(panel["yscale"], *map(_points, line)) for panel in drawn["panels"] for line in panel["lines"]]
    if not drawn["panels"]:
        kind = drawn["type"]
        missing = "None came back (is a return missing?)" if kind == "None" else f"an object of type {kind} came back"
        return [f"{missing}: return the two Axes"]
    if not lines:
        return ["there is no line on the Axes: use ax.plot"]
    product_faults = [_product_fault(x, y, p, n, dtype) for scale, x, y in lines if scale == "log"]
    logs_faults = [_log_fault(x, y, p, n, dtype) for scale, x, y in lines if scale == "linear"]
    faults = []
    if "" not in product_faults:
        if any(not _product_fault(x, y, p, n, dtype) for scale, x, y in lines if scale != "log"):
            faults.append(message("product_on_linear_axis"))
        else:
            log_axes = any(panel["yscale"] == "log" for panel in drawn["panels"])
            otherwise = (
                "the log axis shows no line: ax.plot" if log_axes else "no y axis is a log axis: set_yscale('log')"
            )
            faults.append(next(filter(None, product_faults), otherwise))
    if "" not in logs_faults:
        if any(not _log_fault(x, y, p, n, dtype) for scale, x, y in lines if scale != "linear"):
            faults.append("the sum of logs is negative: it needs an axis with a linear y scale of its own")
        else:
            faults.append(next(filter(None, logs_faults), "no axes with a linear y scale shows the sum of the logs"))
    return faults


def _points(values: Any) -> np.ndarray:
    if not isinstance(values, Array) or values.values.ndim != 1:
        raise Unusable("the plot could not be read")
    return values.values


def _product_fault(x: np.ndarray, y: np.ndarray, p: float, n: int, dtype: str) -> str:
    """Why this line is not the running product in `dtype`; empty if it is."""
    cliff = underflow_by_size(p, dtype)
    drawn = {int(k): v for k, v in zip(x, y, strict=True) if k == int(k) and v > 0} if np.all(np.isfinite(x)) else {}
    if not drawn:
        return "no line on the log axis shows the running product"
    if all(_is_product(k + 1, v, p, dtype) for k, v in drawn.items()):
        return message("plot_starts_at_zero")
    if any(not _is_product(k, v, p, dtype) for k, v in drawn.items() if k < cliff - 1):
        return "no line on the log axis shows the running product: after k factors it is about p ** k"
    if any(k > cliff for k in drawn):
        return message("product_never_rounded")
    if not set(range(1, cliff - 1)) <= set(drawn):
        return "the line of the product lacks some lengths before the cliff: draw it for 1, 2, ..., n factors"
    return "" if max(x) <= n else f"the line of the product ends at {show(float(max(x)))}; n is {n}"


def _is_product(k: int, v: float, p: float, dtype: str) -> bool:
    """Whether v is p ** k as a format with so many digits may have it: every rounding moved it by half a unit."""
    exact = p**k
    smallest = 2.0 ** (1 - ROUNDS_TO_ZERO[dtype])
    return abs(v - exact) <= (k + 1) * EPSILON[dtype] * exact + 2 * smallest


def _log_fault(x: np.ndarray, y: np.ndarray, p: float, n: int, dtype: str) -> str:
    """Why this line is not the sum of the logs in nats; empty if it is."""
    if not len(x) or not np.all(np.isfinite(x)):
        return "no axes with a linear y scale shows the sum of the logs"
    end = underflow_by_size(p, dtype)
    good = np.isfinite(y)
    at, got = x[good], y[good]
    slope = math.log(p)

    def is_line(rise: float, start: float = 0.0) -> bool:
        return len(at) > 1 and all(close(v, k * rise + start, 1e-5) for k, v in zip(at, got, strict=True) if k > 0)

    if is_line(slope) and good.all():
        if min(x) > 1 or max(x) < n - 0.5 or max(x) > n + 0.5:
            ends = f"from {show(float(min(x)))} to {show(float(max(x)))}"
            return f"the line of the logs runs {ends}; it should run from 1 to n = {n}"
        return ""
    if not good.all() and len(at) <= end and len(at) > 1:
        return message("log_of_underflowed_product")
    if is_line(slope, slope):
        return message("plot_starts_at_zero")
    if is_line(-slope):
        return message("surprisal_for_log_prob")
    if is_line(slope / math.log(2)):
        return message("bits_for_nats")
    if is_line(slope / math.log(10)):
        return message("log10_for_ln")
    return "no line on the linear axis has the slope log p: after k factors the sum of the logs is k * log p"


# --- E03.8 ----------------------------------------------------------------------------------------------------------


def bits(nats: float) -> float:
    """In decimal arithmetic: the number of nats that make a bit is ln 2."""
    return float(WIDE.divide(Decimal(nats), WIDE.ln(Decimal(2))))


JUDGES = {
    "E03.1": value(-(Fraction(3, 2) + 2 + Fraction(6, 5))),
    "E03.2": Judge(1, two_routes),
    "E03.3": Judge(2, first_underflows),
    "E03.4": matches(log_of_product),
    "E03.5": matches(most_probable),
    "E03.6": Judge(3, reason_formula_witness, parts={"reason": 1, "formula": 1, "witness": 1}),
    "E03.7": Judge(2, underflow_plot),
    "E03.8": matches(bits),
}
