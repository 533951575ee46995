"""Asks the answers of lesson 11. torch is imported where it is needed: to list the tasks should be quick."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, ask_functions, axes_data, not_there, observe, plot_each, the_axes

IGNORED = -100


# --- E11.1 ----------------------------------------------------------------------------------------------------------


def _labels(x: list[int], y: list[int], eos: int, length: int | None = None, label: str = "") -> Case:
    args = (x, y, eos) if length is None else (x, y, eos, length)
    return Case(args, f"make_labels({', '.join(map(repr, args))})", label)


def label_cases(rng: random.Random) -> list[Case]:
    """Pairs with and without padding, EOS in odd places, the shortest x and y, random ones."""
    cases = [
        _labels([0, 5, 7, 9], [8, 3], 1),
        _labels([0, 5, 7], [8, 3, 6], 1, 10, "with padding"),
        _labels([0, 5, 7], [8, 3, 6], 1, 7, "padding of length 0"),
        _labels([0], [4, 2], 1, label="x is BOS alone"),
        _labels([0, 6, 2], [], 1, label="y is empty"),
        _labels([0, 6, 2], [], 1, 6, "y is empty, with padding"),
        _labels([0, 5], [8, 1, 3], 1, 8, "EOS inside y"),
        _labels([0, 5], [8, 1], 1, label="y ends with EOS already"),
        _labels([0, 5, 1, 7], [8, 3], 1, label="EOS inside x"),
        _labels([0, 5, 7], [8, 3], 0, 9, "BOS and EOS are one id"),
        _labels([0, 5, 7], [7, 5, 5], 1, label="the tokens of y occur in x"),
        _labels([2, 9, 9, 9, 4, 4], [3], 6, 12, "a long x"),
        _labels([0, 5, 7], [8, 0, 3], 1, 8, "id 0 inside y"),
    ]
    for i in range(20):
        x = [0] + [rng.randrange(2, 40) for _ in range(rng.randint(1, 6))]
        y = [rng.randrange(2, 40) for _ in range(rng.randint(1, 5))]
        length = None if i % 2 else len(x) + len(y) + 1 + rng.randint(0, 4)
        cases.append(_labels(x, y, rng.choice((1, 1, 0, 41)), length))
    return cases


# --- E11.3 ----------------------------------------------------------------------------------------------------------


def means_cases(rng: random.Random) -> list[Case]:
    """The two sequences of the lecture, one sequence, equal lengths, random ones."""

    def case(nll: list[float], counts: list[int], label: str = "") -> Case:
        return Case((nll, counts), f"batch_means({nll}, {counts})", label)

    cases = [
        case([4.0, 4.0], [2, 8]),
        case([3.5], [5], "one sequence"),
        case([1.5, 6.0, 2.25], [3, 3, 3], "equal lengths"),
        case([0.0, 9.0], [1, 3], "a sequence that costs nothing"),
        case([40.0, 0.5], [100, 1], "a long and a short one"),
        case([0.25, 7.0, 3.0, 11.0], [1, 2, 4, 16], "four sequences"),
    ]
    for _ in range(20):
        n = rng.randint(2, 5)
        counts = [rng.randint(1, 30) for _ in range(n)]
        cases.append(case([round(c * rng.uniform(0.05, 4), 3) for c in counts], counts))
    return cases


# --- E11.4 ----------------------------------------------------------------------------------------------------------


def _batch(logits: list, labels: list[list[int]], label: str = "") -> Case:
    def args() -> tuple:
        import torch

        return torch.tensor(logits, dtype=torch.float64), torch.tensor(labels)

    shown = f"batch_loss(torch.tensor({logits}, dtype=torch.float64), torch.tensor({labels}))"
    return Case(args, shown, label)


def _logits(rng: random.Random, b: int, t: int, v: int, scale: float = 0.0) -> list:
    return [
        [[round(rng.uniform(-3, 3) + scale * rng.randint(-1, 1), 2) for _ in range(v)] for _ in range(t)]
        for _ in range(b)
    ]


def _row(rng: random.Random, t: int, v: int, prompt: int, n: int) -> list[int]:
    """Labels of one row: masked, then n labels, then masked to length t."""
    return ([IGNORED] * prompt + [rng.randrange(v) for _ in range(n)] + [IGNORED] * t)[:t]


def batch_cases(rng: random.Random) -> list[Case]:
    """A masked row among others, first and last, no masked row, only masked rows, labels where nothing is predicted."""
    fixed, none = random.Random(11), [IGNORED] * 4
    two = [IGNORED, IGNORED, 2, 0]
    cases = [
        _batch(_logits(fixed, 2, 4, 3), [two, none], "the second row has no label"),
        _batch(_logits(fixed, 2, 4, 3), [two, [IGNORED, 1, 2, 1]], "every row has labels"),
        _batch(_logits(fixed, 3, 4, 3), [none, [IGNORED, 0, IGNORED, IGNORED], two], "the first row has no label"),
        _batch(_logits(fixed, 2, 4, 3), [[1, IGNORED, IGNORED, IGNORED], two], "a label at position 0 alone"),
        _batch(_logits(fixed, 2, 4, 3), [[2, 1, IGNORED, IGNORED], two], "a label at position 0 and another"),
        _batch(_logits(fixed, 2, 4, 3), [none, none], "no row has a label"),
        _batch(_logits(fixed, 1, 4, 3), [two], "one row"),
        _batch(_logits(fixed, 1, 4, 3), [none], "one row without a label"),
        _batch(_logits(fixed, 2, 4, 3, 500.0), [two, none], "large logits"),
    ]
    for i in range(20):
        b, t, v = rng.randint(2, 4), rng.randint(4, 6), rng.randint(3, 5)
        labels = [_row(rng, t, v, rng.randint(1, t - 1), rng.randint(1, t)) for _ in range(b)]
        if i % 4:
            labels[rng.randrange(b)] = [IGNORED] * t
        cases.append(_batch(_logits(rng, b, t, v), labels))
    return cases


# --- E11.5 ----------------------------------------------------------------------------------------------------------


def _gradient(family: str, seed: int, x: list[int], y: list[int], label: str = "") -> Case:
    def args() -> tuple:
        from course_utils.language_model import tiny_model

        return "embedding_gradient_norms", tiny_model(family, seed), list(x), list(y)

    return Case(args, f'embedding_gradient_norms(tiny_model("{family}", {seed}), {x}, {y})', label)


def gradient_cases(rng: random.Random) -> list[Case]:
    """Both families, a y of one token, an x of BOS alone, random ids; then the three claims."""

    def ids(n: int) -> list[int]:
        return [rng.randrange(2, 40) for _ in range(n)]

    return [
        _gradient("gpt2", rng.randrange(1000), [0, *ids(3)], [*ids(2), 1]),
        _gradient("llama", rng.randrange(1000), [0], ids(4), "x is BOS alone"),
        _gradient("gpt2", rng.randrange(1000), [0, *ids(4)], ids(1), "y is one token"),
        _gradient("gpt2", rng.randrange(1000), [0, 7, 7, 9], [7, 9, 7], "the same token in several places"),
        _gradient("llama", 3, [0, 5, 1], [8, 0, 6], "BOS and EOS among the tokens"),
        Case(("e11_5",), "e11_5()", "the claims"),
    ]


# --- E11.6 ----------------------------------------------------------------------------------------------------------

MicroBatches = list[tuple[list[list[int]], list[list[int]]]]


def _accumulate(family: str, seed: int, batches: MicroBatches, label: str = "") -> Case:
    def args() -> tuple:
        import torch

        from course_utils.language_model import tiny_model

        return tiny_model(family, seed), [(torch.tensor(ids), torch.tensor(labels)) for ids, labels in batches]

    shown = ", ".join(f"(torch.tensor({ids}), torch.tensor({labels}))" for ids, labels in batches)
    return Case(args, f'accumulate(tiny_model("{family}", {seed}), [{shown}])', label)


def _micro_batch(rng: random.Random, rows: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Rows of (n_x, n_y) ids, right-padded with id 1; labels -100 on x (BOS included) and on padding."""
    t = max(n_x + n_y for n_x, n_y in rows)
    ids, labels = [], []
    for n_x, n_y in rows:
        x, y = [0] + [rng.randrange(2, 40) for _ in range(n_x - 1)], [rng.randrange(2, 40) for _ in range(n_y)]
        ids.append((x + y + [1] * t)[:t])
        labels.append(([IGNORED] * n_x + y + [IGNORED] * t)[:t])
    return ids, labels


def accumulate_cases(rng: random.Random) -> list[Case]:
    """Micro-batches with unequal numbers of labels, rows of unequal length, one without labels, one alone."""
    seeds = [rng.randrange(1000) for _ in range(5)]
    first = [_micro_batch(rng, [(2, 1)]), _micro_batch(rng, [(1, 5)])]
    odd = _micro_batch(rng, [(2, 3)])
    odd[1][0][0] = odd[0][0][0]  # BOS has a label here; nothing predicts it
    empty = ([[0, 5, 6]], [[IGNORED] * 3])
    ends = ([[0, 5, 0, 9, 1], [0, 0, 1, 1, 1]], [[IGNORED, IGNORED, 0, 9, 1], [IGNORED, 0, 1, IGNORED, IGNORED]])
    return [
        _accumulate("gpt2", seeds[0], first),
        _accumulate("llama", seeds[1], [_micro_batch(rng, [(3, 2), (2, 4)]), _micro_batch(rng, [(4, 1)])], "padding"),
        _accumulate("gpt2", seeds[2], [odd, _micro_batch(rng, [(3, 1)])], "a label at position 0"),
        _accumulate("gpt2", seeds[3], [_micro_batch(rng, [(2, 2), (1, 1)])], "one micro-batch"),
        _accumulate(
            "gpt2", seeds[4], [_micro_batch(rng, [(2, 1)]), empty, _micro_batch(rng, [(1, 4)])], "one without labels"
        ),
        _accumulate("llama", 3, [ends, ([[0, 7, 4]], [[IGNORED, IGNORED, 4]])], "BOS and EOS are labels"),
    ]


def accumulate_each(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What comes back, and the gradient that is left in the model: [returned, [three projections, norm]]."""
    seen = []
    for case in cases:
        model, batches = case.fresh_args()
        one = observe(answer, model, batches)
        if "value" in one:
            both = {"t": "list", "v": [one["value"], encode(_projections(model))]}
            one = {"value": both, "shown": one["value"]}
        seen.append(one)
    return seen


def _projections(model: Any) -> list[float] | None:
    """Three numbers that a wrong gradient does not have by accident, and its norm; None where there is no gradient."""
    import torch

    gradients = [p.grad.detach().double().flatten() for p in model.parameters() if p.grad is not None]
    if not gradients:
        return None
    whole = torch.cat(gradients)
    place = torch.arange(len(whole), dtype=torch.float64)
    return [float(whole @ torch.cos(place * w + w)) for w in (0.37, 1.13, 2.41)] + [float(whole.norm())]


# --- E11.7 ----------------------------------------------------------------------------------------------------------


def optimum_cases(rng: random.Random) -> list[Case]:
    """The two numbers; the plot on an even and an uneven grid."""

    def plot(theta: list[float], shown: str) -> Case:
        def args() -> tuple:
            import numpy as np

            return "plot_objectives", np.array(theta)

        return Case(args, f"plot_objectives({shown})")

    n = rng.randint(30, 90)
    uneven = [0.0, *sorted(round(rng.uniform(0.01, 0.99), 3) for _ in range(8)), 1.0]
    return [
        Case(("e11_7",), "e11_7()"),
        plot([i / n for i in range(n + 1)], f"np.linspace(0, 1, {n + 1})"),
        plot(uneven, f"np.array({uneven})"),
    ]


def numbers_and_plot(answer: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """The two numbers, and what the Axes hold: see `axes_data`, and the name of each line."""
    seen = []
    for case in cases:
        name, *args = case.fresh_args()
        function = answer if name == "e11_7" else others.get(name)
        if not callable(function):
            seen.append(not_there(name))
        elif name == "e11_7":
            seen.append(observe(function))
        else:
            seen += plot_each(function, [Case(lambda args=args: tuple(args))], read=_named_lines)
    return seen


def _named_lines(axes: Any) -> dict | None:
    if axes is None:
        return None
    axes = the_axes(axes)
    data = axes_data(axes)
    names = [str(line.get_label()) for line in axes.get_lines()]
    looks = [_look(line) for line in axes.get_lines()]
    legend = axes.get_legend()
    handles = [_look(handle) for handle in legend.legend_handles] if legend else []
    for i, name in enumerate(names):
        if name.startswith("_"):  # a legend from a list of texts gives no label to the lines
            same = [text for text, look in zip(data["legend"], handles, strict=False) if look == looks[i]]
            names[i] = same[0] if len(same) == 1 else data["legend"][i] if i < len(data["legend"]) else name
    shown = [name.lower() for name in data["legend"]] + [text.get_text().lower() for text in axes.texts]
    return data | {"names": names, "shown": shown}


def _look(artist: Any) -> tuple:
    """How a line is drawn, which its entry in the legend has in common with it."""
    return tuple(str(getattr(artist, f"get_{what}", str)()) for what in ("color", "linestyle", "marker"))


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E11.1", "make_labels", label_cases),
        Probe("E11.2", "e11_2"),
        Probe("E11.3", "batch_means", means_cases),
        Probe("E11.4", "batch_loss", batch_cases),
        Probe(
            "E11.5",
            "embedding_gradient_norms",
            gradient_cases,
            run=ask_functions("embedding_gradient_norms", "e11_5"),
            needs=("e11_5",),
        ),
        Probe("E11.6", "accumulate", accumulate_cases, run=accumulate_each),
        Probe("E11.7", "e11_7", optimum_cases, run=numbers_and_plot, needs=("plot_objectives",)),
    )
}
