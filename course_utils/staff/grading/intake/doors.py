"""The doors through which submissions come: which platforms there are, and what they say of the files together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from course_utils.staff.grading.intake import (
    blackboard,
    brightspace,
    canvas,
    classroom,
    gradescope,
    moodle,
    sakai,
)
from course_utils.staff.grading.intake.named import Named, Parts, Text

DOORS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (classroom, moodle, gradescope, sakai, brightspace, blackboard, canvas)
}  # the surest names first


class Own(NamedTuple):
    """A platform's own table: which platform, its rows as they are, each with its line, and which one is the header."""

    door: str
    rows: list[tuple[int, list[str]]]
    header: int

    def people(self) -> Iterator[tuple[int, dict[str, str], dict[str, str]]]:
        """Who stands in it: the place of the row, what it says of them, and all of its cells by column."""
        columns = [name.strip().lower() for name in self.rows[self.header][1]]
        for at, (_, row) in enumerate(self.rows):
            cells = dict.fromkeys(columns, "") | dict(zip(columns, map(str.strip, row), strict=False))
            if at > self.header and any(row) and (said := DOORS[self.door].person(cells)):
                yield at, said, cells


def own_table(rows: list[tuple[int, list[str]]]) -> Own | None:
    """The table of a platform, known by its columns; None where it is the operator's, who has a column `student`."""
    for door, module in DOORS.items():
        for at, (_, row) in enumerate(rows[:5]):
            columns = {name.strip().lower() for name in row}
            if ("student" not in columns or door == "canvas") and any(columns.issuperset(one) for one in module.TABLES):
                return Own(door, rows, at)
    return None


def names(paths: Iterable[Parts], text: Text, is_notebook: Callable[[str], bool]) -> tuple[Parts, dict[Parts, Named]]:
    """The folders that a download wraps around everything, one in the other, and what is said of each path.

    A folder is around everything where it is alone and names of a platform stand in it, or, where there are none, the
    same notebook in three folders and more. `text` reads a note that a platform has laid among the files.
    """
    paths, above = list(paths), ()
    while True:
        below = [path[len(above) :] for path in paths if path[: len(above)] == above and len(path) > len(above)]
        found: dict[Parts, Named] = {}
        for door in DOORS.values():
            left = [path for path in below if path not in found]
            found |= door.names(left, lambda path, above=above: text((*above, *path)))
        if any(said.who for said in found.values()):
            return above, {(*above, *path): said for path, said in found.items()}
        top = _alone(below, is_notebook)
        if not top:
            return _class(paths, is_notebook), {}
        above = (*above, top)


def _alone(paths: list[Parts], is_notebook: Callable[[str], bool]) -> str:
    """The one folder in which everything lies, or ""."""
    tops = {path[0] for path in paths if len(path) > 1}
    return tops.pop() if len(tops) == 1 and not any(len(p) == 1 and is_notebook(p[0]) for p in paths) else ""


def _class(paths: list[Parts], is_notebook: Callable[[str], bool]) -> Parts:
    """The folders around students whom no platform has named. A folder that is alone could also be a student's."""
    top = _alone(paths, is_notebook)
    if not top:
        return ()
    below = [path[1:] for path in paths if len(path) > 1]
    folders: dict[str, set[str]] = {}
    for path in below:
        if len(path) == 2 or path[0].lower().endswith(".zip"):
            folders.setdefault(path[-1], set()).add(path[0])
    inner = _class(below, is_notebook)
    return (top, *inner) if inner or any(len(names) > 2 for names in folders.values()) else ()
