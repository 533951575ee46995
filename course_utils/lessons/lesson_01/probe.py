"""Asks the answers of lesson 01."""

from __future__ import annotations

import itertools
import random

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
    )
}
