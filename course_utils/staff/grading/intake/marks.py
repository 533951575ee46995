"""Points that a person gives for open tasks, read from a CSV file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_utils.staff.grading.place.pristine import Exercise, OpenTask
from course_utils.staff.grading.tables import read_table

COLUMNS = ("student", "task", "points")


class BadMarks(ValueError):
    """The table of points cannot be used; the text has a line for each row that is wrong."""


@dataclass(frozen=True)
class Mark:
    """What a person gave for an open task."""

    points: float
    comment: str = ""


Marks = dict[tuple[str, str], Mark]  # by student and task


def read(path: Path, students: Iterable[str], exercises: Iterable[Exercise]) -> Marks:
    """The marks of a CSV file with the columns student, task, points and, if wanted, comment.

    Raises BadMarks, naming every row that is wrong: nothing is graded on a table that is only half understood.
    """
    try:
        rows = read_table(path, COLUMNS)
    except ValueError as reason:
        raise BadMarks(f"the manual points cannot be used: {reason}") from None
    known, open_tasks = set(students), {task.id: task for one in exercises for task in one.open_tasks}
    marks: Marks = {}
    faults = []
    for number, row in rows:
        where = (row.get("student", ""), row.get("task", ""))
        fault = _fault(row, known, open_tasks) or ("this row stands there twice" if where in marks else "")
        if fault:
            faults.append(f"{path}, line {number}: {fault}")
        else:
            marks[where] = Mark(float(row["points"]), row.get("comment", ""))
    if faults:
        raise BadMarks("\n  ".join(["the manual points cannot be used", *faults]))
    return marks


def _fault(row: dict[str, str], students: set[str], tasks: dict[str, OpenTask]) -> str:
    """What is wrong with a row, or ""."""
    student, task, points = (row.get(name, "") for name in COLUMNS)
    if student not in students:
        return f"no student {student!r} among the submissions or on the roster"
    if task not in tasks:
        return f"{task!r} is no open task of this run (there are: {', '.join(sorted(tasks)) or 'none'})"
    try:
        value = float(points)
    except ValueError:
        return f"points {points!r} are no number"
    if not 0 <= value <= tasks[task].max_points:
        return f"{task} has 0 to {tasks[task].max_points:g} points, not {points}"
    return ""
