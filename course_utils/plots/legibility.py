"""Can everybody read this figure? Finds pale text, and lines that only their colour tells apart.

`course build` asks for every figure that it draws, the tests for every figure that they draw.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from course_utils.plots.style import contrast

TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
SHARE = 0.2  # a colour that fills this much of a text's box is part of its ground


def faults(figure: Figure) -> list[str]:
    """What some readers could not make out, one line each; the figure is left as it was."""
    return [*pale_texts(figure), *(fault for axes in figure.axes for fault in alike_but_for_colour(axes))]


def pale_texts(figure: Figure) -> list[str]:
    """Texts whose colour has less than 4.5 to 1 on what lies under them."""
    layout, canvas = figure.get_layout_engine(), FigureCanvasAgg(figure)
    canvas.draw()  # now the ticks have their labels
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    alphas = {text: text.get_alpha() for text in texts}
    try:
        figure.set_layout_engine("none")  # the texts go, everything else stays where it is
        for text in texts:
            text.set_alpha(0)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        boxes = {text: text.get_window_extent(canvas.get_renderer()) for text in texts}
    finally:
        for text, alpha in alphas.items():
            text.set_alpha(alpha)
        figure.set_layout_engine(layout)
    found = []
    for text, box in boxes.items():
        rows = slice(max(0, round(picture.shape[0] - box.y1)), max(0, round(picture.shape[0] - box.y0)))
        pixels = picture[rows, max(0, round(box.x0)) : max(0, round(box.x1))].reshape(-1, 3)
        for ground in grounds(pixels):
            ratio = contrast(seen_colour(text, ground), ground)
            if ratio < TEXT_CONTRAST:
                colour = to_hex(text.get_color())
                words = " ".join(text.get_text().split())
                found.append(
                    f'the text "{words}" in {colour} on {ground} has contrast {ratio:.2f}, not {TEXT_CONTRAST}'
                )
                break
    return found


def grounds(pixels: np.ndarray) -> Iterator[str]:
    """The colours, as hex, that fill a good part of these (n, 3) pixels; none where there are no pixels."""
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    for colour, count in zip(colours, counts, strict=True):
        if count >= SHARE * len(pixels):
            yield to_hex(colour / 255)


def seen_colour(text: Text, ground: str) -> tuple[float, float, float]:
    """The colour of a text, mixed with its ground where it is translucent."""
    *colour, alpha = to_rgba(text.get_color(), text.get_alpha())
    red, green, blue = (alpha * own + (1 - alpha) * under for own, under in zip(colour, to_rgb(ground), strict=True))
    return red, green, blue


def alike_but_for_colour(axes: Axes) -> list[str]:
    """Lines, and entries of the legend, that someone who sees no colours would take for each other.

    Lines differ by dashes, marker or width, or each has its name written in the axes. Areas differ by a hatch.
    """
    written = " ".join(text.get_text() for text in axes.texts)
    by_look = defaultdict(dict)  # look without colour -> colour -> name
    for line in axes.get_lines():
        name = str(line.get_label())
        if np.size(line.get_xdata()) > 1 and not (name and name in written):
            by_look[look(line)].setdefault(to_hex(line.get_color()), name)
    legend = axes.get_legend()
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True) if legend else ():
        if isinstance(handle, Patch | Collection):
            face = np.ravel(handle.get_facecolor())
            colour = to_hex(tuple(face[:3])) if face.size else "none"
            by_look[f"area {handle.get_hatch()}"].setdefault(colour, text.get_text())
    return [
        f"only colour tells {' from '.join(names.values())}: give them different dashes, markers, hatches or labels"
        for names in by_look.values()
        if len(names) > 1
    ]


def look(line: Line2D) -> tuple:
    """What of a line is seen without its colour."""
    marker = None if line.get_marker() in ("None", "", " ", None) else str(line.get_marker())
    dashes = line._unscaled_dash_pattern  # pyright: ignore[reportAttributeAccessIssue]  # nothing public has them
    return str(dashes), marker, line.get_linewidth()
