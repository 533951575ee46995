"""One look for every figure of the course: white ground, dark text, colours that colour-blind readers can tell apart.

Colours never carry a meaning alone: give lines different dashes, bars a label, areas a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.rcsetup import cycler

if TYPE_CHECKING:
    from matplotlib.typing import ColorType, RcKeyType

# Okabe and Ito, "Color Universal Design" (2008). Text on them: see `text_on`.
PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
# For lines and for the words beside them: text needs 4.5 to 1 on white, so three of these are darker than above.
CYCLE = [PALETTE["blue"], "#BF5300", "#008060", PALETTE["black"], "#9E4477"]  # vermillion, green and purple
DASHES = ["-", "--", "-.", ":", (0, (6, 1.5))]  # one for each colour of CYCLE
INK = "#1A1A1A"  # text and lines that matter
MUTED = "#595959"  # axes, helping lines, secondary text: 7 to 1 on white
FAINT = "#D9D9D9"  # grids and areas that only set the scene; never text

DPI = 90
SIZE = 12  # points, the ordinary text of a figure
SMALL = 10.5  # points, the smallest text that is still read at arm's length

RC: dict[RcKeyType, Any] = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": SIZE + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CYCLE, linestyle=DASHES),
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "grid.color": FAINT,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
}


def canvas(width: float = 8.0, height: float = 4.0, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure of `width` x `height` inches in the course's style and its axes: one, or an array of `columns`.

    The figure belongs to no backend (nothing pops up, nothing needs closing). Artists take fonts and colours from
    rcParams when they are made, so make them inside `style()` where the defaults matter (titles, ticks, legends).
    """
    with style():
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)
        return figure, figure.subplots(1, columns, **options)


def style() -> Any:
    """Context manager: matplotlib's settings for a figure of the course."""
    return matplotlib.rc_context(RC)


def clear(axes: Axes) -> Axes:
    """Remove ticks and frame from axes that only hold a drawing."""
    axes.set_axis_off()
    return axes


def luminance(color: ColorType) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white). Formula: WCAG 2.2."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: ColorType, other: ColorType) -> float:
    """Contrast ratio of two colours, 1 to 21; text needs at least 4.5. Formula: WCAG 2.2."""
    low, high = sorted((luminance(color), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(ground: str) -> str:
    """The colour for text on `ground`: INK or white, whichever stands out more."""
    return max((INK, "#FFFFFF"), key=lambda color: contrast(color, ground))
