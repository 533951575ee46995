"""The figures of lesson 01, tested on the data that they draw."""

import itertools
import math
import random

import pytest
from matplotlib.patches import Rectangle

from course_utils.lessons.lesson_01 import plots
from course_utils.toy_language import ToyLanguage


def made_up_table(seed: int, symbols: str, depth: int) -> dict[str, dict[str, float]]:
    """Rows that depend on the whole context, no two alike."""
    rng = random.Random(seed)
    table = {}
    for length in range(depth):
        for context in itertools.product(symbols, repeat=length):
            weights = [rng.randint(1, 40) for _ in symbols]
            row = {symbol: weight / sum(weights) for symbol, weight in zip(symbols, weights, strict=True)}
            table[" ".join(["⟨s⟩", *context])] = row
    return table


CASES = [(seed, symbols, depth) for seed in range(3) for symbols, depth in (("ab", 3), ("abc", 2), ("ab", 1))]


@pytest.mark.parametrize(("seed", "symbols", "depth"), CASES)
def test_leaf_areas_are_the_joint_probabilities(seed, symbols, depth):
    table = made_up_table(seed, symbols, depth)
    language = ToyLanguage.from_table(table, bos="⟨s⟩", eos=None, separator=" ")
    cells = {language.decode(ids): float(p) for ids, p in language.joint_cells(depth).items()}  # the enumeration
    areas = plots.leaf_areas(table, depth)
    assert {leaf.removeprefix("⟨s⟩ "): pytest.approx(area.size) for leaf, area in areas.items()} == cells


@pytest.mark.parametrize(("seed", "symbols", "depth"), CASES)
def test_leaves_tile_the_unit_square(seed, symbols, depth):
    areas = list(plots.leaf_areas(made_up_table(seed, symbols, depth), depth).values())
    assert math.isclose(math.fsum(area.size for area in areas), 1)
    for area in areas:
        assert min(area.x, area.y) > -1e-9 and max(area.x + area.width, area.y + area.height) < 1 + 1e-9
    for one, other in itertools.combinations(areas, 2):
        across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
        up = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
        assert min(across, up) < 1e-9, "two leaves overlap"


def drawn(figure) -> dict[str, Rectangle]:
    return {patch.get_label(): patch for patch in figure.axes[1].patches}


def test_the_figure_draws_these_areas_and_the_conditionals():
    table = made_up_table(5, "ab", 3)
    figure = plots.probability_tree(table)
    areas, patches = plots.leaf_areas(table, 3), drawn(figure)
    assert set(patches) == set(areas)
    for leaf, area in areas.items():
        patch = patches[leaf]
        assert (patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()) == pytest.approx(tuple(area))
    texts = [text.get_text() for text in figure.axes[0].texts]
    for row in table.values():
        for p in row.values():
            assert f"{p:.2g}" in texts, "an edge has no label"
    for leaf, area in areas.items():
        assert f"{leaf[3:].replace(' ', '')}  {area.size:.3f}" in texts, "a leaf has no label"


def test_the_highlight_marks_a_path_and_all_leaves_below_it():
    figure = plots.probability_tree(made_up_table(5, "ab", 3), highlight="⟨s⟩ a b")
    thick = {label for label, patch in drawn(figure).items() if patch.get_linewidth() > 2}
    assert thick == {"⟨s⟩ a b a", "⟨s⟩ a b b"}
    edges = [line for line in figure.axes[0].lines if line.get_linewidth() > 2]
    assert len(edges) == 4  # two on the path, two below it


def test_longer_tokens_are_written_with_spaces():
    table = {"⟨s⟩": {"the": 0.25, "a": 0.75}, "⟨s⟩ the": {"cat": 0.5, "sun": 0.5}, "⟨s⟩ a": {"cat": 0.9, "sun": 0.1}}
    texts = [text.get_text() for text in plots.probability_tree(table, depth=2).axes[0].texts]
    assert "the cat  0.125" in texts and "a sun  0.075" in texts


def test_text_stays_inside_the_figure():
    figure = plots.probability_tree(made_up_table(1, "ab", 3), highlight="⟨s⟩ a")
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        for text in [*axes.texts, axes._left_title]:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
