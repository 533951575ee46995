"""The figure of lecture 05, tested on the data that it draws."""

import math

import numpy as np
import pytest

from course_utils.lessons.lesson_05 import plots


@pytest.mark.parametrize(("yes", "no"), [(3, 1), (1, 3), (2, 2), (5, 2)])
def test_the_path_ends_at_the_share_in_the_data(yes, no):
    path = plots.ascend(yes, no, steps=200)
    assert path[0] == pytest.approx(0.1)
    assert path[-1] == pytest.approx(yes / (yes + no), abs=1e-9)


def test_every_step_follows_the_slope_of_the_log_likelihood():
    """The gradient by finite differences of the mean log-likelihood, in two logits."""

    def mean_log_likelihood(u, v):
        return (3 * (u - np.logaddexp(u, v)) + (v - np.logaddexp(u, v))) / 4

    u, v, tiny = math.log(0.1), math.log(0.9), 1e-6
    for p in plots.ascend(3, 1, steps=5):
        assert math.exp(u - np.logaddexp(u, v)) == pytest.approx(p)
        du = (mean_log_likelihood(u + tiny, v) - mean_log_likelihood(u - tiny, v)) / (2 * tiny)
        dv = (mean_log_likelihood(u, v + tiny) - mean_log_likelihood(u, v - tiny)) / (2 * tiny)
        u, v = u + du, v + dv


def test_the_likelihood_rises_to_the_best_and_no_further():
    values = plots.log_likelihoods(3, 1, plots.ascend(3, 1, steps=60))
    assert np.all(np.diff(values) > -1e-12)
    best = plots.best_log_likelihood(3, 1)
    assert best == pytest.approx(-2.249340578475233)
    assert values[-1] == pytest.approx(best) and values.max() <= best + 1e-12
    grid = np.linspace(0.001, 0.999, 999)
    assert plots.log_likelihoods(3, 1, grid).max() == pytest.approx(best)


def test_without_a_conflict_certainty_is_approached_and_never_reached():
    path = plots.ascend(4, 0, steps=2000)
    assert np.all(np.diff(path) > 0) and 0.999 < path[-1] < 1
    assert plots.best_log_likelihood(4, 0) == 0


def test_the_figure_draws_both_answers_and_the_likelihood():
    left, right = plots.ascent_figure(3, 1).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    np.testing.assert_allclose(drawn["yes"], plots.ascend(3, 1))
    np.testing.assert_allclose(np.asarray(drawn["yes"]) + drawn["no"], 1)
    likelihood = {line.get_label(): line.get_ydata() for line in right.lines}["log-likelihood"]
    np.testing.assert_allclose(likelihood, [3 * math.log(p) + math.log(1 - p) for p in drawn["yes"]])
    assert any("−2.249" in text.get_text() for text in right.texts)
    assert len({line.get_linestyle() for line in left.lines[:2]}) == 2, "not told apart by colour alone"


@pytest.mark.parametrize(("yes", "no"), [(3, 1), (1, 3), (2, 2), (4, 0), (0, 4), (9, 1), (6, 5)])
def test_text_stays_inside_the_figure_and_apart(yes, no):
    figure = plots.ascent_figure(yes, no)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_counts_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        plots.ascend(0, 0)
