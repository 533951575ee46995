"""The figure of lecture 06, tested on the data that it draws."""

import math
from fractions import Fraction

import pytest

from course_utils.lessons.lesson_06 import plots
from course_utils.plots import style

# (Pr(x), Pr(y|x)) of three pairs; the second and the third have the same joint.
PARTS = [
    (Fraction(3, 250), Fraction(3, 25)),
    (Fraction(3, 10**5), Fraction(18, 25)),
    (Fraction(3, 250), Fraction(9, 5000)),
]
POSSIBLE = [(f"x{i}", f"y{i}", math.log(p), math.log(p * q)) for i, (p, q) in enumerate(PARTS)]
IMPOSSIBLE = ("a pair from", "a report", -5.2, -3.5)


def blocks(figure, label):
    return [bar for box in figure.axes[0].containers if box.get_label() == label for bar in box.patches]


def test_two_blocks_reach_from_zero_to_the_joint():
    figure = plots.stacked_log_probs([*POSSIBLE, IMPOSSIBLE])
    first, second = blocks(figure, "marginal"), blocks(figure, "conditional")
    assert len(first) == len(second) == 4
    for (p, q), of_x, of_y in zip(PARTS, first, second, strict=False):
        assert (of_x.get_y(), of_x.get_height()) == (0, pytest.approx(math.log(p)))
        assert of_y.get_y() == pytest.approx(math.log(p)) and of_y.get_height() == pytest.approx(math.log(q))
        assert of_y.get_y() + of_y.get_height() == pytest.approx(math.log(p * q))


def test_the_impossible_block_goes_up_and_says_so_without_its_colour():
    figure = plots.stacked_log_probs([*POSSIBLE, IMPOSSIBLE])
    *legal, odd = blocks(figure, "conditional")
    assert odd.get_height() == pytest.approx(1.7)
    assert odd.get_y() + odd.get_height() == pytest.approx(-3.5)
    assert odd.get_hatch() and not any(bar.get_hatch() for bar in legal)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert sum("impossible" in text for text in words) == 1
    assert "log Pr(y|x)\n+1.70\nimpossible" in words
    assert "joint\n−3.50" in words


@pytest.mark.parametrize(("joint", "possible"), [(-5.3, True), (-5.2, True), (-5.2 + 1e-12, True), (-5.1, False)])
def test_what_counts_as_possible(joint, possible):
    assert plots.Pair("x", "y", -5.2, joint).possible is possible


def test_colours_differ_in_lightness_and_carry_text():
    assert style.contrast(plots.MARGINAL, plots.CONDITIONAL) >= 2
    assert style.contrast(plots.IMPOSSIBLE, "#FFFFFF") >= 3
    for ground in (plots.MARGINAL, plots.CONDITIONAL):
        assert style.contrast(style.text_on(ground), ground) >= 4.5


STEPS = [-12.0, -9.0, -6.0, -3.0, -0.5]


@pytest.mark.parametrize(
    "pairs",
    [[*POSSIBLE, IMPOSSIBLE], *([("your pair", "", marginal, joint)] for marginal in STEPS for joint in STEPS)],
)
def test_text_stays_inside_the_figure_and_apart(pairs):
    figure = plots.stacked_log_probs(pairs)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:i])
