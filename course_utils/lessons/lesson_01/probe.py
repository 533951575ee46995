"""Asks the answers of lesson 01."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np

from course_utils.checks.probing import Case, Probe, plot_each


def joint_prob_cases(rng: random.Random) -> list[Case]:
    """The tables of the lecture, the edge cases, and random lists."""
    cases = [
        Case(([0.5],)),
        Case(([0.1, 0.5, 0.8],)),
        Case(([0.2, 0.3, 0.7],)),
        Case(([0.9, 0.25],)),
        Case(([],), label="no factor at all"),
        Case(([0.5, 0.0, 0.3],), label="an impossible step"),
        Case(([1.0, 1.0],)),
        Case(([0.9] * 40,), "joint_prob([0.9] * 40)", "a long path"),
    ]
    lengths = [rng.randint(2, 7) for _ in range(20)]
    return cases + [Case(([round(rng.uniform(0.02, 0.98), 3) for _ in range(n)],)) for n in lengths]


def conditional_cases(rng: random.Random) -> list[Case]:
    """Joint tables of different shapes with a prefix of positive mass; some cells are 0."""
    shapes = [(2, 3), (3, 2), (2, 3, 4), (3, 3, 3), (2, 2, 2, 2), (4,)]
    cases = [_table_case([[1, 3], [4, 2]], (0,)), _table_case([[1, 3], [4, 2]], ())]
    cases.append(_table_case([[0, 5], [2, 3]], (0,), "a symbol that cannot follow"))
    for _ in range(4):
        for shape in shapes:
            weights = [rng.choice([0, 1, 2, 3, 5, 8, 13]) for _ in range(int(np.prod(shape)))]
            prefix = tuple(rng.randrange(n) for n in shape[: rng.randrange(len(shape))])
            table = np.array(weights).reshape(shape)
            if table[prefix].sum() == 0:
                table[prefix] += 1
            cases.append(_table_case(table.tolist(), prefix))
    return cases


def _table_case(weights: list, prefix: tuple, label: str = "") -> Case:
    table = np.array(weights)
    return Case((table / table.sum(), prefix), f"conditional(np.array({weights}) / {table.sum()}, {prefix})", label)


def leaves_cases(rng: random.Random) -> list[Case]:
    """All strings of length 3 over two symbols, and of length 2 over three; some have probability 0."""
    cases = []
    for symbols, length in (("ab", 3), ("xyz", 2)):
        strings = ["".join(s) for s in itertools.product(symbols, repeat=length)]
        weights = [rng.randint(1, 40) for _ in strings]
        for index in rng.sample(range(len(strings)), 2):
            weights[index] = 0
        total = sum(weights)
        leaves = {s: w / total for s, w in zip(strings, weights, strict=True)}
        cases.append(Case((leaves,), label="two of the leaves are impossible"))
    return cases


# --- within the lecture -----------------------------------------------------------------------------------------------


def left_after_cases(rng: random.Random) -> list[Case]:
    """The lecture's three factors after each step, and random paths."""
    cases = [Case(([0.1, 0.5, 0.8], k)) for k in (2, 1, 3, 0)]
    for _ in range(12):
        factors = [round(rng.uniform(0.05, 0.95), 3) for _ in range(rng.randint(3, 7))]
        cases.append(Case((factors, rng.randint(1, len(factors) - 1))))
    return cases


def ratio_cases(rng: random.Random) -> list[Case]:
    """The lecture's two models both ways round, and random ones."""
    cases = [Case(([0.2, 0.3, 0.7], [0.1, 0.5, 0.8])), Case(([0.1, 0.5, 0.8], [0.2, 0.3, 0.7]))]
    for _ in range(12):
        n = rng.randint(2, 6)
        cases.append(Case(tuple([round(rng.uniform(0.05, 0.95), 3) for _ in range(n)] for _ in range(2))))
    return cases


def count_leaves_cases(rng: random.Random) -> list[Case]:
    """The lecture's two trees, and others."""
    return [Case((2, 3)), Case((3, 4))] + [Case((rng.randint(3, 9), rng.randint(4, 7))) for _ in range(10)]


def first_given_second_cases(rng: random.Random) -> list[Case]:
    """Tables of two positions, not symmetric."""
    cases = []
    for shape in [(2, 2), (2, 3), (3, 3), (4, 2)] * 3:
        weights = [[rng.randint(1, 20) for _ in range(shape[1])] for _ in range(shape[0])]
        pairs, second = np.array(weights), rng.randrange(shape[1])
        call = f"first_given_second(np.array({weights}) / {pairs.sum()}, {second})"
        cases.append(Case((pairs / pairs.sum(), second), call))
    return cases


def largest_gap_cases(rng: random.Random) -> list[Case]:
    """Two distributions over the same strings: what one has more somewhere, it has less elsewhere."""
    cases = [Case(({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.1, "b": 0.5, "c": 0.4}))]
    for _ in range(12):
        strings = ["".join(s) for s in itertools.product("ab", repeat=rng.randint(2, 3))]
        pair = [[rng.randint(1, 30) for _ in strings] for _ in range(2)]
        cases.append(Case(tuple({s: w / sum(ws) for s, w in zip(strings, ws, strict=True)} for ws in pair)))
    return cases


def exactly_cases(rng: random.Random) -> list[Case]:
    """Strings of the lecture's language, and of others like it."""
    lecture = {
        "⟨s⟩": {"a": 0.6, "b": 0.4},
        "a": {"a": 0.1, "b": 0.7, "end": 0.2},
        "b": {"a": 0.5, "b": 0.2, "end": 0.3},
    }
    cases = [Case((lecture, string), f"exactly(after, {string!r})") for string in ("ab", "ba", "abba")]
    for _ in range(10):
        after = {"⟨s⟩": _row(rng, "ab"), "a": _row(rng, ("a", "b", "end")), "b": _row(rng, ("a", "b", "end"))}
        cases.append(Case((after, "".join(rng.choices("ab", k=rng.randint(1, 5))))))
    return cases


def _row(rng: random.Random, symbols: Sequence[str]) -> dict[str, float]:
    weights = [rng.randint(1, 9) for _ in symbols]
    return {symbol: round(weight / sum(weights), 3) for symbol, weight in zip(symbols, weights, strict=True)}


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E01.1", "e01_1"),
        Probe("E01.2", "joint_prob", joint_prob_cases),
        Probe("E01.3", "conditional", conditional_cases),
        Probe("E01.4", "e01_4"),
        Probe("E01.5", "e01_5"),
        Probe("E01.6", "e01_6"),
        Probe("E01.7", "plot_leaves", leaves_cases, run=plot_each),
        Probe("01.a", "left_after", left_after_cases),
        Probe("01.b", "ratio", ratio_cases),
        Probe("01.c", "count_leaves", count_leaves_cases),
        Probe("01.d", "first_given_second", first_given_second_cases),
        Probe("01.e", "largest_gap", largest_gap_cases),
        Probe("01.f", "exactly", exactly_cases),
    )
}
