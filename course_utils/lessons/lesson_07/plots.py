"""Lesson 07: the tree of all continuations, with a log-probability on each edge and a total at each leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plots.style import CYCLE, DASHES, INK, MUTED, SIZE, SMALL, canvas, clear, style
from course_utils.toy_language import ToyLanguage

Path = tuple[int, ...]


@dataclass(frozen=True)
class Branch:
    """One node of the tree: log Pr(its token | what stands before it), and log Pr(all of its tokens | BOS); nats."""

    step: float
    total: float


def branches(lm: ToyLanguage, depth: int) -> dict[Path, Branch]:
    """Every possible sequence of 1 to `depth` tokens after BOS, in the order of the ids; after EOS there is none."""
    tree: dict[Path, Branch] = {}

    def grow(path: Path, total: float) -> None:
        for token, step in enumerate(lm.next_log_probs([lm.bos, *path])):
            if step > -np.inf:
                tree[*path, token] = Branch(float(step), total + float(step))
                if token != lm.eos and len(path) + 1 < depth:
                    grow((*path, token), total + float(step))

    grow((), 0.0)
    return tree


def search_tree(lm: ToyLanguage, depth: int, marked: Mapping[str, str]) -> Figure:
    """The tree of `branches`, a log-probability on each edge, and the totals of the leaves.

    marked: what is written beside a path, by its text: {"AC": "best"}. The first is drawn solid, the next dashed.
    """
    tree = branches(lm, depth)
    leaves = [path for path in tree if not any(other[:-1] == path for other in tree)]
    height = {leaf: -float(row) for row, leaf in enumerate(leaves)}
    for path in sorted([(), *(p for p in tree if p not in height)], key=len, reverse=True):
        height[path] = float(np.mean([height[p] for p in tree if p[:-1] == path]))
    paths = {tuple(lm.encode(text)): note for text, note in marked.items()}
    with style():
        figure, axes = canvas(9.0, 1.3 + 0.62 * len(leaves))
        _draw_edges(clear(axes), tree, height, list(paths))
        for path, y in height.items():
            name = lm.symbols[path[-1]] if path else "x"
            box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": MUTED}
            axes.text(len(path), y, name, ha="center", va="center", fontsize=SIZE, bbox=box, zorder=4)
        for leaf in leaves:
            _write_total(axes, lm, leaf, tree[leaf].total, height[leaf], paths)
        axes.text(depth + 0.25, 0.75, "total (nats)", fontsize=SMALL, color=MUTED, va="center")
        axes.set_title("on each edge: log Pr(token | everything before it)")
        axes.set_xlim(-0.15, depth + 1.6)
        axes.set_ylim(-len(leaves) + 0.45, 1.05)
    return figure


def _draw_edges(axes: Axes, tree: Mapping[Path, Branch], height: Mapping[Path, float], marked: list[Path]) -> None:
    for path, branch in tree.items():
        start, end = (len(path) - 1, height[path[:-1]]), (len(path), height[path])
        on = [i for i, leaf in enumerate(marked) if leaf[: len(path)] == path]
        color, dash, width = (CYCLE[on[0]], DASHES[on[0]], 4.5) if on else (MUTED, "-", 1.2)
        axes.plot(*zip(start, end, strict=True), color=color, linestyle=dash, linewidth=width, label=str(path))
        axes.text(
            start[0] + 0.56,
            start[1] + 0.56 * (end[1] - start[1]),
            _signed(branch.step, 5 if abs(branch.step) < 0.001 else 3),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=color if on else INK,
            fontweight="bold" if on else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            zorder=3,
        )


def _write_total(axes: Axes, lm: ToyLanguage, leaf: Path, total: float, y: float, marked: Mapping[Path, str]) -> None:
    color = CYCLE[list(marked).index(leaf)] if leaf in marked else INK
    note = f"  {marked[leaf]}" if leaf in marked else ""
    weight = "bold" if leaf in marked else "normal"
    text = f"{_signed(total, 5)}{note}"
    axes.text(len(leaf) + 0.25, y, text, va="center", fontsize=SIZE, color=color, fontweight=weight)


def _signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
