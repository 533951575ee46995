"""The figure of lecture 03, tested on the data that it draws."""

import math
from fractions import Fraction

import numpy as np
import pytest

from course_utils.lessons.lesson_03 import plots
from course_utils.plots import style

# How many factors make the product 0, by the answer key of the course; p: float16, bfloat16, float32, float64.
KEY = {0.5: (25, 134, 150, 1075), 0.2: (11, 58, 65, 463), 0.1: (8, 41, 46, 324), 0.05: (6, 32, 35, 249)}
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


@pytest.mark.parametrize("p", KEY)
def test_each_line_ends_where_its_product_is_zero(p):
    for dtype, cliff in zip(plots.FORMATS, KEY[p], strict=True):
        assert len(plots.log_products(p, dtype)) == cliff - 1


@pytest.mark.parametrize("dtype", plots.FORMATS)
def test_before_the_end_the_lines_are_the_exact_products(dtype):
    logs = plots.log_products(0.1, dtype)
    safe = len(logs) - DIGITS[dtype] // 3  # the subnormal numbers, with fewer digits, left out
    for n, log in enumerate(logs[:safe], start=1):
        exact = Fraction(1, 10) ** n
        log_of_exact = math.log(exact.numerator) - math.log(exact.denominator)
        assert log == pytest.approx(log_of_exact, abs=2 * (n + 1) * 2.0 ** -DIGITS[dtype] + 1e-12)


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_the_figure_shows_all_formats_and_the_sum_of_logs_beyond_each_cliff():
    figure = plots.underflow_cliffs(0.1)
    assert [set(lines(axes)) for axes in figure.axes] == [
        {"float16", "bfloat16", "float32", "sum of logs"},
        {"float64", "sum of logs"},
    ]
    for axes in figure.axes:
        drawn = lines(axes)
        x, y = drawn.pop("sum of logs").get_data()
        np.testing.assert_allclose(y, np.asarray(x) * math.log(0.1))
        bottom, _ = axes.get_ylim()
        for dtype, line in drawn.items():
            cliff = KEY[0.1][plots.FORMATS.index(dtype)]
            assert max(line.get_xdata()) == cliff < max(x), "the sum of logs goes on beyond the cliff"
            np.testing.assert_allclose(line.get_ydata()[1:-1], plots.log_products(0.1, dtype))
            assert bottom < line.get_ydata()[-1] < min(y), "the line falls to the strip below all values"
            assert any(text.get_text() == f"{dtype}\n0 from n = {cliff}" for text in axes.texts)


def test_lines_that_coincide_can_still_be_told_apart():
    widths = [plots.WIDTHS[dtype] for dtype in plots.FORMATS]
    assert widths == sorted(set(widths), reverse=True), "the line drawn later is thinner than those below it"
    assert len(set(plots.COLORS.values())) == 4
    assert all(style.contrast(color, "#FFFFFF") >= 3 for color in plots.COLORS.values())


@pytest.mark.parametrize(("dtypes", "panels"), [(["float64"], 1), (["float16"], 1), (["float64", "float32"], 2)])
def test_only_the_formats_asked_for_are_drawn(dtypes, panels):
    figure = plots.underflow_cliffs(0.2, dtypes)
    assert len(figure.axes) == panels
    assert set().union(*(lines(axes) for axes in figure.axes)) == {*dtypes, "sum of logs"}


@pytest.mark.parametrize("p", [0.05, 0.1, 0.25, 0.5])
def test_text_stays_inside_the_figure_and_apart(p):
    for dtypes in (plots.FORMATS, ["float16"], ["bfloat16"], ["float64"]):
        figure = plots.underflow_cliffs(p, dtypes)
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts]
        for i, box in enumerate(boxes):
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
            assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_product_that_never_reaches_zero_is_refused():
    with pytest.raises(ValueError, match="between 0 and 0.5"):
        plots.underflow_cliffs(0.9)
