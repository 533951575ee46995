"""Headings of a notebook, the sections below them, and the cards that they are tagged with."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.notebooks import source, tags
from course_utils.staff.authoring.notebook_files import Notebook

FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) +(.+?)(?: +#+)?$", re.MULTILINE)
CARD = "card:"


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    index: int  # of its cell in the notebook


def headings(notebook: Notebook) -> Iterator[Heading]:
    for index, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "markdown":
            for found in HEADING.finditer(FENCED.sub("", source(cell))):
                yield Heading(len(found[1]), found[2], index)


def title(notebook: Notebook) -> str:
    """The text of the first heading; ValueError where there is none."""
    for heading in headings(notebook):
        return heading.text
    raise ValueError(f"{notebook.file} has no heading")


def section(notebook: Notebook, heading: Heading) -> list[dict]:
    """The cells from a heading up to the next one of its own level or above."""
    ends = [h.index for h in headings(notebook) if h.index > heading.index and h.level <= heading.level]
    return notebook.cells[heading.index : min(ends, default=len(notebook.cells))]


def section_around(notebook: Notebook, at: int) -> list[dict]:
    """The cells of the section, between headings of level 1 or 2, in which cell number `at` lies."""
    starts = [heading.index for heading in headings(notebook) if heading.level <= 2]
    start = max((index for index in starts if index <= at), default=0)
    return notebook.cells[start : min((index for index in starts if index > at), default=len(notebook.cells))]


def cards(cell: dict) -> list[str]:
    """The cards that a cell is tagged with: ["Q01"]."""
    return [tag.removeprefix(CARD) for tag in tags(cell) if tag.startswith(CARD)]


def tagged_headings(notebook: Notebook) -> Iterator[tuple[str, Heading]]:
    """(card, the first heading of the cell that is tagged with it)."""
    first = {}
    for heading in headings(notebook):
        first.setdefault(heading.index, heading)
    for index, heading in first.items():
        for card in cards(notebook.cells[index]):
            yield card, heading


def known_cards() -> dict[str, dict[str, dict]]:
    """group -> card -> {"title": ..., "numbers": [...]}, in the order of cards.toml."""
    return tomllib.loads(Path(__file__).with_name("cards.toml").read_text(encoding="utf-8"))
