"""`figure`: a picture that also those can follow who cannot see it."""

from __future__ import annotations

import base64
import html
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(fig: Figure, alt: str) -> None:
    """Display `fig` with `alt`, a sentence that tells what it shows to those who cannot see it; then close it.

    One output in three forms: HTML whose <img> carries the text (a page keeps it where a bare PNG has no such text),
    the PNG, and "Figure: ..." as plain text.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("figure needs a text for those who cannot see it: figure(fig, alt='what the figure shows').")
    if os.environ.get("COURSE_BUILD") == "1":  # what is published can be read by everybody
        from course_utils.plots.legibility import faults

        if found := faults(fig):
            raise ValueError(f"this figure cannot be read by everybody: {'; '.join(found)}")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="{html.escape(alt)}" style="max-width: 100%" src="data:image/png;base64,{png}">'
    display({"text/html": image, "image/png": png, "text/plain": f"Figure: {alt}"}, raw=True)
    if "matplotlib.pyplot" in sys.modules:  # a figure of pyplot would be shown a second time at the end of the cell
        sys.modules["matplotlib.pyplot"].close(fig)
