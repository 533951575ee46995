"""The figure of lesson 04, tested on the data that it draws."""

import math
from decimal import Context, Decimal

import numpy as np
import pytest

from course_utils.lessons.lesson_04 import plots

DIGITS = {"float16": 11, "float32": 24, "float64": 53}  # of the significand: 1 + 2**-digits is a tie, and rounds to 1


@pytest.mark.parametrize("dtype", DIGITS)
def test_flat_from_the_gap_at_which_one_plus_exp_rounds_to_one(dtype):
    by_algebra = DIGITS[dtype] * math.log(2)
    assert by_algebra - 0.01 < plots.flat_from(dtype) < by_algebra + 0.01
    below, above = plots.naive_surprisal([by_algebra - 0.01, by_algebra + 0.01], dtype)
    assert below > 0 and above == 0


def test_the_true_line_in_forty_digits():
    context, gaps = Context(prec=40), [0.0, 0.5, 7.0, 16.5, 36.5, 40.0, 46.0]
    exact = [float(context.ln(context.add(1, context.exp(Decimal(-gap))))) for gap in gaps]
    assert plots.true_surprisal(gaps) == pytest.approx(exact, rel=1e-12)


def drawn(**options):
    (axes,) = plots.almost_certain(**options).axes
    return axes, {line.get_label(): np.column_stack(line.get_data()) for line in axes.lines}


def test_the_lines_follow_the_data_and_then_lie_in_the_strip():
    axes, lines = drawn()
    assert axes.get_yscale() == "log"
    assert set(DIGITS) | {"log1p"} <= set(lines)
    x, y = lines["log1p"].T
    assert y == pytest.approx(plots.true_surprisal(x))
    for dtype in DIGITS:
        x, y = lines[dtype].T
        end = plots.flat_from(dtype)
        assert y[x < end] == pytest.approx(plots.naive_surprisal(x[x < end], dtype))
        assert x.max() > 45 and set(y[x > end]) == {plots.IN_STRIP[dtype]}
        assert plots.BOTTOM < plots.IN_STRIP[dtype] < plots.LOWEST
    assert len(set(plots.IN_STRIP.values())) == 3, "lines on top of each other"


def test_a_label_names_each_format_and_its_gap():
    axes, _ = drawn(mark=40)
    texts = [text.get_text() for text in axes.texts]
    for dtype in DIGITS:
        assert f"{dtype}:\nflat from {plots.flat_from(dtype):.2f}" in texts
    assert "gap 40" in texts


def test_fewer_formats_on_request():
    _, lines = drawn(dtypes=("float32",))
    assert set(DIGITS) & set(lines) == {"float32"}


@pytest.mark.parametrize("mark", [None, 0.5, 40, 45])
def test_text_stays_inside_the_figure(mark):
    figure = plots.almost_certain(mark=mark)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for text in [*figure.axes[0].texts, figure.axes[0]._left_title]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
