"""The figure of lesson 08, tested on the data that it draws."""

import pytest
from matplotlib.colors import to_hex

from course_utils.lessons.lesson_08 import plots
from course_utils.plots.style import contrast, text_on

VERDICTS = {
    "healthy": {"normalises": True, "never positive": True, "equals brute force": True},
    "sum of logits": {"normalises": False, "never positive": False, "equals brute force": False},
    "context dropped": {"normalises": True, "never positive": True, "equals brute force": False},
    "no end": {"normalises": False, "never positive": True, "equals brute force": False},
}


@pytest.fixture
def axes():
    (axes,) = plots.heat_map(VERDICTS).axes
    return axes


def texts_at(axes):
    return {text.get_position(): text.get_text() for text in axes.texts}


def test_a_property_that_fails_has_caught_the_bug():
    assert plots.caught(VERDICTS).tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 0, 1]]


@pytest.mark.parametrize("wrong", [{}, {"a": {"p": True}, "b": {"q": True}}, {"a": {"p": True}, "b": {}}])
def test_every_scorer_needs_the_same_properties(wrong):
    with pytest.raises(ValueError, match="same properties"):
        plots.caught(wrong)


def test_each_cell_says_in_colour_and_in_words_what_the_verdict_was(axes):
    filled = {cell.get_xy(): to_hex(cell.get_facecolor()).upper() for cell in axes.patches}
    words = texts_at(axes)
    assert len(filled) == 12
    for i, holds in enumerate(VERDICTS.values()):
        for j, fine in enumerate(holds.values()):
            assert filled[(j, i)] == (plots.PASSED if fine else plots.CAUGHT)
            assert (words[(j + 0.5, i + 0.5)] == "caught") is not fine


def test_the_margins_count_the_catches(axes):
    words = texts_at(axes)
    assert [words[(3.45, i + 0.5)] for i in range(4)] == ["0", "3", "1", "2"]
    assert [words[(j + 0.5, 4.5)] for j in range(3)] == ["2 of 4", "1 of 4", "3 of 4"]


def test_rows_and_columns_are_named(axes):
    assert [label.get_text() for label in axes.get_yticklabels()] == [*VERDICTS, "catches"]
    assert [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()] == [
        *VERDICTS["healthy"],
        "caught by",
    ]


def test_the_words_can_be_read_on_their_ground():
    for ground in (plots.CAUGHT, plots.PASSED):
        assert contrast(text_on(ground), ground) >= 4.5


def test_text_stays_inside_the_figure(axes):
    axes.figure.draw_without_rendering()
    width, height = axes.figure.canvas.get_width_height()
    for text in [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
