"""Lesson 05: gradient ascent on one prompt with two answers ends at their shares in the data, not at certainty."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from course_utils.plots.style import CYCLE, DASHES, FAINT, INK, MUTED, SMALL, canvas, style


def ascend(yes: int, no: int, steps: int = 20, rate: float = 1.0, start: float = 0.1) -> np.ndarray:
    """Pr(yes) before the first and after each of `steps` steps of gradient ascent: (steps + 1,) float64.

    The model has one logit for each answer; what is climbed is the mean log-likelihood of `yes` times "yes" and `no`
    times "no". Its gradient is the share in the data minus the probability. `start` is Pr(yes) at the beginning.
    """
    if min(yes, no) < 0 or yes + no < 1:
        raise ValueError(f"counts are at least 0, and one of them above 0; got {yes} and {no}")
    share, gap = yes / (yes + no), math.log(start / (1 - start))
    path = [start]
    for _ in range(steps):
        gap += 2 * rate * (share - path[-1])  # one logit rises, the other falls by as much
        path.append(1 / (1 + math.exp(-gap)))
    return np.array(path)


def log_likelihoods(yes: int, no: int, p: np.ndarray) -> np.ndarray:
    """Log-likelihood (nats) of the answers where Pr(yes) is p, elementwise; an answer that does not occur costs 0."""
    return (yes * np.log(p) if yes else 0.0 * p) + (no * np.log1p(-p) if no else 0.0 * p)


def best_log_likelihood(yes: int, no: int) -> float:
    """The largest log-likelihood (nats) that any model can reach, or come near to where an answer is alone."""
    return math.fsum(n * math.log(n / (yes + no)) for n in (yes, no) if n)


def ascent_figure(yes: int = 3, no: int = 1, steps: int = 20) -> Figure:
    """Left the two probabilities step by step, right the log-likelihood; what no model can reach is grey."""
    path = ascend(yes, no, steps)
    with style():
        figure, (left, right) = canvas(9.4, 4.4, columns=2)
        _draw_probabilities(left, yes, no, path)
        _draw_log_likelihood(right, yes, no, path)
        for axes in (left, right):
            axes.set_xlabel("step of gradient ascent")
            axes.set_xlim(0, 1.32 * steps)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= steps])
    return figure


def _draw_probabilities(axes: Axes, yes: int, no: int, path: np.ndarray) -> None:
    steps = len(path) - 1
    for name, values, color, dashes in (("yes", path, CYCLE[0], DASHES[0]), ("no", 1 - path, CYCLE[1], DASHES[1])):
        axes.plot(range(steps + 1), values, color=color, linestyle=dashes, label=name)
        apart = 0.04 * (1 if values[-1] >= 0.5 else -1) * (abs(path[-1] - 0.5) < 0.05)
        text = f"{name}: {values[-1]:.3f}"
        axes.text(1.02 * steps, values[-1] + apart, text, va="center", color=color, fontweight="bold", fontsize=SMALL)
    axes.axhline(1, color=INK, linewidth=1.2, linestyle=":")
    axes.text(0.02 * steps, 1.02, "1: certain", va="bottom", fontsize=SMALL, color=INK)
    axes.set_ylim(0, 1.12)
    axes.set_ylabel("probability of the answer")
    axes.set_title(f"data: {yes} times yes, {no} times no")


def _draw_log_likelihood(axes: Axes, yes: int, no: int, path: np.ndarray) -> None:
    steps, best = len(path) - 1, best_log_likelihood(yes, no)
    values = log_likelihoods(yes, no, path)
    height = -float(values.min())
    if best < 0:
        axes.axhspan(best, 0, color=FAINT, linewidth=0)
        axes.text(0.66 * steps, best / 2, "no model gets here", ha="center", va="center", fontsize=SMALL, color=INK)
    axes.axhline(0, color=INK, linewidth=1.2, linestyle=":")
    axes.text(0.02 * steps, 0.02 * height, "0: every answer has probability 1", va="bottom", fontsize=SMALL, color=INK)
    axes.axhline(best, color=MUTED, linewidth=1.2, linestyle="--")
    axes.plot(range(steps + 1), values, color=CYCLE[2], linestyle="-", label="log-likelihood")
    text = f"{values[-1]:.3f}".replace("-", "−")
    axes.text(1.02 * steps, best - 0.02 * height, text, va="top", color=CYCLE[2], fontweight="bold", fontsize=SMALL)
    axes.set_ylim(-1.05 * height, 0.13 * height)
    axes.set_ylabel("log-likelihood (nats)")
    axes.set_title("what is climbed")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
