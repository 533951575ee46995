"""Judges what the reader of lecture 00 writes."""

from __future__ import annotations

from decimal import Decimal, localcontext

from course_utils.checks.probing import Case
from course_utils.checks.reading import show
from course_utils.staff.judging.judging import Judge, Seen, each_case, matches


def log_by_decimals(probabilities: list[float]) -> float:
    """The logarithm of the product, with 60 digits, where a product of some hundred factors is not 0 yet."""
    with localcontext(prec=60, Emin=-999999):
        product = Decimal(1)
        for p in probabilities:
            product *= Decimal(p)
        return float(product.ln())


@each_case()
def contexts(case: Case, one: Seen) -> str:
    """00.b: all tokens before the i-th of y, in their order."""
    x, y, i = case.fresh_args()
    expected = [*x]
    for token in y:
        if len(expected) == len(x) + i - 1:
            break
        expected.append(token)
    got = list(one.value) if isinstance(one.value, list | tuple) else one.value
    return "" if got == expected else f"{show(one.value)} came back, where {show(expected)} is right"


JUDGES = {"00.a": matches(log_by_decimals, 1), "00.b": Judge(1, contexts)}
