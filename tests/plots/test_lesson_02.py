"""The figure of lesson 02, tested on the data that it draws."""

from fractions import Fraction

import numpy as np
import pytest

from course_utils.lessons.lesson_02 import plots
from course_utils.toy_language import constant_eos, leaky_eos


def enumerated(language, longest: int) -> list[float]:
    """Pr(length <= N), by adding up all complete strings of at most N symbols."""
    return [
        float(sum(language.complete_prob(ids, exact=True) for ids in language.complete_strings(n)))
        for n in range(longest + 1)
    ]


@pytest.mark.parametrize(
    ("hazard", "language"),
    [(lambda t: 0.1, constant_eos()), (lambda t: 0.35, constant_eos(0.35)), (plots.leaky, leaky_eos())],
)
def test_ended_mass_is_the_mass_of_the_complete_strings(hazard, language):
    assert plots.ended_mass(hazard, 5) == pytest.approx(enumerated(language, 5), abs=1e-14)


def test_half_of_the_leaky_mass_never_ends():
    mass = plots.ended_mass(plots.leaky, 2000)
    assert mass[9] == pytest.approx(float(1 - Fraction(12, 22)))  # length 9 at most: ended within 10 steps
    assert np.all(np.diff(mass) > 0) and 0.4997 < mass[-1] < 0.5


@pytest.mark.parametrize("eos", [0.1, 0.4])
def test_the_figure_draws_the_three_sums_and_the_mean_length(eos):
    figure = plots.total_mass(eos, longest=30)
    for axes in figure.axes:
        drawn = {line.get_label(): line for line in axes.get_lines() if len(line.get_xdata()) == 31}
        without, constant, leaky = drawn.values()
        assert all(list(line.get_xdata()) == list(range(31)) for line in drawn.values())
        assert list(without.get_ydata()) == list(range(1, 32))
        assert constant.get_ydata() == pytest.approx([1 - (1 - eos) ** (n + 1) for n in range(31)])
        assert leaky.get_ydata() == pytest.approx([1 - (n + 3) / (2 * (n + 2)) for n in range(31)])
        assert len({line.get_linestyle() for line in drawn.values()}) == 3, "not by colour alone"
    (mean,) = [line for line in figure.axes[1].get_lines() if line.get_label().startswith("mean length")]
    assert list(mean.get_xdata()) == pytest.approx([(1 - eos) / eos])
    assert mean.get_label() == f"mean length {(1 - eos) / eos:.3g}"
    assert figure.axes[0].get_ylim()[1] > 7, "the sum without an end is seen to grow"


def test_the_figure_has_a_legend_and_labels():
    figure = plots.total_mass()
    (legend,) = figure.legends
    assert [text.get_text()[:9] for text in legend.get_texts()] == ["no EOS", "EOS with ", "leaky EOS", "mean leng"]
    assert all(axes.get_xlabel() and axes.get_title("left") for axes in figure.axes)
