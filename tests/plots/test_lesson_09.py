"""The figures of lecture 09, tested on the data that they draw."""

import numpy as np
import pytest
from matplotlib.container import BarContainer

from course_utils.lessons.lesson_09 import plots

TOKENS = ["BOS", "the", " cat", " and", " the", " dog"]
LOG_PROBS = [-2.5, -4.25, -0.125, -1.0, -3.5]


def bars(figure):
    return [patch for c in figure.axes[0].containers if isinstance(c, BarContainer) for patch in c.patches]


@pytest.mark.parametrize("n_x", [1, 3, 5])
def test_a_bar_for_each_predicted_token_as_high_as_its_surprisal(n_x):
    drawn = bars(plots.surprisal_strip(TOKENS, LOG_PROBS, n_x))
    assert [bar.get_height() for bar in drawn] == [-p for p in LOG_PROBS]
    assert [bar.get_x() + bar.get_width() / 2 for bar in drawn] == [
        1,
        2,
        3,
        4,
        5,
    ]  # equal words have places of their own
    assert [bool(bar.get_hatch()) for bar in drawn] == [place >= n_x for place in range(1, 6)]


def test_the_areas_are_the_marginal_and_the_conditional():
    figure = plots.surprisal_strip(TOKENS, LOG_PROBS, 3)
    x, y = (text.get_text() for text in figure.axes[0].get_legend().get_texts())
    assert x.endswith("log Pr(x) = 6.75") and y.endswith("log Pr(y | x) = 4.62")
    areas = [bar.get_height() * bar.get_width() for bar in bars(figure)]
    assert sum(areas[2:]) == pytest.approx(4.625)


def test_spaces_are_seen_and_a_dollar_begins_no_formula():
    figure = plots.surprisal_strip(["BOS", "a$b$", " c"], [-1.0, -2.0], 2)
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [r"a\$b\$", "␣c"]


def test_a_number_for_each_token_but_bos_is_wanted():
    with pytest.raises(ValueError, match="6 tokens"):
        plots.surprisal_strip(TOKENS, [0.0, *LOG_PROBS], 3)


def test_each_format_has_its_line_and_zero_has_no_point():
    lengths = [16, 64, 256]
    figure = plots.difference_by_length(lengths, {"float64": [1e-14, 0.0, 4e-14], "bfloat16": [0.2, 0.5, 2.0]})
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["bfloat16"].get_ydata(), [0.2, 0.5, 2.0])
    np.testing.assert_array_equal(lines["float64"].get_ydata(), [1e-14, np.nan, 4e-14])
    assert lines["float64"].get_linestyle() != lines["bfloat16"].get_linestyle()
    assert axes.get_yscale() == "log" and "nats" in axes.get_ylabel() and axes.get_xlabel() == "tokens in x"
    assert {"float64", "bfloat16"} <= {text.get_text() for text in axes.texts}


def test_a_format_without_any_difference_is_drawn_without_a_point():
    plots.difference_by_length([16], {"float64": [0.0]}).draw_without_rendering()


@pytest.mark.parametrize("n", [2, 6, 24])
def test_text_stays_inside_the_figure(n):
    tokens = ["BOS", *[" considerable"] * n]
    for figure in (
        plots.surprisal_strip(tokens, [-12.34] * n, 2),
        plots.difference_by_length([16, 64, 256, 1000], {"float32": [1e-5] * 4, "bfloat16": [90.0] * 4}),
    ):
        figure.draw_without_rendering()
        width, height = figure.canvas.get_width_height()
        axes = figure.axes[0]
        for text in (*axes.texts, *axes.get_xticklabels(), axes.xaxis.label, axes.yaxis.label, axes.title):
            box = text.get_window_extent()
            assert not text.get_text() or (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)
