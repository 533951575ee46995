"""The figure of lecture 07, tested on the data that it draws."""

import math

import pytest

from course_utils.lessons.lesson_07 import plots
from course_utils.plots import style
from course_utils.toy_language import ToyLanguage, equal_start, greedy_trap, log_fraction, random_language

LANGUAGES = [(equal_start(), 2), (greedy_trap(), 3), (random_language(3), 3), (random_language(4, eos=False), 2)]


@pytest.mark.parametrize(("lm", "depth"), LANGUAGES, ids=lambda value: str(value))
def test_each_branch_holds_its_step_and_its_total(lm, depth):
    tree = plots.branches(lm, depth)
    for path, branch in tree.items():
        exact = lm.prefix_prob(path, exact=True)
        before = lm.prefix_prob(path[:-1], exact=True)
        assert branch.total == pytest.approx(log_fraction(exact), abs=1e-12)
        assert branch.step == pytest.approx(log_fraction(exact / before), abs=1e-12)


@pytest.mark.parametrize(("lm", "depth"), LANGUAGES, ids=lambda value: str(value))
def test_the_leaves_are_all_continuations(lm, depth):
    tree = plots.branches(lm, depth)
    leaves = {path for path in tree if len(path) == depth or path[-1] == lm.eos}
    assert leaves == {y for y in lm.continuations(depth) if lm.prefix_prob(y) > 0}
    assert math.fsum(math.exp(tree[leaf].total) for leaf in leaves) == pytest.approx(1)


def drawn(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


def test_marked_paths_are_thick_and_told_apart_by_more_than_colour():
    figure = plots.search_tree(equal_start(), 2, {"AC": "best", "BC": "lost"})
    lines = drawn(figure)
    best, lost, other = (lines[str(path)] for path in ((1, 3), (2, 3), (1, 4)))
    assert best.get_linewidth() == lost.get_linewidth() > 2 * other.get_linewidth()
    assert best.get_linestyle() != lost.get_linestyle() and best.get_color() != lost.get_color()
    assert lines[str((1,))].get_color() == best.get_color()
    assert all(style.contrast(line.get_color(), "#FFFFFF") >= 3 for line in lines.values())


def test_totals_and_notes_are_written_at_the_leaves():
    texts = [text.get_text() for text in plots.search_tree(equal_start(), 2, {"AC": "best"}).axes[0].texts]
    assert "−0.69319  best" in texts and texts.count("−1.38629") == 2
    assert "−0.00005" in texts and texts.count("−0.693") == 4


@pytest.mark.parametrize("gap", [0, 2, 10])
def test_text_stays_inside_the_figure_and_apart(gap):
    c = 1 / (1 + math.exp(-gap))
    table = {"": {"A": 0.5, "B": 0.5}, "A": {"C": c, "D": 1 - c}, "B": {"C": 0.5, "D": 0.5}}
    lm = ToyLanguage.from_table(table, otherwise={"</s>": 1})
    for figure in (
        plots.search_tree(lm, 2, {"AC": "best via A", "BC": "best via B"}),
        plots.search_tree(greedy_trap(), 2, {"aa": "greedy", "bb": "best so far"}),
    ):
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        for i, box in enumerate(boxes):
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
            assert not any(box.overlaps(other) for other in boxes[:i])
