"""The figure of lesson 12, tested on the data that it draws."""

import numpy as np
import pytest

from course_utils.lessons.lesson_12 import plots

TEXTS = ["Yes.", "No, it is raining.", "We can go there tomorrow, after lunch, if you like."]
VALUES = {"sum": [-4.0, -13.0, -21.0], "mean": [-1.4, -1.9, -0.9], "PMI": [3.0, 3.5, 2.5]}


@pytest.fixture
def axes():
    (axes,) = plots.ranking_lines(TEXTS, VALUES).axes
    return axes


def test_the_largest_value_has_the_first_place_and_equals_keep_their_order():
    assert plots.ranks([-3.0, -1.0, -2.0]).tolist() == [3, 1, 2]
    assert plots.ranks([0.5, 2.0, 0.5]).tolist() == [2, 1, 3]
    assert plots.ranks([-np.inf, -1.0]).tolist() == [2, 1]


def test_crossings_are_the_pairs_in_another_order():
    assert plots.crossings([3, 2, 1, 0], [3, 2, 1, 0]) == 0
    assert plots.crossings([3, 2, 1, 0], [0, 1, 2, 3]) == 6
    assert plots.crossings([3, 2, 1, 0], [2, 3, 1, 0]) == 1


def test_each_text_is_a_line_through_its_places(axes):
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.get_lines()}
    assert lines == {TEXTS[0]: [1, 2, 2], TEXTS[1]: [2, 3, 1], TEXTS[2]: [3, 1, 3]}


def test_the_winner_of_each_rule_is_thick_and_has_a_dash_of_its_own(axes):
    looks = {line.get_label(): (line.get_linewidth() > 2, line.get_linestyle()) for line in axes.get_lines()}
    assert [looks[text][0] for text in TEXTS] == [True, True, True]
    assert len({dash for _, dash in looks.values()}) == 3
    (plain,) = plots.ranking_lines(TEXTS, {"sum": VALUES["sum"]}).axes
    assert [line.get_linewidth() > 2 for line in plain.get_lines()] == [True, False, False]


def test_texts_stand_at_both_ends_at_their_places(axes):
    ends = {(round(t.get_position()[0]), t.get_position()[1]): t.get_text() for t in axes.texts}
    assert [ends[0, place] for place in (1, 2)] == TEXTS[:2]
    assert ends[2, 1] == TEXTS[1]
    assert ends[2, 3].endswith("…") and TEXTS[2].startswith(ends[2, 3][:-1])


def test_the_best_is_on_top_and_the_rules_are_named(axes):
    low, high = axes.get_ylim()
    assert low > high
    assert [label.get_text() for label in axes.get_xticklabels()] == list(VALUES)


@pytest.mark.parametrize("values", [{}, {"sum": [-1.0]}, {"sum": [-1.0, -2.0, -3.0], "mean": [-1.0, -2.0]}])
def test_every_rule_needs_a_value_for_each_text(values):
    with pytest.raises(ValueError, match="3 values"):
        plots.ranking_lines(TEXTS, values)


def test_text_stays_inside_the_figure(axes):
    axes.figure.draw_without_rendering()
    width, height = axes.figure.canvas.get_width_height()
    for text in [*axes.texts, *axes.get_xticklabels()]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
