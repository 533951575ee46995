"""Asks the answers of lesson 04."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from course_utils.checks.probing import Case, Probe, call_each


def literal(array: np.ndarray) -> str:
    """The array as Python that can be pasted: np.array([0.5, -np.inf])."""
    text = repr(array.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"np.array({text}, dtype=np.float32)" if array.dtype == np.float32 else f"np.array({text})"


def _random(rng: random.Random, shape: tuple[int, ...], low: float = -6.0, high: float = 6.0) -> np.ndarray:
    flat = [round(rng.uniform(low, high), 2) for _ in range(int(np.prod(shape)))]
    return np.array(flat).reshape(shape)


# --- E04.1 and E04.2 ------------------------------------------------------------------------------------------------


def _with_axis(function: str, values: Sequence | np.ndarray, axis: int | None, label: str, given: bool) -> Case:
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.array(values, dtype=float)
    if not given:
        return Case((array,), f"{function}({literal(array)})", label)
    return Case((array, axis), f"{function}({literal(array)}, axis={axis})", label)


def _lse(values: Sequence | np.ndarray, label: str = "") -> Case:
    return _with_axis("logsumexp", values, None, label, False)


def _lse_along(values: Sequence | np.ndarray, axis: int, label: str = "") -> Case:
    return _with_axis("logsumexp", values, axis, label, True)


NO_MASS = -np.inf


def logsumexp_cases(rng: random.Random) -> list[Case]:
    """Healthy values first, then what overflows, what underflows, what is impossible, and rows on different scales."""
    cases = [
        _lse([-0.7, -1.6]),
        _lse([1000.0, 1001.0, 1002.0], "large values"),
        _lse([-1000.0, -1001.0, -1002.0], "very negative values"),
        _lse([-3.5], "a single value"),
        _lse([NO_MASS, NO_MASS, NO_MASS], "nothing is possible"),
        _lse([NO_MASS, -0.4, -2.0], "one impossible term"),
        _lse([NO_MASS], "nothing is possible"),
        _lse([0.0, 1000.0], "values far apart"),
        _lse([1000.0, -1000.0, 3.0], "values far apart"),
        _lse([-1000.0, 2.0, 1.0], "values far apart"),
        _lse([2.5, 2.5, 2.5, 2.5], "equal values"),
        _lse([20000.0, 20001.5], "values beyond every format's exp"),
        _lse([-20000.0, -20001.5], "values beyond every format's exp"),
        _lse_along([[0.1, 0.7, -1.2], [2.0, -0.5, 0.3]], 1),
        _lse_along([[0.1, 0.7, -1.2], [2.0, -0.5, 0.3]], 0),
        _lse([[0.1, 0.7, -1.2], [2.0, -0.5, 0.3]], "an array with two axes, all of it"),
        _lse_along([[1000.0, 1001.0, 999.5], [-1000.0, -1003.0, -1001.0]], 1, "rows on different scales"),
        _lse_along([[1000.0, -1000.0], [999.0, -1001.5], [998.5, -999.0]], 0, "columns on different scales"),
        _lse_along([[0.5, 1.5, -0.5], [NO_MASS, NO_MASS, NO_MASS]], -1, "nothing is possible in the second row"),
    ]
    for _ in range(8):
        n, at = rng.randint(2, 6), rng.choice((0, 0, 0, -1500, 1500, 750))
        cases.append(_lse(_random(rng, (n,)) + at))
    for _ in range(7):
        shape = rng.choice(((2, 3), (3, 4), (4, 2), (3, 3)))
        axis = rng.choice((0, 1, -1))
        scale = _random(rng, (shape[0], 1) if axis else (1, shape[1]), -900, 900).round()
        cases.append(_lse_along((_random(rng, shape) + scale).round(2), axis, "several rows"))
    for axis in (0, 1, 2):
        cases.append(_lse_along(_random(rng, (2, 3, 4)), axis, "three axes"))
    return cases


def _ls(logits: Sequence | np.ndarray, label: str = "") -> Case:
    return _with_axis("log_softmax", logits, None, label, False)


def _ls_along(logits: Sequence | np.ndarray, axis: int, label: str = "") -> Case:
    return _with_axis("log_softmax", logits, axis, label, True)


def log_softmax_cases(rng: random.Random) -> list[Case]:
    """Healthy logits first, then gaps beyond the range of exp in two formats, large shifts, and several rows."""
    rows = [[2.0, -1.0, 0.5], [0.25, 0.75, -2.0], [1.0, 3.0, 0.0]]
    cases = [
        _ls([2.0, -1.0, 0.5]),
        _ls([0.0, 800.0], "a gap of 800"),
        _ls(np.array([0.0, 200.0], dtype=np.float32), "a gap of 200 in float32"),
        _ls(np.array([200.0, -100.0, 0.0], dtype=np.float32), "a gap of 200 in float32"),
        _ls([20000.0, 0.0], "a gap of 20000"),
        _ls([3.0, 1.0, -0.5, 0.0], "logits that can be read as shares"),
        _ls([1000.0, 1001.0, 1002.0], "large logits"),
        _ls([-1000.0, -1001.0, -1002.0], "very negative logits"),
        _ls([0.7], "one token only"),
        _ls([0.5, NO_MASS, 1.5], "an impossible token"),
        _ls(rows, "the default axis, a square array"),
        _ls_along(rows, 0, "along the first axis"),
        _ls_along(rows, 1),
        _ls_along([[1000.0, 1001.0, 999.5], [-1000.0, -1003.0, -1001.0]], -1, "rows on different scales"),
        _ls_along([[0.0, 800.0, 1.0, 2.0], [3.0, 1.0, -2.0, 0.5]], 1, "a gap of 800 in one row"),
    ]
    for _ in range(6):
        cases.append(_ls(_random(rng, (rng.randint(2, 6),))))
    for _ in range(4):
        shift = rng.choice((-1, 1)) * 1e4
        cases.append(_ls((_random(rng, (rng.randint(3, 5),), -3, 3) + shift).round(2), "all logits shifted by 10000"))
    for _ in range(6):
        shape = rng.choice(((2, 3), (3, 4), (4, 2), (3, 3)))
        axis = rng.choice((0, 1, -1))
        scale = _random(rng, (shape[0], 1) if axis else (1, shape[1]), -900, 900).round()
        cases.append(_ls_along((_random(rng, shape) + scale).round(2), axis, "several rows"))
    cases.append(_ls(_random(rng, (2, 3, 4)), "three axes"))
    cases.append(_ls_along(_random(rng, (2, 3, 4)), 1, "three axes"))
    return cases


# --- E04.3 ----------------------------------------------------------------------------------------------------------


def log1mexp_cases(rng: random.Random) -> list[Case]:
    """From p that is almost 1 (x near 0) to p that is almost 0, and p = 0 itself."""
    fixed = [-0.5, -1e-10, -50.0, -1.0, -2.5, -1e-17, -1e-14, -38.0, -0.05, -1e-3, -1e-6, -80.0]
    cases = [Case((x,)) for x in fixed] + [Case((NO_MASS,), "log1mexp(-np.inf)", "an impossible event")]
    cases += [Case((round(rng.uniform(-3, -0.01), 3),)) for _ in range(8)]
    cases += [Case((-float(f"{10 ** rng.uniform(-16, -11):.2e}"),), label="p is almost 1") for _ in range(5)]
    cases += [Case((-float(f"{10 ** rng.uniform(-7, -2):.2e}"),), label="p is near 1") for _ in range(5)]
    return cases + [Case((round(rng.uniform(-70, -25), 2),), label="p is almost 0") for _ in range(6)]


# --- E04.5 ----------------------------------------------------------------------------------------------------------


def _masked(log_probs: Sequence | np.ndarray, mask: Sequence | np.ndarray, label: str = "") -> Case:
    values, counts = np.array(log_probs, dtype=float), np.array(mask, dtype=bool)
    return Case((values, counts), f"masked_sum({literal(values)}, {literal(counts)})", label)


def masked_sum_cases(rng: random.Random) -> list[Case]:
    """-inf under False is padding, -inf under True is an impossible token; also batches, and no padding at all."""
    no, yes = False, True
    cases = [
        _masked([-0.5, -1.25, -3.0], [yes, yes, no], "an ordinary number in the padding"),
        _masked([-0.5, -1.25, NO_MASS], [yes, yes, no], "-inf in the padding"),
        _masked([-0.5, NO_MASS, -3.0], [yes, yes, no], "an impossible token that counts"),
        _masked([-0.5, NO_MASS, -2.0, NO_MASS], [yes, yes, yes, no], "an impossible token that counts, and padding"),
        _masked([-0.5, -1.25, -3.0], [yes, yes, yes], "no padding"),
        _masked([NO_MASS, -0.75, -1.5, NO_MASS], [no, yes, yes, no], "padding on both sides"),
        _masked([-2.0, NO_MASS, -0.25, -4.0], [no, no, yes, yes], "padding on the left"),
        _masked([-1.0, NO_MASS, -0.25], [yes, no, yes], "a gap in the middle"),
        _masked([NO_MASS, NO_MASS], [no, no], "nothing counts"),
        _masked([-0.5, np.nan, -1.0], [yes, no, yes], "NaN in the padding"),
        _masked([-7.25], [yes], "one token"),
        _masked([[-0.5, -1.0, -2.0], [-0.25, NO_MASS, NO_MASS]], [[yes, yes, yes], [yes, no, no]], "a batch"),
        _masked([[-0.5, NO_MASS], [-0.25, NO_MASS]], [[yes, yes], [yes, no]], "a batch with an impossible token"),
    ]
    for number in range(16):
        shape = (rng.randint(2, 7),) if number % 3 else (rng.randint(2, 3), rng.randint(2, 4))
        values = _random(rng, shape, -5.0, -0.1)
        mask = np.array([rng.random() < 0.65 for _ in range(values.size)]).reshape(shape)
        values[~mask] = rng.choice((NO_MASS, -9.0, 0.0))
        if number % 4 == 0 and mask.any():
            values[tuple(np.argwhere(mask)[0])] = NO_MASS
        cases.append(_masked(values, mask, "a batch" if len(shape) > 1 else ""))
    return cases


# --- E04.7 ----------------------------------------------------------------------------------------------------------

# What is asked about, by what it scores. Every scorer is written in numpy alone, so that its source can be pasted.
SUM = "np.sum([{} for t, k in enumerate(y)])"
LSE = "np.logaddexp.reduce(u[t])"
KINDS: dict[str, str] = {
    "log-softmax, summed": SUM.format(f"u[t, k] - {LSE}"),
    "log-softmax, averaged": f"np.mean([u[t, k] - {LSE} for t, k in enumerate(y)])",
    "the sum of the logits": SUM.format("u[t, k]"),
    "logits divided by their sum": SUM.format("u[t, k] / u[t].sum()"),
    "softmax over a fixed shortlist": SUM.format("u[t, k] - np.logaddexp.reduce(u[t, [0, 1, 3]])"),
    "the mean of the logits": "np.mean([u[t, k] for t, k in enumerate(y)])",
    "the margin to the best logit": SUM.format("u[t, k] - u[t].max()"),
    "log-softmax of rescaled logits": SUM.format(
        "(lambda v: v[k] - np.logaddexp.reduce(v))(u[t] / (1 + np.abs(u[t]).max()))"
    ),
    "log-sigmoid of each logit": SUM.format("-np.logaddexp(0, -u[t, k])"),
    "the product of softmax probabilities": f"np.prod([np.exp(u[t, k] - {LSE}) for t, k in enumerate(y)])",
    "only the last position normalised": f"{SUM.format('u[t, k]')} - np.logaddexp.reduce(u[-1])",
    "log-softmax at a temperature": SUM.format("(u[t, k] / {a}) - np.logaddexp.reduce(u[t] / {a})"),
    "log-softmax minus a penalty on its normaliser": SUM.format(f"u[t, k] - {LSE} - {{b}} * {LSE}"),
    "logits minus their mean": SUM.format("{a} * (u[t, k] - u[t].mean())"),
    "log-softmax plus a little of the logit": SUM.format(f"(1 + {{b}}) * u[t, k] - {LSE}"),
    "log-softmax of the three best": SUM.format("u[t, k] - np.logaddexp.reduce({a} * np.sort(u[t])[-3:]) / {a}"),
    "minus the squared distance to a target": SUM.format("-((u[t, k] - {a}) ** 2)"),
    "logits divided by the sum of their sizes": SUM.format("{a} * u[t, k] / np.abs(u[t]).sum()"),
    "the same for every logit": "-{a} * len(y) * np.log(u.shape[1])",
}
FIXED = [kind for kind, source in KINDS.items() if "{" not in source]
MIXED = [kind for kind in KINDS if kind not in FIXED]


def _scorer(kind: str, rng: random.Random) -> Case:
    source = KINDS[kind].replace("{a}", str(rng.randint(12, 29) / 10)).replace("{b}", str(rng.randint(2, 9) / 100))
    text = f"lambda u, y: {source}"
    return Case(lambda: (eval(text, {"np": np}),), f"is_shift_invariant({text})", kind)  # noqa: S307 - our own text


def scorer_cases(rng: random.Random) -> list[Case]:
    """The scorers that one meets, then variations of them with random numbers, in random order."""
    others = [_scorer(kind, rng) for kind in MIXED * 2]
    rng.shuffle(others)
    return [_scorer(kind, rng) for kind in FIXED] + others


def ask_about_scorers(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """The verdict on each scorer; beside it the verdicts on one scorer of every kind, by which mistakes are told apart
    (of a single yes or no half of all mistakes agree)."""
    one_of_each = [_scorer(kind, random.Random(0)) for kind in KINDS]
    pattern = " ".join(str(one.get("value", one).get("v", "-")) for one in call_each(answer, one_of_each))
    return [one | {"pattern": pattern[:300]} for one in call_each(answer, cases)]


PROBES: dict[str, Probe] = {
    probe.task: probe
    for probe in (
        Probe("E04.1", "logsumexp", logsumexp_cases),
        Probe("E04.2", "log_softmax", log_softmax_cases),
        Probe("E04.3", "log1mexp", log1mexp_cases),
        Probe("E04.4", "e04_4"),
        Probe("E04.5", "masked_sum", masked_sum_cases),
        Probe("E04.6", "e04_6"),
        Probe("E04.7", "is_shift_invariant", scorer_cases, run=ask_about_scorers),
    )
}
