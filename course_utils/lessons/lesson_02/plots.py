"""Lesson 02: how much probability the strings up to some length have together, with an end and without one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plots.style import CYCLE, FAINT, INK, SMALL, canvas, style

BLUE, VERMILLION, GREEN = CYCLE[:3]
NEVER = "#DCEFE8"  # a light green, the ground of what never ends


def leaky(t: int) -> float:
    """The chance of EOS at step t = 1, 2, ... in the language that leaks: 1 / (t + 1)^2."""
    return 1 / (t + 1) ** 2


def ended_mass(hazard: Callable[[int], float], longest: int) -> np.ndarray:
    """Pr(length <= N) for N = 0, ..., longest, as (longest + 1,) values.

    hazard(t): the chance that step t = 1, 2, ... is EOS, for a string that has not ended. A string of length N ends at
    step N + 1.
    """
    chances = np.array([hazard(t) for t in range(1, longest + 2)], dtype=np.float64)
    return 1 - np.cumprod(1 - chances)


def total_mass(eos: float = 0.1, longest: int = 40) -> Figure:
    """Total probability of all strings of length at most N: without EOS, with the chance `eos` of it, with a leaky one.

    Left the first lengths on a scale on which the sum without an end can grow; right the two that stay below 1.
    """
    lengths = np.arange(longest + 1)
    lines = {
        "no EOS": (lengths + 1.0, {"color": VERMILLION, "linestyle": "--", "marker": "s", "markersize": 6}),
        f"EOS with chance {eos:.3g}": (
            ended_mass(lambda t: eos, longest),
            {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4.5},
        ),
        "leaky EOS, $1/(t+1)^2$ at step t": (ended_mass(leaky, longest), {"color": GREEN, "linestyle": "-."}),
    }
    with style():
        figure, (wide, near) = canvas(9.4, 4.7, columns=2, width_ratios=(1, 2.1))
        for axes in (wide, near):
            axes.axhline(1, color=INK, linewidth=1.2, linestyle="-", zorder=1)
            for name, (mass, look) in lines.items():
                axes.plot(lengths, mass, label=name, zorder=3, **look)
            axes.set_xlabel("maximum length N")
        _wide(wide)
        _near(near, eos, longest)
        figure.legend(*near.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=SMALL + 0.5)
    return figure


def _wide(axes: Axes) -> None:
    axes.set_xlim(-0.3, 6.3)
    axes.set_ylim(0, 7.3)
    axes.set_ylabel("total probability")
    axes.set_title("no end: 1 a length")


def _near(axes: Axes, eos: float, longest: int) -> None:
    axes.axhspan(0.5, 1, facecolor=NEVER, edgecolor="none", zorder=0)
    axes.text(0.99 * longest, 0.53, "the leaky half: never ends", ha="right", va="bottom", fontsize=SMALL, color=INK)
    mean = (1 - eos) / eos
    at = np.interp(mean, np.arange(longest + 1), ended_mass(lambda t: eos, longest))
    axes.plot(
        [mean], [at], marker="D", markersize=9, color=INK, linestyle="none", label=f"mean length {mean:.3g}", zorder=4
    )
    axes.set_xlim(-0.8, longest)
    axes.set_ylim(0, 1.07)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_title("with an end: at most 1")
