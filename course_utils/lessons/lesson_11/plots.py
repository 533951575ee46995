"""Lesson 11: two objectives with two optima, above the labels that tell them apart; and what a masked prompt gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from course_utils.ledger import IGNORED
from course_utils.plots.style import DPI, FAINT, INK, MUTED, PALETTE, SMALL, canvas, clear, style, text_on

JOINT, CONDITIONAL = PALETTE["blue"], PALETTE["vermillion"]
MASKED, COUNTED = "#EDEDED", PALETTE["orange"]
BOX = 0.86  # of a token, where its place is 1 wide


def two_objectives(tokens: Sequence[str], labels: Sequence[str | int]) -> Figure:
    """Above: Pr([x, y]) and Pr(y|x) of the model with one parameter, with their best theta. Below: a label strip.

    The model: each token is b with probability theta, else a; x = a, y = b. tokens, labels: (T,), the text of each
    token and of its label, or -100, whose box is grey. Raises ValueError where the two are not equally long.
    """
    if len(tokens) != len(labels):
        raise ValueError(f"{len(tokens)} tokens need as many labels, not {len(labels)}")
    with style():
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
        figure = Figure(figsize=(8.4, 6.2), dpi=DPI, facecolor="white", layout=layout)
        above, below = figure.subplots(2, 1, height_ratios=[3.1, 1])
        _curves(above)
        _strip(below, tokens, labels)
    return figure


def _curves(axes: Axes) -> None:
    theta = np.linspace(0, 1, 201)
    joint, conditional = theta * (1 - theta), theta
    axes.plot(theta, joint, color=JOINT, linestyle="-", label="joint")
    axes.plot(theta, conditional, color=CONDITIONAL, linestyle="--", label="conditional")
    for values, color, words, at, sides in (
        (joint, JOINT, "joint θ(1 − θ)\nlargest at θ = 0.5", (0.57, 0.28), ("left", "bottom")),
        (conditional, CONDITIONAL, "conditional θ\nlargest at θ = 1", (0.86, 0.98), ("right", "top")),
    ):
        best = int(values.argmax())
        axes.plot([theta[best]] * 2, [0, values[best]], color=MUTED, linestyle=":", linewidth=1.4, label="_best")
        axes.plot(theta[best], values[best], "o", color=color, markersize=9, label="_best", clip_on=False)
        axes.text(*at, words, ha=sides[0], va=sides[1], fontsize=SMALL, color=INK)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.05)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("θ, the probability of b in every step")
    axes.set_ylabel("probability of the pair x = a, y = b")


def _strip(axes: Axes, tokens: Sequence[str], labels: Sequence[str | int]) -> None:
    clear(axes)
    axes.set_xlim(-1.25, len(tokens))
    axes.set_ylim(-0.1, 2.1)
    for row, (name, words) in enumerate((("label", labels), ("token", tokens))):
        axes.text(-0.15, row + 0.45, name, ha="right", va="center", fontsize=SMALL, color=INK)
        for place, (word, label) in enumerate(zip(words, labels, strict=True)):
            masked = row == 0 and label == IGNORED
            ground = "white" if row else MASKED if masked else COUNTED
            look = {"facecolor": ground, "edgecolor": FAINT if row or masked else INK, "linewidth": 1.2}
            axes.add_patch(Rectangle((place + (1 - BOX) / 2, row + 0.05), BOX, 0.8, **look))
            text = "−100" if masked else str(word).replace("\n", "↵").strip() or "␣"
            color = MUTED if masked else text_on(ground)
            axes.text(
                place + 0.5,
                row + 0.45,
                _short(text, len(tokens)),
                ha="center",
                va="center",
                fontsize=_size(len(tokens)),
                color=color,
            )


def _short(text: str, count: int) -> str:
    """At most as many letters as a box has room for."""
    room = max(4, 62 // count)
    return text if len(text) <= room else text[: room - 1] + "…"


def _size(count: int) -> float:
    return SMALL if count <= 10 else 8.5


def gradient_by_token(tokens: Sequence[str], norms: Sequence[float], n_prompt: int) -> Figure:
    """A bar for each token: how much the loss on the response depends on its embedding vector.

    tokens: (T,) texts. norms: (T,) lengths of the gradient, at least 0. The first `n_prompt` tokens are the prompt,
    whose bars are hatched; a norm of exactly 0 is written as "0".
    """
    lengths = np.asarray(norms, dtype=float)
    top = float(lengths.max()) or 1.0
    with style():
        figure, axes = canvas(8.4, 3.4)
        places = np.arange(len(lengths))
        prompt = places < n_prompt
        axes.bar(
            places[prompt], lengths[prompt], 0.7, color="white", edgecolor=JOINT, hatch="///", label="prompt, masked"
        )
        axes.bar(places[~prompt], lengths[~prompt], 0.7, color=COUNTED, edgecolor=INK, label="response, counted")
        for place in places[lengths == 0]:
            axes.text(place, 0.02 * top, "0", ha="center", va="bottom", color=INK)
        axes.set_xticks(places, [_short(str(t).replace("\n", "↵").strip() or "␣", len(tokens)) for t in tokens])
        axes.set_ylim(0, 1.18 * top)
        axes.set_ylabel("length of the gradient")
        axes.set_xlabel("embedding vector at this token")
        axes.legend(loc="upper left", ncols=2)
    return figure
