"""Judges the answers of lesson 01 against references that take another route than the solution."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.probing import Case
from course_utils.checks.reading import Unusable, array, close, labels, number, numbers, show
from course_utils.staff.judging.judging import Finding, Judge, Seen, each_case, matches, value

# E01.4, in the order of the task's list: which of the six is Pr(x1, x2, x3, x4), whatever the distribution?
IDENTITIES = {
    "A": True,  # Pr(x1) Pr(x2|x1) Pr(x3|x1,x2) Pr(x4|x1,x2,x3)
    "B": False,  # Pr(x1) Pr(x2) Pr(x3) Pr(x4)
    "C": False,  # Pr(x1) Pr(x2|x1) Pr(x3|x2) Pr(x4|x3)
    "D": True,  # Pr(x4) Pr(x3|x4) Pr(x2|x3,x4) Pr(x1|x2,x3,x4)
    "E": False,  # Pr(x1) + Pr(x2|x1) + Pr(x3|x1,x2) + Pr(x4|x1,x2,x3)
    "F": False,  # Pr(x1|x2) Pr(x2|x3) Pr(x3|x4) Pr(x4)
}

PREFIX_PROBABILITIES = {"Pr(ab)": Fraction(6, 10) * Fraction(7, 10), "Pr(ba)": Fraction(4, 10) * Fraction(5, 10)}


def exact_product(conds: list[float]) -> float:
    """The product in exact arithmetic, rounded once."""
    product = Fraction(1)
    for factor in conds:
        product *= Fraction(factor)
    return float(product)


def next_by_counting(joint: np.ndarray, prefix: tuple[int, ...]) -> list[float]:
    """Pr(next | prefix) by visiting every cell of the table and adding its mass to its symbol, in exact arithmetic."""
    mass = [Fraction(0)] * joint.shape[len(prefix)]
    for cell, probability in np.ndenumerate(joint):
        if cell[: len(prefix)] == prefix:
            mass[cell[len(prefix)]] += Fraction(float(probability))
    return [float(m / sum(mass)) for m in mass]


def six_labels(answer: Any) -> dict[str, bool]:
    """E01.4: the answer, whatever its form, as a dict from letter to truth value."""
    return labels(answer, "ABCDEF")


def identities(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E01.4: every one of the six labels has to be right."""
    given = six_labels(seen[0].value)
    wrong = [letter for letter, right in IDENTITIES.items() if given[letter] != right]
    if not wrong:
        return []
    which = "one label is" if len(wrong) == 1 else f"{len(wrong)} labels are"
    return [Finding(f"{which} not right: test each of the six on a small joint table that you make up", 0)]


def markov_fails(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E01.5: a 2x2x2 joint table on which Pr(x1) Pr(x2|x1) Pr(x3|x2) is not the joint."""
    table = array(seen[0].value, (2, 2, 2))
    if not np.all(table >= 0):
        return [Finding("a probability in the table is negative or not a number", 0)]
    if abs(table.sum() - 1) > 1e-9:
        return [
            Finding(f"the eight numbers add up to {show(float(table.sum()))}; a joint distribution adds up to 1", 0)
        ]
    gap = np.abs(markov_product(table) - table).max()
    return [] if gap > 1e-3 else [Finding(f"on this table the Markov product misses the joint by only {gap:.1g}", 0)]


def markov_product(table: np.ndarray) -> np.ndarray:
    """Pr(x1) Pr(x2|x1) Pr(x3|x2) for every cell; a factor 0/0 counts as 0."""
    first, pairs, later = table.sum((1, 2)), table.sum(2), table.sum(0)
    product = np.zeros_like(table)
    for a, b, c in np.ndindex(2, 2, 2):
        second = pairs[a, b] / first[a] if first[a] else 0.0
        third = later[b, c] / later[b].sum() if later[b].sum() else 0.0
        product[a, b, c] = first[a] * second * third
    return product


def order_matters(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E01.6: (Pr(ab), Pr(ba)), in this order."""
    got = seen[0].value
    if isinstance(got, dict):
        got = list(got.values())
    pair = numbers(got, 2, "probabilities")
    wrong = [
        name for (name, right), mine in zip(PREFIX_PROBABILITIES.items(), pair, strict=True) if not close(mine, right)
    ]
    return [Finding(f"{' and '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} not right", 0)] if wrong else []


@each_case(errors=True)
def bars(case: Case, one: Seen) -> list[str]:
    """E01.7: one bar for each leaf, as high as its probability, named by its string."""
    if one.error:
        return [one.message or f"the answer raised {one.error}"]
    drawn = one.value.get("bars") if isinstance(one.value, dict) else None
    if not isinstance(drawn, list) or not all(isinstance(bar, dict) for bar in drawn):
        raise Unusable("the plot could not be read")
    (leaves,) = case.fresh_args()
    return _bar_faults(leaves, drawn)


def _bar_faults(leaves: dict[str, float], drawn: list[dict]) -> list[str]:
    if not drawn:
        return ["there are no bars on the Axes: use ax.bar or ax.barh"]
    heights = {bar.get("label"): float(number(bar.get("height"))) for bar in drawn}
    missing = [leaf for leaf in leaves if leaf not in heights]
    if missing:
        which = f"{show(missing[0])}, whose probability is {show(leaves[missing[0]])}"
        return [f"there is no bar with the label {which}: every leaf has one"]
    if len(drawn) > len(leaves):
        return [f"there are {len(drawn)} bars for {len(leaves)} leaves"]
    wrong = [leaf for leaf, p in leaves.items() if not close(heights[leaf], p, 1e-6, 1e-9)]
    if wrong:
        total = sum(heights.values())
        hint = "" if abs(total - 1) < 1e-6 else f"; all bars together are {show(total)} high, and should be 1"
        high, right = show(heights[wrong[0]]), show(leaves[wrong[0]])
        return [f"the bar of {show(wrong[0])} is {high} high; its probability is {right}{hint}"]
    return []


# --- within the lecture -----------------------------------------------------------------------------------------------


def exact_ratio(p: list[float], q: list[float]) -> float:
    """01.b: step by step, in exact arithmetic."""
    ratio = Fraction(1)
    for mine, theirs in zip(p, q, strict=True):
        ratio *= Fraction(mine) / Fraction(theirs)
    return float(ratio)


def leaves_by_listing(symbols: int, length: int) -> int:
    """01.c: each level of the tree has a leaf of the level before for each symbol."""
    leaves = 1
    for _ in range(length):
        leaves = sum([leaves] * symbols)
    return leaves


def first_by_counting(pairs: np.ndarray, second: int) -> list[float]:
    """01.d: the mass of each cell with this second symbol, as a share of them all."""
    mass = [Fraction(float(p)) for (_, j), p in np.ndenumerate(pairs) if j == second]
    return [float(share / sum(mass)) for share in mass]


def widest(theirs: dict[str, float], ours: dict[str, float]) -> float:
    """01.e: the gap of each string, the widest last."""
    return sorted(max(theirs[s], p) - min(theirs[s], p) for s, p in ours.items())[-1]


def exactly_by_walking(after: dict[str, dict[str, float]], string: str) -> float:
    """01.f: from symbol to symbol, with the end as the last."""
    state, mass = "⟨s⟩", Fraction(1)
    for symbol in [*string, "end"]:
        mass *= Fraction(after[state].get(symbol, 0))
        state = symbol
    return float(mass)


JUDGES = {
    "E01.1": value(Fraction(4, 100)),
    "E01.2": matches(exact_product),
    "E01.3": matches(next_by_counting, read=array),
    "E01.4": Judge(1, identities, read=six_labels),
    "E01.5": Judge(2, markov_fails),
    "E01.6": Judge(1, order_matters),
    "E01.7": Judge(2, bars),
    "01.a": matches(lambda factors, k: exact_product(factors[:k]), 1),
    "01.b": matches(exact_ratio, 1),
    "01.c": matches(leaves_by_listing, 1),
    "01.d": matches(first_by_counting, 1, read=array),
    "01.e": matches(widest, 1, atol=1e-12),
    "01.f": matches(exactly_by_walking, 1),
}
