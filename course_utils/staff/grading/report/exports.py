"""The gradebook in the forms that learning platforms take: by format, a function to texts by their path in the report.

Canvas reads a student from ID, SIS User ID, SIS Login ID or name; Moodle from the number of its own download, or from
ID number, user name or e-mail address; Gradescope shows a results.json for each submission. Who handed in nothing for
an exercise has a blank there, and no zero: the exercise may not be due yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from course_utils.staff.grading.intake.roster import Enrolled
from course_utils.staff.grading.plain_text import message_line, safe_cell
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.tables import number, table, total_of

if TYPE_CHECKING:
    from course_utils.staff.grading.report.graded import Graded

Export = Callable[[list[Record], "Graded"], dict[str, str]]


def canvas(records: list[Record], graded: Graded) -> dict[str, str]:
    """canvas.csv, for Grades > Import: a column an exercise, and the row with the points that are possible."""
    names = sorted(graded.exercises)
    points = {(record.student, record.exercise): record for record in records}
    rows = []
    for student in sorted({record.student for record in records}):
        who = graded.enrolled.get(student) or Enrolled(student, "", None)
        platform_name, platform_id = graded.platform.get(student, ("", ""))
        known = (who.name or platform_name or student, platform_id or who.id, "", who.login or student, who.section)
        earned = (_grade(points[student, name], graded) for name in names)
        rows.append((*map(safe_cell, known), *earned))
    head = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", *names)
    possible = ("    Points Possible", "", "", "", "", *(number(_possible(name, graded)) for name in names))
    return {"canvas.csv": table([head, possible, *rows])}


def moodle(records: list[Record], graded: Graded) -> dict[str, str]:
    """A moodle/<exercise>.csv each: a grading worksheet for the assignment, and a table for Grades > Import > CSV."""
    head = (
        "Identifier", "Full name", "Username", "ID number", "Email address", "Status", "Grade", "Maximum Grade",
        "Last modified (grade)", "Feedback comments",
    )  # fmt: skip
    files = {}
    for name in sorted(graded.exercises):
        rows = [_moodle_row(record, graded) for record in records if record.exercise == name]
        files[f"moodle/{name}.csv"] = table([head, *rows])
    return files


def _moodle_row(record: Record, graded: Graded) -> tuple[str, ...]:
    who = graded.enrolled.get(record.student) or Enrolled(record.student, "", None)
    platform_name, participant = graded.platform.get(record.student, ("", ""))
    identifier = f"Participant {participant}" if participant else ""
    known = (who.name or platform_name or record.student, who.login or record.student, who.id, who.email)
    status = "Submitted for grading" if record.file else "No submission"
    points = (_grade(record, graded), number(_possible(record.exercise, graded)))
    comments = _comments(record, graded) if points[0] else ""
    return (identifier, *map(safe_cell, known), status, *points, "", safe_cell(comments))


def _comments(record: Record, graded: Graded) -> str:
    """By task the points and the message, as HTML on one line."""
    lines = [f"{line} points. {message}".strip() for line, message in _lines(record, graded)]
    return "<br>".join(escape(line, quote=False) for line in [*lines, message_line(record.note)] if line)


def gradescope(records: list[Record], graded: Graded) -> dict[str, str]:
    """gradescope/<student>/<exercise>/results.json: what Gradescope shows of an autograded submission."""
    files = {}
    for record in records:
        if not _grade(record, graded):
            continue
        tests = [_test(row, graded.exercises[record.exercise]) for row in record.rows]
        for task in graded.exercises[record.exercise].open_tasks:
            mark = graded.mark(record.student, task.id)
            if mark:
                tests.append(
                    _gradescope_test(task.id, task.title, mark.points, task.max_points, message_line(mark.comment))
                )
        content = {
            "output": message_line(record.note),
            "output_format": "text",
            "visibility": "visible",
            "score": round(sum(test["score"] for test in tests), 6),
            "tests": tests,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        files[f"gradescope/{record.student}/{record.exercise}/results.json"] = text
    return files


def _test(row: Row, exercise) -> dict:
    title = next((task.title for task in exercise.tasks if task.id == row.task), "")
    return _gradescope_test(row.task, title, row.points, row.max_points, message_line(row.message, row.call))


def _gradescope_test(task: str, title: str, points: float, most: float, output: str) -> dict:
    return {
        "number": task,
        "name": title.replace("`", ""),
        "score": points,
        "max_score": most,
        "status": "passed" if points >= most else "failed",
        "output": output,
        "output_format": "text",
    }


def _lines(record: Record, graded: Graded) -> list[tuple[str, str]]:
    lines = [
        (f"{row.task}: {number(row.points)} of {number(row.max_points)}", message_line(row.message, row.call))
        for row in record.rows
    ]
    for task in graded.exercises[record.exercise].open_tasks:
        mark = graded.mark(record.student, task.id)
        if mark:
            lines.append((f"{task.id}: {number(mark.points)} of {number(task.max_points)}", message_line(mark.comment)))
    return lines


def _grade(record: Record, graded: Graded) -> str:
    """The points as a platform's cell; blank, and no zero, where nothing was handed in and a person gave nothing, and
    where the grader failed."""
    marked = any(graded.mark(record.student, task.id) for task in graded.exercises[record.exercise].open_tasks)
    return number(_earned(record, graded)) if record.file or marked else ""


def _earned(record: Record, graded: Graded) -> float | None:
    return total_of((record.points, graded.by_person(record.student, record.exercise)))


def _possible(name: str, graded: Graded) -> float:
    """The points of an exercise; those that a person gives belong to it once they are named."""
    exercise = graded.exercises[name]
    return exercise.points + (exercise.manual_points if graded.marks is not None else 0.0)


FORMATS: dict[str, Export] = {"canvas": canvas, "moodle": moodle, "gradescope": gradescope}
