"""Lesson 06: marginal and conditional, stacked, are the joint; a joint above its marginal cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plots.style import INK, MUTED, PALETTE, SMALL, canvas, style, text_on

WIDTH = 0.5  # of a bar
MARGINAL, CONDITIONAL, IMPOSSIBLE = PALETTE["blue"], PALETTE["orange"], PALETTE["vermillion"]


@dataclass(frozen=True)
class Pair:
    """Two texts with log Pr(x) and log Pr([x, y]), in nats, as some program reports them."""

    x: str
    y: str
    marginal: float
    joint: float

    @property
    def conditional(self) -> float:
        """log Pr(y|x) by the identity; above 0 where the two numbers contradict each other."""
        return self.joint - self.marginal

    @property
    def possible(self) -> bool:
        """Whether a model can have these two numbers (up to rounding)."""
        return self.conditional <= 1e-9


def stacked_log_probs(pairs: Sequence[Pair | tuple[str, str, float, float]]) -> Figure:
    """One bar for each pair: it hangs from 0, first log Pr(x), then log Pr(y|x); its lower end is log Pr([x, y]).

    A pair is (x, y, marginal, joint); log-probabilities are finite and at most 0. Where the joint lies above the
    marginal the second block has to go up again: it is hatched, and called impossible.
    """
    pairs = [pair if isinstance(pair, Pair) else Pair(*pair) for pair in pairs]
    lowest = min(min(pair.marginal, pair.joint) for pair in pairs)
    with style():
        figure, axes = canvas(max(4.6, 2.35 * len(pairs)), 5.0)
        for position, pair in enumerate(pairs):
            _bar(axes, position, pair, lowest)
        axes.axhline(0, color=INK, linewidth=1.2)
        axes.set_xlim(-0.5, len(pairs) - 0.2)
        axes.set_ylim(1.12 * lowest, 0.17 * -lowest)
        axes.set_yticks([tick for tick in axes.get_yticks() if lowest * 1.08 <= tick <= 0])
        axes.yaxis.set_major_formatter(lambda value, _: _number(value, 0 if value == int(value) else 1))
        axes.set_ylabel("log-probability (nats)")
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    return figure


def _bar(axes: Axes, position: int, pair: Pair, lowest: float) -> None:
    second = CONDITIONAL if pair.possible else "white"
    look = {} if pair.possible else {"hatch": "///", "edgecolor": IMPOSSIBLE, "linewidth": 2.2}
    axes.bar(position, pair.marginal, WIDTH, color=MARGINAL, label="marginal")
    axes.bar(position, pair.conditional, WIDTH, bottom=pair.marginal, color=second, label="conditional", **look)
    above = f"{pair.x}\n… {pair.y}" if pair.y else pair.x
    axes.text(position, -0.03 * lowest, above, ha="center", va="bottom", fontsize=SMALL, color=INK)
    # where the second block goes up it covers the lower part of the first
    ends = (0, pair.marginal) if pair.possible else (0, max(pair.joint, pair.marginal))
    _inside(axes, position, ends, f"log Pr(x)\n{_number(pair.marginal)}", text_on(MARGINAL), lowest)
    if pair.possible:
        words = f"log Pr(y|x)\n{_number(pair.conditional)}"
        _inside(axes, position, (pair.marginal, pair.joint), words, text_on(CONDITIONAL), lowest)
    else:
        words = f"log Pr(y|x)\n+{pair.conditional:.2f}\nimpossible"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        middle = (pair.marginal + pair.joint) / 2
        tall = pair.conditional >= 0.16 * -lowest
        axes.text(
            position,
            middle if tall else pair.marginal + 0.02 * lowest,
            words,
            ha="center",
            va="center" if tall else "top",
            fontsize=SMALL,
            fontweight="bold",
            color=INK,
            bbox=box,
        )
    side = position + WIDTH / 2 + 0.07
    axes.annotate("", (side, pair.joint), xytext=(side, 0), arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.4})
    axes.text(
        side + 0.03,
        pair.joint / 2,
        f"joint\n{_number(pair.joint)}",
        ha="left",
        va="center",
        fontsize=SMALL,
        color=INK,
    )


def _inside(axes: Axes, position: int, ends: tuple[float, float], words: str, color: str, lowest: float) -> None:
    """Text in the middle of a block; below it where the block is too low."""
    top, bottom = ends
    if top - bottom >= 0.1 * -lowest:
        axes.text(position, (top + bottom) / 2, words, ha="center", va="center", fontsize=SMALL, color=color)
    else:
        axes.text(
            position,
            bottom + 0.01 * lowest,
            words.replace("\n", " "),
            ha="center",
            va="top",
            fontsize=SMALL,
            color=INK,
        )


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
