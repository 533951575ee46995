"""Asks the answers of lesson 05."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_utils.checks.probing import Case, Probe, not_there, observe

# --- E05.3 ----------------------------------------------------------------------------------------------------------


def _nll(logits: Sequence | np.ndarray, targets: Sequence[int], reduction: str | None, label: str = "") -> Case:
    given = np.array(logits, dtype=np.float64), np.array(targets, dtype=np.int64)
    shown = ", ".join(f"np.array({array.tolist()!r})" for array in given)
    if reduction is None:
        return Case(given, f"nll({shown})", label)
    return Case((*given, reduction), f"nll({shown}, {reduction!r})", label)


def nll_cases(rng: random.Random) -> list[Case]:
    """Healthy logits first, then one position, square arrays, rows on different scales, and logits up to 1000."""
    rows = [[2.0, 1.0, 0.1, -0.5], [0.3, -1.2, 0.8, 2.5], [-0.7, 1.4, 0.2, 0.9]]
    square = [[2.0, -1.0, 0.5], [0.25, 0.75, -2.0], [1.0, 3.0, 0.0]]
    cases = [
        _nll(rows, [0, 3, 2], "sum"),
        _nll(rows, [0, 3, 2], "mean"),
        _nll(rows, [0, 3, 2], "none"),
        _nll(rows, [1, 1, 0], None, "the default reduction"),
        _nll(square, [2, 0, 1], "none", "as many positions as tokens"),
        _nll(square, [2, 0, 1], "sum", "as many positions as tokens"),
        _nll([[2.0, 1.0, 0.1]], [0], "mean", "one position"),
        _nll([[2.0, 1.0, 0.1]], [1], "none", "one position"),
        _nll([[2.0, 1.0, 0.1]], [2], "sum", "one position"),
        _nll([[1000.0, 0.0, -1000.0], [0.5, 1.5, -0.5]], [0, 1], "none", "large logits, a loss of 0"),
        _nll([[1000.0, 0.0, -1000.0], [0.5, 1.5, -0.5]], [2, 0], "none", "large logits, a loss of 2000"),
        _nll([[1000.0, 0.0, -1000.0], [0.5, 1.5, -0.5]], [1, 2], "sum", "large logits, a loss of 1000"),
        _nll([[-1000.0, -1000.5, -998.0], [0.5, 1.5, -0.5]], [1, 0], "mean", "very negative logits"),
        _nll([[999.0, 1000.0, 998.5], [-999.0, -1000.0, -998.5]], [0, 1], "mean", "rows on different scales"),
    ]
    for number in range(21):
        t, v = rng.randint(2, 5), rng.randint(3, 6)
        scale = rng.choice((1, 1, 3, 200))
        at = [rng.choice((0, 0, -700, 700)) for _ in range(t)]
        sixteenths = [[round(16 * (scale * rng.uniform(-1.4, 1.4) + at[i])) for _ in range(v)] for i in range(t)]
        logits = [[n / 16 for n in row] for row in sixteenths]  # the same numbers in float32
        targets = [rng.randrange(v) for _ in range(t)]
        cases.append(_nll(logits, targets, ("sum", "mean", "none")[number % 3], "large logits" if any(at) else ""))
    return cases


# --- E05.5 ----------------------------------------------------------------------------------------------------------


def surprise_cases(rng: random.Random) -> list[Case]:
    """The numbers of the header, a certain text, one token, long texts, and random ones; each for one function."""
    fixed = [(-3.5, 3, 11), (-3.6, 3, 11), (0.0, 4, 9), (-0.25, 1, 1), (-20000.0, 6000, 25000), (-9000.0, 2500, 40000)]
    rows = fixed + [(-round(rng.uniform(1, 80), 2), rng.randint(2, 40), rng.randint(41, 200)) for _ in range(20)]
    cases = []
    for total, n, n_bytes in rows:
        label = "a certain text" if total == 0 else "a long text" if total < -1000 else ""
        cases.append(Case(("perplexity", total, n), f"perplexity({total}, {n})", label))
        cases.append(Case(("bits_per_byte", total, n_bytes), f"bits_per_byte({total}, {n_bytes})", label))
    return cases


def ask_both(perplexity: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """What the function of each case returns; one that is not there counts as not implemented."""
    bits_per_byte = others.get("bits_per_byte")
    seen = []
    for case in cases:
        function, total, count = case.fresh_args()
        if function == "perplexity":
            seen.append(observe(perplexity, total, count))
        elif callable(bits_per_byte):
            seen.append(observe(bits_per_byte, total, count))
        else:
            seen.append(not_there("bits_per_byte"))
    return seen


# --- E05.6 ----------------------------------------------------------------------------------------------------------


def counts_cases(rng: random.Random) -> list[Case]:
    """The four answers of the lecture, one kind of answer only, ties, rare answers, and random counts."""
    fixed = [[3, 1], [1, 3], [5], [2, 2], [1, 1, 1, 1], [7, 2, 1], [1, 12], [4, 1, 9, 6], [40, 3]]
    return [Case((counts,)) for counts in fixed] + [
        Case(([rng.randint(1, 15) for _ in range(rng.randint(2, 6))],)) for _ in range(20)
    ]


# --- E05.7 ----------------------------------------------------------------------------------------------------------


def without_arrays(value: Any) -> Any:
    """The value with arrays of strings as lists: an array of strings has no plain form."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "USO":
        return value.tolist()
    if type(value) is dict:
        return {key: without_arrays(item) for key, item in value.items()}
    make = {list: list, tuple: tuple}.get(type(value))
    return make(map(without_arrays, value)) if make else value


def ask_for_pairs(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """The claim and the data, in plain containers."""
    return [observe(answer, *case.fresh_args(), read=without_arrays) for case in cases]


PROBES: dict[str, Probe] = {
    probe.task: probe
    for probe in (
        Probe("E05.1", "e05_1"),
        Probe("E05.2", "e05_2"),
        Probe("E05.3", "nll", nll_cases),
        Probe("E05.4", "e05_4"),
        Probe("E05.5", "perplexity", surprise_cases, run=ask_both, needs=("bits_per_byte",)),
        Probe("E05.6", "fit", counts_cases),
        Probe("E05.7", "e05_7", run=ask_for_pairs),
        Probe("E05.8", "e05_8"),
    )
}
