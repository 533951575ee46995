"""Lesson 04: an almost certain token, and the gap from which each number format takes it for certain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from course_utils.plots.style import CYCLE, FAINT, INK, MUTED, SMALL, canvas, style

FORMATS = ("float16", "float32", "float64")
COLORS: dict[str, str] = dict(zip(FORMATS, (CYCLE[1], CYCLE[2], CYCLE[0]), strict=True))
DASHED: dict[str, str] = dict(zip(FORMATS, ("--", "-.", ":"), strict=True))
LOWEST = 1e-21  # below it the figure has its strip for 0, which a log axis does not have
IN_STRIP: dict[str, float] = dict(zip(FORMATS, (6e-23, 3e-24, 1.5e-25), strict=True))
BOTTOM = 1e-26
LABELS = {"float16": (0.5, 1e-11, "left"), "float32": (0.5, 1e-14, "left"), "float64": (-0.5, 1e-18, "right")}


def naive_surprisal(gaps: Sequence[float] | np.ndarray, dtype: str) -> np.ndarray:
    """-log p (nats) of the favourite of two tokens, with p = 1 / (1 + exp(-gap)) computed in `dtype`; (n,) float64.

    0 from the gap on at which 1 + exp(-gap) rounds to 1.
    """
    one = np.ones(len(gaps), dtype=dtype)
    p = one / (one + np.exp(-np.asarray(gaps, dtype=dtype)))
    return 0.0 - np.log(p).astype(np.float64)


def true_surprisal(gaps: Sequence[float] | np.ndarray) -> np.ndarray:
    """-log p (nats) = log(1 + exp(-gap)) of the favourite of two tokens, by log1p in float64."""
    return np.log1p(np.exp(-np.asarray(gaps, dtype=np.float64)))


def flat_from(dtype: str, step: float = 0.01) -> float:
    """The first gap, in multiples of `step`, for which the naive p is exactly 1."""
    count = int(45 / step)
    gaps = np.arange(count) * step
    return round(float(gaps[np.argmax(naive_surprisal(gaps, dtype) == 0)]), 6)


def almost_certain(dtypes: Sequence[str] = FORMATS, mark: float | None = None) -> Figure:
    """Surprisal of the favourite against the logit gap: the true line, and what each format computes, until it is 0.

    mark: a gap at which a vertical line is drawn.
    """
    with style():
        figure, axes = canvas(9.2, 4.9)
        _draw(axes, [dtype for dtype in FORMATS if dtype in dtypes], mark)
    return figure


def _draw(axes: Axes, dtypes: Sequence[str], mark: float | None) -> None:
    gaps = np.linspace(0, 46, 921)
    axes.axhspan(BOTTOM, LOWEST, color=FAINT, linewidth=0)
    axes.text(0.4, IN_STRIP["float32"], "p is 1.0,\nlog p is 0.0", va="center", fontsize=SMALL, color=INK)
    axes.plot(gaps, true_surprisal(gaps), color=INK, linestyle="-", linewidth=1.6, label="log1p")
    for dtype in dtypes:
        naive, end = naive_surprisal(gaps, dtype), flat_from(dtype)
        above = gaps < end
        x, y = [*gaps[above], end, end, 46], [*naive[above], naive[above][-1], *[IN_STRIP[dtype]] * 2]
        axes.plot(x, y, color=COLORS[dtype], linestyle=DASHED[dtype], linewidth=3, label=dtype)
        right, height, side = LABELS[dtype]
        text = f"{dtype}:\nflat from {end:.2f}"
        look = {"color": COLORS[dtype], "fontweight": "bold", "fontsize": SMALL}
        axes.text(end + right, height, text, ha=side, va="center", **look)
    axes.annotate(
        "log1p: straight on",
        (26, true_surprisal([26.0])[0]),
        xytext=(28, 1e-6),
        fontsize=SMALL,
        arrowprops={"arrowstyle": "-", "color": MUTED},
    )
    if mark is not None:
        axes.axvline(mark, color=MUTED, linewidth=1.2, linestyle="-")
        side = "right" if mark > 38 else "left"
        axes.text(mark + (0.4 if side == "left" else -0.4), 0.05, f"gap {mark:g}", ha=side, fontsize=SMALL, color=MUTED)
    axes.set_title("Surprisal of the favourite, with p computed as 1 / (1 + exp(−gap))")
    axes.set_yscale("log")
    axes.set_xlim(0, 46)
    axes.set_ylim(BOTTOM, 2)
    axes.yaxis.set_major_locator(FixedLocator([1.0, 1e-4, 1e-8, 1e-12, 1e-16, 1e-20]))
    axes.minorticks_off()
    axes.set_xlabel("gap between the two logits")
    axes.set_ylabel("−log p (nats)")
