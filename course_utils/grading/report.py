"""The files of a report: results.csv, gradebook.csv, run.json, and the feedback pages."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from course_utils.grading.feedback import page
from course_utils.grading.pristine import Exercise
from course_utils.grading.records import Record, message_line, safe_cell, write_whole

RESULT_COLUMNS = ("student", "exercise", "task", "points", "max_points", "status", "message")


def write(folder: Path, records: Iterable[Record], exercises: dict[str, Exercise], about_run: dict) -> None:
    """Writes the whole report. Rows are sorted by code point; the same records give the same bytes, run.json aside."""
    records = sorted(records, key=lambda record: (record.student, record.exercise))
    write_whole(folder / "results.csv", results(records))
    write_whole(folder / "gradebook.csv", gradebook(records, exercises))
    shutil.rmtree(folder / "feedback", ignore_errors=True)
    for record in records:
        path = folder / "feedback" / record.student / f"{record.exercise}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(record, exercises[record.exercise]), encoding="utf-8", newline="")
    write_whole(folder / "run.json", json.dumps(about_run, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def results(records: list[Record]) -> str:
    """results.csv: a row for every task of every exercise of every student."""
    rows = []
    for record in records:
        for row in record.rows:
            message = message_line(row.message, row.call, record.note)
            points = (number(row.points), number(row.max_points))
            rows.append((safe_cell(record.student), record.exercise, row.task, *points, row.status, message))
    return table([RESULT_COLUMNS, *sorted(rows)])


def gradebook(records: list[Record], exercises: dict[str, Exercise]) -> str:
    """gradebook.csv: a row a student, a column an exercise, then total, max and manual_max (points a person gives)."""
    points: dict[str, dict[str, float]] = defaultdict(dict)
    for record in records:
        points[safe_cell(record.student)][record.exercise] = sum(row.points for row in record.rows)
    names = sorted(exercises)
    most = number(sum(task.max_points for exercise in exercises.values() for task in exercise.tasks))
    manual = number(sum(exercise.manual_points for exercise in exercises.values()))
    rows = [
        (student, *(number(earned[name]) for name in names), number(sum(earned.values())), most, manual)
        for student, earned in sorted(points.items())
    ]
    return table([("student", *names, "total", "max", "manual_max"), *rows])


def table(rows: list[tuple]) -> str:
    """CSV with Unix line ends."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def number(points: float) -> str:
    """2.0 as "2", 0.5 as "0.5"."""
    return f"{round(points, 6):g}"
