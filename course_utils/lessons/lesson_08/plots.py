"""Lesson 08: which property catches which bug, as a table that can be read from across the room."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.plots.style import FAINT, INK, PALETTE, SIZE, SMALL, canvas, style, text_on

CAUGHT, PASSED = PALETTE["vermillion"], "#FFFFFF"
WORDS = {True: "caught", False: "·"}

Verdicts = Mapping[str, Mapping[str, bool]]


def caught(verdicts: Verdicts) -> np.ndarray:
    """(scorers, properties) of bool: True where the property fails, which means that it catches the bug.

    verdicts: {scorer: {property: whether it holds}}. ValueError where the scorers have not all the same properties.
    """
    columns = [list(holds) for holds in verdicts.values()]
    if not columns or any(names != columns[0] for names in columns):
        raise ValueError("every scorer needs the same properties, in the same order, and there must be a scorer")
    return np.array([[not holds for holds in row.values()] for row in verdicts.values()])


def heat_map(verdicts: Verdicts) -> Figure:
    """Scorers downwards, properties across: a filled cell with the word "caught" where the property fails.

    On the right each row has the number of properties that catch it, below each column the number of its catches.
    """
    table = caught(verdicts)
    rows, columns = table.shape
    with style():
        fig, axes = canvas(9.6, 1.4 + 0.38 * rows)
        for (i, j), found in np.ndenumerate(table):
            ground = CAUGHT if found else PASSED
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=ground, edgecolor=FAINT, linewidth=1.2))
            weight = "bold" if found else "normal"
            word = WORDS[bool(found)]
            axes.text(
                j + 0.5,
                i + 0.5,
                word,
                ha="center",
                va="center",
                color=text_on(ground),
                fontsize=SMALL,
                fontweight=weight,
            )
        for i, count in enumerate(table.sum(axis=1)):
            axes.text(columns + 0.45, i + 0.5, f"{count}", ha="center", va="center", color=INK, fontweight="bold")
        for j, count in enumerate(table.sum(axis=0)):
            text = f"{count} of {rows}"
            axes.text(j + 0.5, rows + 0.5, text, ha="center", va="center", color=INK, fontweight="bold")
        axes.set_xlim(0, columns + 0.9)
        axes.set_ylim(rows + 1, 0)
        names = list(next(iter(verdicts.values())))
        labels = [*map(_two_lines, names), "caught\nby"]
        axes.set_xticks([*(np.arange(columns) + 0.5), columns + 0.45], labels, fontsize=SMALL)
        axes.set_yticks([*(np.arange(rows) + 0.5), rows + 0.5], [*verdicts, "catches"], fontsize=SIZE - 1)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return fig


def _two_lines(name: str) -> str:
    """The name broken at its middle space."""
    words = name.split()
    middle = (len(words) + 1) // 2
    return "\n".join(filter(None, [" ".join(words[:middle]), " ".join(words[middle:])]))
