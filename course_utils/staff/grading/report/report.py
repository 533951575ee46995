"""The files of a report: results.csv, gradebook.csv, run.json, changes.csv, the pages, and exports to platforms."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from course_utils.notebooks import write_whole
from course_utils.staff.grading.intake.sakai import GRADES
from course_utils.staff.grading.plain_text import message_line, safe_cell
from course_utils.staff.grading.records import UNGRADED, Record
from course_utils.staff.grading.report import exports, feedback, overview
from course_utils.staff.grading.report.graded import Changes, Graded
from course_utils.staff.grading.tables import number, table, total_of

RESULT_COLUMNS = ("student", "exercise", "task", "points", "max_points", "status", "message")
WRITTEN = ".state/written.json"  # the pages and exports of the report, for the run that replaces it
CHANGE_COLUMNS = ("student", "exercise", "task", "points_before", "points", "status_before", "status", "message")


def write(folder: Path, graded: Graded, formats: Iterable[str] = ()) -> Changes | None:
    """Writes the whole report; returns the changes, None where there was no report of another seed or input.

    Rows are sorted by code point; the same records give the same bytes, but for run.json and index.html, which tell
    times. A file is replaced whole or not at all, results.csv last: a run that ends early leaves the old report.
    """
    records = sorted(graded.records, key=lambda record: (record.student, record.exercise))
    rows = results(records)
    changes = _changes(folder, rows, graded.about)
    written = _write_pages(folder / "feedback", records, graded)
    for name in formats:
        for path, text in exports.FORMATS[name](records, graded).items():
            written.add(_write(folder / path, text))
        written |= _pack_feedback(folder, name, records, graded)
    _take_away_others(folder, written)
    write_whole(folder / "index.html", overview.page(records, graded, changes))
    if changes is not None:
        write_whole(folder / "changes.csv", table([CHANGE_COLUMNS, *changes.rows]))
    about = json.dumps(graded.about, indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(folder / "run.json", about + "\n")
    write_whole(folder / "gradebook.csv", gradebook(records, graded))
    write_whole(folder / "results.csv", table([RESULT_COLUMNS, *rows]))
    return changes


def _write_pages(folder: Path, records: list[Record], graded: Graded) -> set[Path]:
    """A page for each record."""
    written = set()
    for record in records:
        html = feedback.page(record, graded.exercises[record.exercise], graded.name(record.student), graded.marks)
        written.add(_write(folder / record.student / f"{record.exercise}.html", html))
    return written


def _pack_feedback(folder: Path, platform: str, records: list[Record], graded: Graded) -> set[Path]:
    """A zip file of pages for each exercise, under the names that the platform takes back."""
    written = set()
    for exercise in sorted(graded.exercises if platform in exports.FEEDBACK else ()):
        names = {}
        for record in records:
            name = exports.FEEDBACK[platform](record, graded) if record.exercise == exercise and record.file else ""
            if name:
                names.setdefault(name, folder / "feedback" / record.student / f"{exercise}.html")
        if names:
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, page in names.items():
                    archive.writestr(zipfile.ZipInfo(name), page.read_bytes(), zipfile.ZIP_DEFLATED)  # without a time
                if platform == "sakai":  # which takes grades and pages together
                    assignment = PurePosixPath(next(iter(names))).parents[2]
                    grades = (folder / platform / exercise / GRADES).read_bytes()
                    archive.writestr(zipfile.ZipInfo(str(assignment / GRADES)), grades)
            written.add(_write(folder / platform / f"{exercise}_feedback.zip", data.getvalue()))
    return written


def _write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path


def _take_away_others(folder: Path, written: set[Path]) -> None:
    """Pages of students who are gone, and exports that were not asked for again: their points may be old.

    Only what a run has written itself, by its own list; folders go when nothing is left in them.
    """
    path_of_list, now = folder / WRITTEN, sorted(path.relative_to(folder).as_posix() for path in written)
    try:
        before = set(map(str, json.loads(path_of_list.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError, RecursionError):  # none yet, or damaged
        before = set()
    for gone in sorted(before - set(now)):
        path = folder / gone
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                continue
            path.unlink(missing_ok=True)
        except (OSError, ValueError):  # no file of ours: a folder is in its place, or no path can be called so
            continue
        for parent in path.relative_to(folder).parents[:-1]:
            with contextlib.suppress(OSError):  # not empty
                (folder / parent).rmdir()
    write_whole(path_of_list, json.dumps(now))


def results(records: list[Record]) -> list[tuple[str, ...]]:
    """The rows of results.csv: one for every task of every exercise of every student; no points where ungraded."""
    rows = []
    for record in records:
        for row in record.rows:
            message = message_line(row.message, row.call, record.note)
            points = ("" if row.status == UNGRADED else number(row.points), number(row.max_points))
            rows.append((safe_cell(record.student), record.exercise, row.task, *points, row.status, message))
    return sorted(rows)


def gradebook(records: list[Record], graded: Graded) -> str:
    """gradebook.csv: a row a student, a column an exercise, then total, max and manual_max (points a person gives).

    A cell is blank, and no total is given, where something is ungraded. The maxima are those of the exercises that
    count (`Graded.counted`), the total is of all.

    Where a person's points were named, two columns more: manual, and final, which is total and manual. Where there is a
    rule for lateness, a last one: late, the points that it costs, which no other column takes off.
    """
    points: dict[str, dict[str, float | None]] = defaultdict(dict)
    off: dict[str, list[float | None]] = defaultdict(list)
    for record in records:
        points[record.student][record.exercise] = record.points
        off[record.student].append(graded.off(record))
    names = sorted(graded.exercises)
    most = number(sum(exercise.points for exercise in graded.of_the_maximum))
    manual_most = number(sum(exercise.manual_points for exercise in graded.of_the_maximum))
    rows = []
    for student, earned in points.items():
        total = total_of(earned.values())
        row = [safe_cell(student), *(number(earned[name]) for name in names), number(total), most, manual_most]
        if graded.marks is not None:
            manual = sum(graded.by_person(student, name) for name in names)
            row += [number(manual), number(total_of((total, manual)))]
        if graded.late is not None:
            row.append(number(total_of(off[student])))
        rows.append(tuple(row))
    more = (("manual", "final") if graded.marks is not None else ()) + (("late",) if graded.late is not None else ())
    return table([("student", *names, "total", "max", "manual_max", *more), *sorted(rows)])


def _changes(folder: Path, rows: list[tuple[str, ...]], about: dict) -> Changes | None:
    """What differs from the results that are there; None where there are none, or the very same of the same seed."""
    try:
        with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
            before = {tuple(row[:3]): row for row in csv.reader(file) if len(row) == len(RESULT_COLUMNS)}
        seed = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("seed")
    except (OSError, ValueError, AttributeError, csv.Error):
        return None
    before.pop(RESULT_COLUMNS[:3], None)
    if seed == about.get("seed") and list(map(tuple, before.values())) == rows:
        return None
    after = {row[:3]: row for row in rows}
    changed, higher, lower = [], 0, 0
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if (old and tuple(old[3:6:2])) != (new and new[3:6:2]):
            points = (old[3] if old else "", new[3] if new else "")
            status = (old[5] if old else "", new[5] if new else "")
            changed.append((*key, *points, *status, new[6] if new else ""))
            if old and new:
                higher += bool(old[3] and new[3]) and float(new[3]) > float(old[3])
                lower += bool(old[3] and new[3]) and float(new[3]) < float(old[3])
    return Changes(changed, higher, lower)
