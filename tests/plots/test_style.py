"""The style of the figures: contrasts, white ground, nothing that pops up."""

import pytest

from course_utils.lessons.lesson_01 import plots as lesson_01
from course_utils.plots import style


def test_contrast_of_black_and_white_is_21():
    assert style.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert style.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)  # the example everybody knows


def test_text_and_lines_stand_out():
    grounds = [*style.PALETTE.values(), *lesson_01.TINTS, "#FFFFFF"]
    assert all(style.contrast(style.text_on(ground), ground) >= 4.5 for ground in grounds)
    assert style.contrast(style.INK, "#FFFFFF") >= 7 and style.contrast(style.MUTED, "#FFFFFF") >= 4.5
    assert all(style.contrast(color, "#FFFFFF") >= 4.5 for color in style.CYCLE)
    assert len(style.DASHES) == len(style.CYCLE) == len(set(style.CYCLE))


def test_a_canvas_is_white_and_does_not_pop_up():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    figure, axes = style.canvas(4, 3)
    assert plt.get_fignums() == before
    assert figure.get_facecolor()[:3] == axes.get_facecolor()[:3] == (1, 1, 1)
    assert figure.dpi == style.DPI and 72 <= style.DPI <= 100


def test_unknown_figures_are_an_attribute_error():
    import course_utils.plots

    with pytest.raises(AttributeError, match="nothing"):
        course_utils.plots.nothing  # noqa: B018
