"""The figures of lecture 11, tested on the data that they draw."""

import numpy as np
import pytest

from course_utils.lessons.lesson_11 import plots
from course_utils.plots import style

TOKENS = ["BOS", " The", " sun", " is", " shining", " bright", "ly", "EOS"]
LABELS = [-100] * 4 + TOKENS[4:]


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def test_two_curves_with_their_best_places():
    above = plots.two_objectives(TOKENS, LABELS).axes[0]
    x, joint = line(above, "joint")
    _, conditional = line(above, "conditional")
    assert joint == pytest.approx([t - t**2 for t in x]) and conditional == pytest.approx(x)
    assert (x[0], x[-1]) == (0, 1)
    assert x[joint.argmax()] == 0.5 and x[conditional.argmax()] == 1
    marks = {(*line.get_xdata(), *line.get_ydata()) for line in above.get_lines() if line.get_marker() == "o"}
    assert marks == {(0.5, 0.25), (1.0, 1.0)}


def test_masked_labels_are_grey_and_the_others_are_not():
    below = plots.two_objectives(TOKENS, LABELS).axes[1]
    words = [text.get_text() for text in below.texts]
    assert words.count("−100") == 4 and words.count("shining") == 2  # once as a token, once as a label
    masked = [patch for patch in below.patches if patch.get_facecolor()[:3] == pytest.approx((0.929,) * 3, abs=0.001)]
    assert len(below.patches) == 16 and len(masked) == 4


def test_a_strip_needs_a_label_for_each_token():
    with pytest.raises(ValueError, match="8 tokens need as many labels"):
        plots.two_objectives(TOKENS, LABELS[1:])


def test_bars_tell_prompt_and_response_apart_without_colour():
    norms = [0.3, 0.2, 0.5, 1.2, 0.9, 0.4, 0.3, 0.0]
    axes = plots.gradient_by_token(TOKENS, norms, 4).axes[0]
    prompt, response = axes.containers
    assert [bar.get_height() for bar in (*prompt, *response)] == norms
    assert all(bar.get_hatch() for bar in prompt) and not any(bar.get_hatch() for bar in response)
    assert [text.get_text() for text in axes.texts] == ["0"]
    assert "masked" in axes.get_legend().get_texts()[0].get_text()


def test_colours_stand_out():
    for line_colour in (plots.JOINT, plots.CONDITIONAL):
        assert style.contrast(line_colour, "#FFFFFF") >= 3
    assert style.contrast(style.MUTED, plots.MASKED) >= 4.5
    assert style.contrast(style.text_on(plots.COUNTED), plots.COUNTED) >= 4.5


@pytest.mark.parametrize("tokens", [TOKENS, [*TOKENS, " extraordinary"], ["BOS", "User:", "4"], TOKENS * 2])
def test_text_stays_inside_the_figure(tokens):
    figures = (
        plots.two_objectives(tokens, [-100] * (len(tokens) - 1) + ["x"]),
        plots.gradient_by_token(tokens, np.linspace(0, 1, len(tokens)), 2),
    )
    for figure in figures:
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        for axes in figure.axes:
            for text in axes.texts:
                box = text.get_window_extent()
                assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
