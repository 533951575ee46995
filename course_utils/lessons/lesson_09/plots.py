"""Lesson 09: a sentence as bars of surprisal, and how far two ways to one number drift apart in low precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from course_utils.plots.style import CYCLE, DASHES, FAINT, INK, MUTED, PALETTE, SMALL, canvas, style

RANGE = (1e-17, 1e3)  # nats


def surprisal_strip(tokens: Sequence[str], log_probs: Sequence[float], n_x: int) -> Figure:
    """One bar for each predicted token, as high as its surprisal; those of y in colour, hatched.

    tokens: T texts, of which the first is BOS. log_probs: T - 1 log-probabilities in nats, of all tokens but BOS.
    n_x: how many tokens belong to x, BOS counted. The area of y's bars is -log Pr(y | x).
    """
    if len(log_probs) != len(tokens) - 1:
        raise ValueError(f"{len(tokens)} tokens, BOS among them, have {len(tokens) - 1} log-probabilities")
    heights = -np.asarray(log_probs, dtype=float)
    places = np.arange(1, len(tokens))
    with style():
        figure, axes = canvas(max(6.5, 1.5 + 0.62 * len(places)), 3.6)
        for part, color, hatch in ((places < n_x, FAINT, ""), (places >= n_x, PALETTE["sky"], "//")):
            if part.any():
                axes.bar(places[part], heights[part], width=1.0, color=color, hatch=hatch, edgecolor=INK, linewidth=1)
        for place, height in zip(places, heights, strict=True):
            axes.annotate(
                f"{height:.2f}", (place, height), (0, 3), textcoords="offset points", ha="center", fontsize=SMALL
            )
        axes.set_xticks(
            places, [_shown(token) for token in tokens[1:]], rotation=40, ha="right", rotation_mode="anchor"
        )
        axes.set_ylabel("surprisal −log Pr (nats)")
        axes.set_ylim(0, 1.25 * max(heights.max(), 1.0))
        axes.legend(handles=_areas(heights, places, n_x), loc="upper left", ncols=2, borderaxespad=0)
        axes.set_title("surprisal of each token, given all before it", pad=14)
    return figure


def _areas(heights: np.ndarray, places: np.ndarray, n_x: int) -> list[Patch]:
    x, y = heights[places < n_x].sum(), heights[places >= n_x].sum()
    return [
        Patch(facecolor=FAINT, edgecolor=INK, label=f"x: −log Pr(x) = {x:.2f}"),
        Patch(facecolor=PALETTE["sky"], edgecolor=INK, hatch="//", label=f"y: −log Pr(y | x) = {y:.2f}"),
    ]


def _shown(token: str) -> str:
    """A token as a tick label: a space at its front is shown, a dollar sign begins no formula."""
    return token.replace(" ", "␣").replace("\n", "⏎").replace("$", r"\$") or "·"


def difference_by_length(lengths: Sequence[int], differences: Mapping[str, Sequence[float]]) -> Figure:
    """|joint − marginal − direct sum| against the length of x, one line for each format.

    lengths: tokens in x. differences: {name of the format: one difference in nats for each length}. Where it is exactly
    0, which no logarithmic axis holds, there is no point.
    """
    with style():
        figure, axes = canvas(7.5, 3.8)
        for i, (name, values) in enumerate(differences.items()):
            heights = np.where(np.asarray(values, dtype=float) > 0, values, np.nan)
            axes.plot(lengths, heights, color=CYCLE[i], linestyle=DASHES[i], marker="osD^v"[i], label=name)
            for last in np.flatnonzero(np.isfinite(heights))[-1:]:
                at = (lengths[last], heights[last])
                axes.annotate(name, at, (10, 0), textcoords="offset points", va="center", color=CYCLE[i])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(*RANGE)
        axes.set_xlim(lengths[0] / 1.2, lengths[-1] * 2.2)
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.minorticks_off()
        axes.axhline(0.1, color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
        axes.text(lengths[0] / 1.15, 0.05, "a tenth of a nat", va="top", fontsize=SMALL, color=MUTED)
        axes.set_xlabel("tokens in x")
        axes.set_ylabel("|J − M − direct| (nats)")
        axes.set_title("what the subtraction loses")
    return figure
