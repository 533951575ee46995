"""Lesson 12: one set of replies under several rules, and where the rankings cross."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_utils.plots.style import CYCLE, DASHES, INK, MUTED, SIZE, SMALL, canvas, style

LONGEST = 34  # characters of a reply that are written beside its line


def ranks(values: Sequence[float]) -> np.ndarray:
    """(n,) the place of each value, 1 for the largest; of equal values the one that comes first is ahead."""
    order = np.argsort(-np.asarray(values, dtype=float), kind="stable")
    places = np.empty(len(order), dtype=int)
    places[order] = np.arange(1, len(order) + 1)
    return places


def crossings(first: Sequence[float], second: Sequence[float]) -> int:
    """How many pairs the two rules order differently: Kendall's distance of the rankings."""
    a, b = ranks(first), ranks(second)
    return sum((a[i] - a[j]) * (b[i] - b[j]) < 0 for i, j in itertools.combinations(range(len(a)), 2))


def ranking_lines(texts: Sequence[str], values: Mapping[str, Sequence[float]]) -> Figure:
    """A line for each text through its places under every rule, best on top; each rule's winner drawn thick.

    values: {rule: (n,) values, larger is better}. ValueError where a rule has not one value for each text.
    """
    if not values or any(len(row) != len(texts) for row in values.values()):
        raise ValueError(f"every rule needs {len(texts)} values, one for each text")
    places = np.array([ranks(row) for row in values.values()])
    winners = list(dict.fromkeys(int(row.argmin()) for row in places))
    with style():
        figure, axes = canvas(9.6, 1.6 + 0.42 * len(texts))
        for i, text in enumerate(texts):
            won = winners.index(i) if i in winners else None
            look = {"color": MUTED, "linestyle": "-", "linewidth": 1.2, "markersize": 5}
            if won is not None:
                look = {"color": CYCLE[won % len(CYCLE)], "linestyle": DASHES[won % len(DASHES)], "linewidth": 3.4}
                look["markersize"] = 9
            axes.plot(range(len(values)), places[:, i], marker="o", label=text, zorder=2 + (won is not None), **look)
            words = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
            weight = "bold" if won is not None else "normal"
            for at, place, side in ((-0.12, places[0, i], "right"), (len(values) - 0.88, places[-1, i], "left")):
                axes.text(at, place, words, ha=side, va="center", color=INK, fontsize=SMALL - 1, fontweight=weight)
        axes.set_xticks(range(len(values)), list(values), fontsize=SIZE)
        axes.set_yticks([])
        axes.set_xlim(-2.3, len(values) + 1.3)
        axes.set_ylim(len(texts) + 0.6, 0.4)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_ylabel("place (best on top)")
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure
