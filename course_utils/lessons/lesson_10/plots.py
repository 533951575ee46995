"""Lesson 10: what each way to the same scores costs, and that they are the same scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils.plots.style import CYCLE, INK, MUTED, SMALL, canvas, style


def position_bars(counts: Mapping[str, int]) -> Figure:
    """One bar for each strategy: the token positions that go through the model, by the strategy's name."""
    with style():
        figure, axes = canvas(8.0, 0.9 + 0.55 * len(counts))
        _bars(axes, list(counts), list(counts.values()), "{:,.0f}".format)
        axes.set_xlabel("token positions through the model")
    return figure


def strategies(
    counts: Mapping[str, int], seconds: Mapping[str, float], single: Sequence[float], batch: Sequence[float]
) -> Figure:
    """Positions and seconds of each strategy, and the scores of a batch against those of one sequence at a time.

    counts, seconds: by the name of the strategy, in the same order. single, batch: (N,) log-probabilities in nats.
    """
    with style():
        figure, (left, middle, right) = canvas(12.0, 4.0, 3, gridspec_kw={"width_ratios": [1.35, 1, 1.1]})
        names = list(counts)
        _bars(left, names, [counts[name] for name in names], "{:,.0f}".format)
        left.set_title("what goes in")
        left.set_xlabel("token positions")
        _bars(middle, [""] * len(names), [seconds[name] for name in names], "{:.3g}".format)
        middle.set_title("what it takes")
        middle.set_xlabel("seconds on this machine")
        ends = [min(*single, *batch), max(*single, *batch)]
        right.plot(ends, ends, color=MUTED, linestyle="--", linewidth=1.2, label="equal")
        right.plot(single, batch, "o", color=CYCLE[0], markersize=4, alpha=0.6, label="one text")
        right.set_title("the same scores")
        right.set_xlabel("one at a time (nats)")
        right.set_ylabel("in a batch (nats)")
        right.legend(loc="upper left")
        right.set_aspect("equal", adjustable="datalim")
    return figure


def _bars(axes: Axes, names: Sequence[str], lengths: Sequence[float], text: Callable[[float], str]) -> None:
    """Horizontal bars from top to bottom, each with its number at its end."""
    places = np.arange(len(names))
    colors = [CYCLE[i % len(CYCLE)] for i in places]
    bars = axes.barh(places, lengths, color=colors, height=0.62)
    axes.bar_label(bars, [text(length) for length in lengths], padding=4, fontsize=SMALL, color=INK)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.margins(x=0.32)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
