"""Lesson 03: a running product falls to 0 in every number format, and the sum of the logs goes straight on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from course_utils.log_space import first_underflow, running_product
from course_utils.plots.style import CYCLE, FAINT, INK, MUTED, SMALL, canvas, style

FORMATS = ("float16", "bfloat16", "float32", "float64")
WIDTHS = {"float16": 10.0, "bfloat16": 7.0, "float32": 4.5, "float64": 2.4}  # nested where the lines coincide
COLORS: dict[str, str] = dict(zip(FORMATS, (CYCLE[1], CYCLE[2], CYCLE[0], CYCLE[4]), strict=True))


def log_products(p: float, dtype: str) -> np.ndarray:
    """log (nats) of the running product of factors p in `dtype`: as many values as the product stays above 0."""
    products = running_product([p] * first_underflow(p, dtype), dtype)
    return np.log(list(takewhile(lambda product: product > 0, products)))


def underflow_cliffs(p: float = 0.1, dtypes: Sequence[str] = FORMATS) -> Figure:
    """The running product of factors p in each format until it is 0, over the straight line of the sum of logs.

    Left the formats of 16 and 32 bits, right float64, each on its own scale; one panel where `dtypes` needs no more.
    p is above 0 and at most 0.5: beyond, a product does not reach 0.
    """
    small = [dtype for dtype in FORMATS if dtype in dtypes and dtype != "float64"]
    panels = [group for group in (small, ["float64"] if "float64" in dtypes else []) if group]
    with style():
        figure, axes = canvas(9.4 if len(panels) > 1 else 6.8, 4.6, columns=len(panels), squeeze=False)
        for panel, group in zip(axes[0], panels, strict=True):
            _draw(panel, p, group)
        axes[0][0].set_ylabel("log of the product (nats)")
    return figure


def _draw(axes: Axes, p: float, dtypes: Sequence[str]) -> None:
    cliffs = {dtype: first_underflow(p, dtype) for dtype in dtypes}
    n = math.ceil(1.45 * max(cliffs.values()))
    lowest = n * math.log(p)
    floor = 1.1 * lowest
    axes.axhspan(1.22 * lowest, floor, color=FAINT, linewidth=0)
    axes.text(0.02 * n, 1.16 * lowest, "product = 0.0", va="center", fontsize=SMALL, color=INK)
    for dtype, cliff in cliffs.items():
        logs = log_products(p, dtype)
        x, y = range(cliff + 1), [0, *logs, floor]
        axes.plot(x, y, color=COLORS[dtype], linewidth=WIDTHS[dtype], linestyle="-", label=dtype, solid_capstyle="butt")
    axes.plot([0, n], [0, lowest], color=INK, linewidth=1.5, linestyle="--", label="sum of logs")
    axes.annotate(
        f"sum of logs:\n−{-math.log(p):.2f} a factor",
        (0.42 * n, 0.42 * lowest),
        xytext=(0.58 * n, 0.17 * lowest),
        fontsize=SMALL,
        va="center",
        arrowprops={"arrowstyle": "-", "color": MUTED},
    )
    for dtype, cliff in cliffs.items():
        last, left = cliff == max(cliffs.values()), dtype == "bfloat16" and len(cliffs) > 1
        axes.text(
            cliff + (-0.025 if left else 0.025) * n,
            (0.55 if last else 0.84 if left else 0.66) * lowest,
            f"{dtype}\n0 from n = {cliff}",
            ha="right" if left else "left",
            va="center",
            color=COLORS[dtype],
            fontweight="bold",
            fontsize=SMALL,
        )
    axes.set_title(" and ".join([", ".join(dtypes[:-1]), dtypes[-1]]) if len(dtypes) > 1 else dtypes[0])
    axes.set_xlim(0, n)
    axes.set_ylim(1.22 * lowest, 0.02 * -lowest)
    axes.set_xlabel(f"number n of factors {p:.3g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}".replace("-", "−")))
