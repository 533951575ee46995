"""Lesson 01: the probability tree whose leaves tile the unit square.

A table is what the lecture writes by hand: a dict from a context ("⟨s⟩ a") to its row, a dict from the next token to
its conditional probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.plots.style import MUTED, PALETTE, SIZE, SMALL, canvas, clear, style, text_on

Table = Mapping[str, Mapping[str, float]]

TINTS = ("#B9DDF3", "#F7D08A", "#9FD9C3", "#EBC4D9")  # light sky, orange, green, purple: one for each first token
MARK = PALETTE["vermillion"]


class Area(NamedTuple):
    """A rectangle inside the unit square: lower left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def size(self) -> float:
        return self.width * self.height


def leaf_areas(table: Table, depth: int, root: str = "⟨s⟩") -> dict[str, Area]:
    """The unit square cut by the conditionals: across at odd steps, up at even ones. Keys: the leaves, in table order.

    A step cuts the rectangle of a context in the proportions of its row, so that the area of a leaf is the product of
    the conditionals on its path, and a row that sums to 1 leaves no gap.
    """
    areas = {root: Area(0.0, 0.0, 1.0, 1.0)}
    for step in range(depth):
        areas = {
            f"{context} {token}": part
            for context, area in areas.items()
            for token, part in _cut(area, table[context], across=step % 2 == 0).items()
        }
    return areas


def _cut(area: Area, row: Mapping[str, float], across: bool) -> dict[str, Area]:
    parts, done = {}, 0.0
    for token, share in row.items():
        if across:
            parts[token] = Area(area.x + done * area.width, area.y, share * area.width, area.height)
        else:
            parts[token] = Area(area.x, area.y + area.height * (1 - done - share), area.width, share * area.height)
        done += share
    return parts


def probability_tree(table: Table, depth: int = 3, root: str = "⟨s⟩", highlight: str = "") -> Figure:
    """A tree with the conditionals on its edges, and beside it the unit square tiled by its leaves.

    table: a row for every context up to `depth` tokens after `root`; `highlight`: a context or a leaf ("⟨s⟩ a b") whose
    path, and all leaves below it, are marked.
    """
    areas = leaf_areas(table, depth, root)
    with style():
        figure, (tree, square) = canvas(9.6, 4.7, columns=2, width_ratios=(1.18, 1))
        _draw_tree(tree, table, areas, root, highlight)
        _draw_square(square, areas, root, highlight)
    return figure


def _below(context: str, prefix: str) -> bool:
    """Whether `context` is `prefix` or continues it."""
    return context == prefix or context.startswith(prefix + " ")


def _tint(leaf: str, root: str, areas: Mapping[str, Area]) -> str:
    """One tint for each first token: the branch of the tree a leaf belongs to."""
    firsts = list(dict.fromkeys(other.removeprefix(root).split()[0] for other in areas))
    return TINTS[firsts.index(leaf.removeprefix(root).split()[0]) % len(TINTS)]


def _draw_tree(axes: Axes, table: Table, areas: Mapping[str, Area], root: str, highlight: str) -> None:
    clear(axes)
    axes.set_title("each edge: Pr(next | all before)")
    heights = {leaf: -float(rank) for rank, leaf in enumerate(areas)}
    depth = len(next(iter(areas)).split()) - len(root.split())
    contexts = list(areas)
    for _ in range(depth):  # a context stands in the middle of its children
        contexts = list(dict.fromkeys(context.rsplit(" ", 1)[0] for context in contexts))
        for context in contexts:
            children = [heights[f"{context} {token}"] for token in table[context]]
            heights[context] = sum(children) / len(children)
    column = {context: len(context.split()) - len(root.split()) for context in heights}
    for context, height in heights.items():
        if context == root:
            continue
        parent = context.rsplit(" ", 1)[0]
        token = context.split()[-1]
        marked = bool(highlight) and (_below(highlight, context) or _below(context, highlight))
        ends = [column[parent] + 0.12, column[context] - 0.12], [heights[parent], height]
        axes.plot(*ends, color=MARK if marked else MUTED, linewidth=3 if marked else 1.4, linestyle="-", zorder=1)
        axes.text(
            column[parent] + 0.56,
            heights[parent] + 0.54 * (height - heights[parent]),
            f"{table[parent][token]:.2g}",
            ha="center",
            va="center",
            fontsize=SMALL,
            fontweight="bold" if marked else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
            zorder=2,
        )
    for context, height in heights.items():
        name = context.split()[-1]
        axes.text(column[context], height, name, ha="center", va="center", fontsize=SIZE, fontweight="bold", zorder=3)
    for leaf, area in areas.items():
        axes.text(
            depth + 0.2,
            heights[leaf],
            f"{_short(leaf, root)}  {area.size:.3f}",
            va="center",
            fontsize=SIZE,
            bbox={"facecolor": _tint(leaf, root, areas), "edgecolor": "none", "pad": 2.0},
        )
    axes.set_xlim(-0.25, depth + 1.15)
    axes.set_ylim(-len(areas) + 0.4, 0.6)


def _draw_square(axes: Axes, areas: Mapping[str, Area], root: str, highlight: str) -> None:
    clear(axes)
    axes.set_title("each area: the joint probability of a leaf")
    axes.set_aspect("equal")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    for leaf, area in areas.items():
        tint = _tint(leaf, root, areas)
        marked = bool(highlight) and _below(leaf, highlight)
        axes.add_patch(
            Rectangle(
                (area.x, area.y),
                area.width,
                area.height,
                facecolor=tint,
                edgecolor=MARK if marked else "white",
                linewidth=3 if marked else 1.5,
                zorder=2 if marked else 1,
                label=leaf,
            )
        )
        narrow = area.width < 0.17
        if min(area.width, area.height) < 0.055 or max(area.width, area.height) < 0.17:
            continue  # too small for text: the tree beside it gives the number
        axes.text(
            area.x + area.width / 2,
            area.y + area.height / 2,
            f"{_short(leaf, root)}{'  ' if narrow or area.height < 0.13 else chr(10)}{area.size:.3f}",
            ha="center",
            va="center",
            rotation=90 if narrow else 0,
            fontsize=SMALL if narrow or area.width < 0.3 and area.height < 0.13 else SIZE,
            color=text_on(tint),
            zorder=3,
        )


def _short(leaf: str, root: str) -> str:
    """The leaf's tokens without the start symbol: "abb" for single letters, else with spaces."""
    tokens = leaf.removeprefix(root).split()
    return ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)
