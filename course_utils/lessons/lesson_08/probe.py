"""Asks the answers of lesson 08."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

from course_utils.checks.probing import Case, Probe, ask_functions

NO_MASS = -math.inf


def literal(values: Sequence | float) -> str:
    """Numbers as Python that can be pasted: [0.5, -np.inf]."""
    return repr(values).replace("inf", "np.inf")


def _rows(rng: random.Random, t: int, v: int, at: Sequence[float] = (0,), spread: float = 3.0) -> list[list[float]]:
    """t rows of v logits, each row on a scale of its own."""
    rows = []
    for _ in range(t):
        scale = rng.choice(at)
        rows.append([round(rng.uniform(-spread, spread) + scale, 2) for _ in range(v)])
    return rows


# --- E08.1 ----------------------------------------------------------------------------------------------------------


def _probs(logits: Sequence, label: str = "") -> Case:
    return Case((np.array(logits, dtype=np.float64),), f"token_probs(np.array({literal(logits)}))", label)


def token_probs_cases(rng: random.Random) -> list[Case]:
    """The logits of the lecture, a shift, several rows, rows on different scales, large and impossible logits."""
    cases = [
        _probs([1.0, 0.5, -0.5, 0.0]),
        _probs([0.5, -0.3, -0.199], "logits that nearly cancel"),
        _probs([11.0, 10.5, 9.5, 10.0], "10 added to all logits"),
        _probs([-1.0, -2.5, -0.5], "negative logits only"),
        _probs([2.0, -1.0, -1.0], "logits that add up to 0"),
        _probs([0.0, 0.0, 0.0, 0.0], "equal logits"),
        _probs([[2.0, -1.0, 0.5], [0.25, 0.75, -2.0], [1.0, 3.0, 0.0]], "a square array"),
        _probs([[2.0, -1.0, 0.5, 1.0], [0.25, 0.75, -2.0, 0.1]], "two positions"),
        _probs([1000.0, 1001.0, 999.5], "large logits"),
        _probs([-1000.0, -1001.0, -999.5], "very negative logits"),
        _probs([0.0, 800.0, 799.0], "a gap of 800"),
        _probs([[1000.0, 1001.0, 999.5], [-1000.0, -1003.0, -1001.0]], "rows on different scales"),
        _probs([0.5, NO_MASS, 1.5], "an impossible token"),
        _probs([[0.5, NO_MASS, 1.5], [NO_MASS, NO_MASS, 2.0]], "impossible tokens"),
        _probs([3.0], "a vocabulary of one"),
    ]
    for _ in range(9):
        cases.append(_probs(_rows(rng, 1, rng.randint(3, 6), (0, 0, 20, -20))[0]))
    for _ in range(9):
        rows = _rows(rng, rng.randint(2, 4), rng.randint(3, 5), (0, 0, 0, 700, -700))
        cases.append(_probs(rows, "several positions"))
    return cases


# --- E08.2 ----------------------------------------------------------------------------------------------------------


def _pick(candidates: list[list[float]], label: str = "") -> Case:
    return Case((candidates,), f"pick({literal(candidates)})", label)


def _pick_blocks(blocks: Sequence[Sequence[tuple[float, int]]], label: str = "long candidates") -> Case:
    """Candidates made of blocks of p, n times."""
    candidates = [[p for p, n in parts for _ in range(n)] for parts in blocks]
    shown = ", ".join(" + ".join(f"[{p}] * {n}" for p, n in parts) for parts in blocks)
    return Case((candidates,), f"pick([{shown}])", label)


def pick_cases(rng: random.Random) -> list[Case]:
    """Short lists, the lists of the card in both orders, 5000 tokens, other lengths, impossible and tiny ones."""
    cases = [
        _pick([[0.1, 0.2], [0.4, 0.3]], "short candidates"),
        _pick([[0.6, 0.7], [0.2, 0.5]], "short candidates"),
        _pick_blocks([[(0.1, 400)], [(0.15, 400)]]),
        _pick_blocks([[(0.15, 400)], [(0.1, 400)]]),
        _pick_blocks([[(0.05, 5000)], [(0.08, 5000)]]),
        _pick_blocks([[(0.05, 5000)], [(0.07, 5000)], [(0.08, 5000)], [(0.06, 5000)]]),
        _pick_blocks([[(0.5, 1074), (0.9, 1)], [(0.5, 1074)]], "products at the edge of the format"),
        _pick_blocks([[(0.3, 900)], [(0.2, 700)], [(0.9, 12000)]], "long candidates of different lengths"),
        _pick_blocks([[(0.9, 9000)], [(0.2, 1), (0.3, 800)], [(0.1, 20)]], "long candidates of different lengths"),
        _pick_blocks([[(0.9, 1), (0.0, 1)], [(0.1, 40)]], "an impossible candidate"),
        _pick_blocks([[(0.2, 30)], [(0.95, 1), (0.0, 1), (0.9, 2)]], "an impossible candidate"),
        _pick_blocks([[(0.9, 3), (0.0, 1)], [(0.1, 2000)]], "an impossible candidate and a long one"),
        _pick([[0.5, 0.0], [0.0, 0.9], [0.01, 0.02]], "two impossible candidates"),
        _pick([[0.0], [0.001]], "an impossible candidate"),
        _pick([[1e-20, 0.9], [1e-15, 0.0001]], "tiny probabilities"),
        _pick([[1e-300, 1e-30, 0.5], [1e-200, 1e-120, 0.9], [1e-200, 1e-170]], "tiny probabilities"),
        _pick([[0.9, 0.1], [0.4, 0.4]], "a low factor"),
        _pick([[0.5, 0.5, 0.5, 0.5], [0.3, 0.3]], "different lengths"),
        _pick([[0.9, 0.9, 0.9, 0.9], [0.5]], "different lengths"),
        _pick([[0.5], [0.8, 0.8, 0.8, 0.8]], "different lengths"),
        _pick([[0.3, 0.2]], "one candidate"),
        _pick([[0.2, 0.9, 0.9], [0.6, 0.5, 0.3], [0.7, 0.1, 0.8]], "three candidates"),
    ]
    for _ in range(14):
        n = rng.randint(2, 4)
        cases.append(_pick([[round(rng.uniform(0.02, 0.98), 3) for _ in range(rng.randint(1, 6))] for _ in range(n)]))
    for _ in range(6):
        blocks = [[(round(rng.uniform(0.02, 0.09), 3), rng.randint(5000, 7000))] for _ in range(rng.randint(2, 4))]
        cases.append(_pick_blocks(blocks))
    return cases


# --- E08.3 ----------------------------------------------------------------------------------------------------------


def _score(logits: list, targets: list[int], label: str = "") -> Case:
    shown = f"score(np.array({literal(logits)}), {targets})"
    return Case(("score", np.array(logits, dtype=np.float64), targets), shown, label)


def score_cases(rng: random.Random) -> list[Case]:
    """Targets inside and outside of a shortlist, rows on different scales, one step, many steps; then the bias."""
    wide = [[2.0, 1.0, 0.5, 0.1, -0.3, -1.0], [0.3, 1.2, 0.9, -0.4, 0.6, 0.2]]
    cases = [
        _score(wide, [0, 1], "the best tokens"),
        _score(wide, [1, 2], "the second best tokens"),
        _score(wide, [5, 3], "improbable tokens"),
        _score(wide, [0, 5], "one improbable token"),
        _score([wide[0]], [2], "one step"),
        _score([[1.0, 0.0, -2.0]], [2], "three tokens"),
        _score([[0.0] * 7] * 4, [6, 0, 3, 2], "all tokens alike"),
        _score([[1000.0, 1001.0, 999.5, 998.0], [-1000.0, -1003.0, -1001.0, -1000.5]], [0, 2], "large logits"),
        _score([[0.0, 800.0, 1.0, 2.0], [3.0, 1.0, -2.0, 0.5]], [2, 3], "a gap of 800"),
        _score([[0.5, NO_MASS, 1.5, 0.2], [1.0, 0.0, NO_MASS, NO_MASS]], [3, 1], "impossible tokens beside the target"),
    ]
    for _ in range(18):
        t, v = rng.randint(1, 6), rng.randint(5, 9)
        rows = _rows(rng, t, v, (0, 0, 3, -40, 40), rng.choice((1.0, 3.0)))
        cases.append(_score(rows, [rng.randrange(v) for _ in range(t)]))
    return [*cases, Case(("verbose_bias",), "verbose_bias()", "the bias of verbose")]


# --- E08.4 ----------------------------------------------------------------------------------------------------------


def _select(candidates: list, label: str = "") -> Case:
    return Case(("select", candidates), f"select({literal(candidates)})", label)


START, AFTER_A, AFTER_B = [10.0, 9.0, 0.0], [0.0, 0.0, 0.0], [8.0, 7.0, 0.0]


def select_cases(rng: random.Random) -> list[Case]:
    """The candidates of the card, the same with a shift, other lengths, large logits, random ones; the two numbers."""
    first, second = [(START, 0), (AFTER_A, 0)], [(START, 1), (AFTER_B, 1)]
    cases = [
        _select([first, second]),
        _select([second, first], "the other order"),
        _select([[(START, 0), ([100.0] * 3, 0)], second], "100 added to the logits of one context"),
        _select([first, [(START, 1), ([-92.0, -93.0, -100.0], 1)]], "100 taken from the logits of one context"),
        _select([[(START, 1), (AFTER_B, 0)], [(START, 2), ([1.0, 3.0, 2.0], 1)], first], "three candidates"),
        _select([[([0.5, 2.0, 1.0], 1)], [([0.5, 2.0, 1.0], 2), ([3.0, 0.0, 0.5], 0)]], "different lengths"),
        _select([[([0.0, 0.2, 0.1], 0)], [([0.0, 0.2, 0.1], 1), ([5.0, 0.0, 0.0], 0)] * 2], "different lengths"),
        _select([[([-1.0, -2.0, -3.0], 0), ([-5.0, -1.0, -4.0], 1)], [([-1.0, -2.0, -3.0], 1)]], "negative logits"),
        _select([[([1000.0, 999.0, 998.0], 1)], [([1000.0, 999.0, 998.0], 0), ([-900.0, -901.0, -899.5], 0)]], "large"),
        _select([first], "one candidate"),
    ]
    for _ in range(18):
        v, start = rng.randint(3, 5), None
        candidates = []
        for _ in range(rng.randint(2, 4)):
            rows = _rows(rng, rng.randint(1, 4), v, (0, 2, 8, -8, 100))
            start = start or rows[0]  # all candidates begin in the same context
            candidates.append([(row, rng.randrange(v)) for row in [start, *rows[1:]]])
        cases.append(_select(candidates))
    return [*cases, Case(("e08_4",), "e08_4()", "AA and BB")]


# --- E08.6 ----------------------------------------------------------------------------------------------------------


def _sequence(logits: list, ids: list[int], label: str = "", shown: str = "") -> Case:
    shown = f"sequence_score({shown or f'np.array({literal(logits)}), {ids}'})"
    return Case((np.array(logits, dtype=np.float64), ids), shown, label)


def sequence_cases(rng: random.Random) -> list[Case]:
    """Likely and unlikely ids, a square array, one step, hundreds of steps, large logits, random ones."""
    rows = [[2.0, 0.5, -1.0, 0.3], [0.0, 1.5, 1.0, -0.7], [0.4, -0.2, 0.9, 1.1]]
    square = [[2.0, -1.0, 0.5], [0.25, 0.75, -2.0], [1.0, 3.0, 0.0]]
    cases = [
        _sequence(rows, [1, 3, 0], "improbable tokens"),
        _sequence(rows, [0, 1, 3], "the best tokens"),
        _sequence(square, [2, 0, 1], "as many positions as tokens"),
        _sequence(square, [1, 1, 1], "as many positions as tokens"),
        _sequence([rows[0]], [3], "one step"),
        _sequence([rows[1]], [1], "one step"),
        _sequence(
            [[1.0, 0.2, -0.5]] * 800,
            [0, 1, 2, 1] * 200,
            "800 steps",
            "np.array([[1.0, 0.2, -0.5]] * 800), [0, 1, 2, 1] * 200",
        ),
        _sequence([[1000.0, 1001.0, 999.5], [-1000.0, -1003.0, -1001.0]], [0, 1], "large logits"),
    ]
    for _ in range(20):
        t, v = rng.randint(2, 6), rng.randint(3, 6)
        cases.append(_sequence(_rows(rng, t, v, (0, 1, -2, 3)), [rng.randrange(v) for _ in range(t)]))
    return cases


# --- E08.7 ----------------------------------------------------------------------------------------------------------


def _complete(tokens: list[float], eos: float, label: str = "", shown: str = "") -> Case:
    shown = f"complete_score({shown or literal(tokens)}, {literal(eos)})"
    return Case(("complete_score", tokens, eos), shown, label)


def complete_cases(rng: random.Random) -> list[Case]:
    """The answers of the task, the empty one, impossible ones, a long one, random ones; then the letter."""
    cases = [
        _complete([-1.2, -0.9, -0.3], -0.2),
        _complete([-1.2], -2.6, "one token"),
        _complete([], -7.5, "the empty answer"),
        _complete([-0.4, -0.4, -0.4, -0.4], -0.7),
        _complete([-0.5, NO_MASS, -0.25], -0.1, "an impossible token"),
        _complete([-0.5, -0.25], NO_MASS, "an answer that cannot end here"),
        _complete([], NO_MASS, "the empty answer, impossible"),
        _complete([-2.5] * 900, -1.5, "a long answer", "[-2.5] * 900"),
        _complete([0.0, 0.0], -0.6, "tokens that are certain"),
        _complete([-0.8, -1.1], 0.0, "an end that is certain"),
    ]
    for _ in range(16):
        tokens = [-round(rng.uniform(0.01, 6), 3) for _ in range(rng.randint(1, 9))]
        cases.append(_complete(tokens, -round(rng.uniform(0.01, 6), 3)))
    return [*cases, Case(("choice",), "choice()", "the letter")]


PROBES: dict[str, Probe] = {
    probe.task: probe
    for probe in (
        Probe("E08.1", "token_probs", token_probs_cases),
        Probe("E08.2", "pick", pick_cases),
        Probe("E08.3", "score", score_cases, run=ask_functions("score", "verbose_bias"), needs=("verbose_bias",)),
        Probe("E08.4", "select", select_cases, run=ask_functions("select", "e08_4"), needs=("e08_4",)),
        Probe("E08.5", "e08_5"),
        Probe("E08.6", "sequence_score", sequence_cases),
        Probe(
            "E08.7", "complete_score", complete_cases, run=ask_functions("complete_score", "choice"), needs=("choice",)
        ),
        Probe("E08.8", "e08_8"),
    )
}
