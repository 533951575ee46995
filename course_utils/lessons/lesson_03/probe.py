"""Asks the answers of lesson 03."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from course_utils.checks.probing import Case, Probe, plot_each

DTYPES = ("float64", "float32", "float16", "bfloat16")

# Factors for which every honest way to compute reaches 0 after the same number of steps in all four formats: p rounded
# to the format or not, step by step or by formula.
STEADY = tuple(
    thousandths / 1000
    for thousandths in (
        *(11, 13, 16, 19, 22, 27, 31, 34, 38, 42, 47, 51, 54, 57, 63, 68, 73, 77, 81, 86, 92, 97, 103, 108, 113, 119),
        *(124, 131, 137, 142, 147, 153, 158, 163, 167, 172, 178, 183, 187, 192, 197, 203, 209, 214, 219, 223, 231, 242),
        *(247, 253, 264, 271, 278, 283, 291, 297, 303, 312, 317, 323, 329, 334, 341, 347),
    )
)


def underflow_cases(rng: random.Random) -> list[Case]:
    """The factors of the lecture in every format, one token of a vocabulary, and random factors."""
    cases = [Case((p, dtype)) for p in (0.1, 0.5, 0.2, 0.05) for dtype in DTYPES]
    cases += [Case((1 / 50257, dtype), f"first_underflow(1 / 50257, {dtype!r})") for dtype in DTYPES]
    return cases + [Case((p, dtype)) for p in rng.sample(STEADY, 5) for dtype in DTYPES]


def sequence_cases(rng: random.Random) -> list[Case]:
    """The sequences of the lecture, the edge cases, short lists and lists far beyond the cliff."""
    cases = [
        Case(([0.5],)),
        Case(([0.1, 0.5, 0.8],)),
        Case(([0.1, 0.5, 0.2],)),
        Case(([],), label="no token at all"),
        Case(([0.1] * 1000,), "sequence_log_prob([0.1] * 1000)", "a thousand tokens"),
        Case(([0.5, 0.0, 0.3],), label="an impossible token"),
        Case(([0.0],), label="an impossible token"),
        Case(([1.0, 1.0],), label="two certain tokens"),
        Case(([1e-30, 1e-20],), label="two tokens that are almost impossible"),
        Case(([0.1] * 6000,), "sequence_log_prob([0.1] * 6000)", "six thousand tokens"),
    ]
    for _ in range(12):
        cases.append(Case(([round(rng.uniform(0.02, 0.9), 3) for _ in range(rng.randint(2, 7))],)))
    for _ in range(8):
        pattern, times = [round(rng.uniform(0.02, 0.6), 3) for _ in range(rng.randint(2, 4))], rng.randint(300, 500)
        cases.append(Case((pattern * times,), f"sequence_log_prob({pattern} * {times})", "a long sequence"))
    return cases


def best_cases(rng: random.Random) -> list[Case]:
    """Candidates whose product is 0.0 in float64 and further, short healthy ones, and mixed lengths."""
    cases = [
        _best([([0.10], 400), ([0.15], 400)]),
        _best([([0.9, 0.1], 1), ([0.4, 0.4], 1)]),
        _best([([0.15], 400), ([0.10], 400)]),
        _best([([0.09], 5000), ([0.10], 5000)]),
        _best([([0.4, 0.3], 1), ([0.9, 0.2], 1)]),
        _best([([0.30], 1), ([0.45], 2), ([0.9, 0.5, 0.8], 1)], "candidates of different lengths"),
        _best([([0.2, 0.0, 0.9], 1), ([0.01, 0.02, 0.03], 1)], "an impossible candidate"),
        _best([([0.0], 1), ([0.03], 900)], "an impossible candidate"),
        _best([([0.7], 1)], "one candidate"),
        _best([([0.5], 1200), ([0.4], 1000)], "candidates of different lengths"),
        _best([([0.1], 319), ([0.1], 317)], "products that are nearly 0"),
    ]
    for _ in range(12):
        cases.append(_best([(_probs(rng, rng.randint(2, 5)), 1) for _ in range(rng.randint(2, 4))]))
    for _ in range(8):
        long = [(_probs(rng, rng.randint(1, 3), 0.3), rng.randint(400, 900)) for _ in range(rng.randint(2, 4))]
        cases.append(_best(long, "long candidates"))
    return cases


def _probs(rng: random.Random, n: int, most: float = 0.95) -> list[float]:
    return [round(rng.uniform(0.05, most), 3) for _ in range(n)]


def _best(candidates: Sequence[tuple[list[float], int]], label: str = "") -> Case:
    """A case from (pattern, how often it is repeated) for each candidate."""
    text = ", ".join(f"{pattern} * {times}" if times > 1 else f"{pattern}" for pattern, times in candidates)
    return Case(([pattern * times for pattern, times in candidates],), f"best([{text}])", label)


def bits_cases(rng: random.Random) -> list[Case]:
    """Both signs, zero, values whose probability is 0.0, and random ones."""
    fixed = [3.5, -3.5, 1.0, -4.7, 0.0, math.log(2), -1000.0, 800.0]
    cases = [Case((nats,)) for nats in fixed] + [Case((-math.inf,), "nats_to_bits(-math.inf)")]
    return cases + [Case((round(rng.uniform(0.1, 60) * rng.choice((-1, 1)), 3),)) for _ in range(20)]


# --- plots with two Axes ----------------------------------------------------------------------------------------------


def plot_cases(rng: random.Random) -> list[Case]:
    """All formats, every n beyond the cliff."""
    half, full, brain = rng.sample([p for p in STEADY if 0.04 < p < 0.3], 3)
    return [
        Case((0.1, 60)),
        Case((half, 30, "float16")),
        Case((full, 650, "float64")),
        Case((brain, 100, "bfloat16")),
    ]


def panels(answer: Any) -> dict:
    """All Axes of what a plotting function returned: their lines (x, y) and scales, and the type of what came back."""
    found = list(dict.fromkeys(_all_axes(answer)))
    if len(found) == 1:
        found = list(found[0].figure.axes)  # one of two twins came back
    return {
        "type": "None" if answer is None else type(answer).__name__[:100],
        "panels": [
            {
                "xscale": axes.get_xscale(),
                "yscale": axes.get_yscale(),
                "lines": [[line.get_xdata(orig=False), line.get_ydata(orig=False)] for line in axes.get_lines()],
            }
            for axes in found[:6]
        ],
    }


def _all_axes(answer: Any) -> Iterator[Any]:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(answer, Axes):
        yield answer
    elif isinstance(answer, Figure):
        yield from answer.axes
    elif isinstance(answer, Mapping):
        yield from itertools.chain.from_iterable(map(_all_axes, answer.values()))
    elif hasattr(type(answer), "__iter__") and not isinstance(answer, str):
        yield from itertools.chain.from_iterable(map(_all_axes, itertools.islice(answer, 20)))


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E03.1", "e03_1"),
        Probe("E03.2", "e03_2"),
        Probe("E03.3", "first_underflow", underflow_cases),
        Probe("E03.4", "sequence_log_prob", sequence_cases),
        Probe("E03.5", "best", best_cases),
        Probe("E03.6", "e03_6"),
        Probe("E03.7", "plot_underflow", plot_cases, run=functools.partial(plot_each, read=panels)),
        Probe("E03.8", "nats_to_bits", bits_cases),
    )
}
