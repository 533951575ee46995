"""The figures of lecture 10, tested on the data that they draw."""

import pytest

from course_utils.lessons.lesson_10 import plots

COUNTS = {"two passes": 8040, "marginal once": 5040, "one pass": 4040, "shared context": 1040}
SECONDS = {"two passes": 5.0, "marginal once": 3.25, "one pass": 2.5, "shared context": 0.75}
SINGLE, BATCH = [-12.0, -40.5, -7.25], [-12.5, -40.5, -7.0]


def bars(axes):
    """(what stands beside it, its length) of each bar, from top to bottom."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    return [(name, patch.get_width()) for name, patch in zip(names, axes.patches, strict=True)]


def test_each_strategy_has_a_bar_as_long_as_its_count():
    (axes,) = plots.position_bars(COUNTS).axes
    assert bars(axes) == list(COUNTS.items())
    assert axes.yaxis_inverted() and axes.get_xlim()[0] == 0
    assert [text.get_text() for text in axes.texts] == ["8,040", "5,040", "4,040", "1,040"]


def test_positions_and_seconds_stand_side_by_side_in_one_order():
    left, middle, _ = plots.strategies(COUNTS, dict(reversed(SECONDS.items())), SINGLE, BATCH).axes
    assert bars(left) == list(COUNTS.items())
    assert [length for _, length in bars(middle)] == list(SECONDS.values())
    assert left.get_ylim() == middle.get_ylim()
    assert "seconds" in middle.get_xlabel() and "positions" in left.get_xlabel()


def test_every_text_is_a_point_beside_the_diagonal():
    *_, right = plots.strategies(COUNTS, SECONDS, SINGLE, BATCH).axes
    diagonal, points = right.lines
    assert points.get_xdata().tolist() == SINGLE and points.get_ydata().tolist() == BATCH
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [-40.5, -7.0]
    assert "nats" in right.get_xlabel() and "nats" in right.get_ylabel()


@pytest.mark.parametrize("scale", [1, 30])
def test_numbers_stay_inside_the_figure(scale):
    counts = {name: count * scale for name, count in COUNTS.items()}
    seconds = {name: second * scale for name, second in SECONDS.items()}
    for figure in (plots.position_bars(counts), plots.strategies(counts, seconds, SINGLE, BATCH)):
        figure.canvas.draw()
        for axes in figure.axes:
            inside = axes.get_window_extent()
            assert all(text.get_window_extent().x1 <= inside.x1 for text in axes.texts)
