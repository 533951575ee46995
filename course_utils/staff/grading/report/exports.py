"""The gradebook in the forms that learning platforms take: by format, a function to texts by their path in the report.

Where the roster is a table of the platform's own, that table is filled in, and nothing else in it changes. Who handed
in nothing for an exercise has a blank, or what stood there, and no zero: the exercise may not be due yet. FEEDBACK has
the names under which platforms take pages back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from course_utils.staff.grading.intake import moodle as moodle_names
from course_utils.staff.grading.intake import sakai as sakai_names
from course_utils.staff.grading.intake.finding import clean_name
from course_utils.staff.grading.intake.manifest import by_name
from course_utils.staff.grading.intake.named import Known
from course_utils.staff.grading.intake.roster import Enrolled
from course_utils.staff.grading.plain_text import message_line, safe_cell
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.tables import number, table, total_of

if TYPE_CHECKING:
    from course_utils.staff.grading.intake.doors import Own
    from course_utils.staff.grading.report.graded import Graded

Export = Callable[[list[Record], "Graded"], dict[str, str]]
DOWNLOADED = re.compile(r"_\d+_\d+_|anon_[A-Za-z0-9]+_\d+_|^\d+-\d+ ?- ")  # what Canvas and Brightspace name
OURS = re.compile(r"\s*(deadline|group\s*$)", re.I)  # columns that no platform's gradebook has
Grades = dict[tuple[str, str], str]  # by student and exercise, as a platform's cell


def canvas(records: list[Record], graded: Graded) -> dict[str, str]:
    """canvas.csv, for Grades > Import: a column an exercise, and the row with the points that are possible."""
    names, grades = sorted(graded.exercises), _grades(records, graded)
    if graded.own and graded.own.door == "canvas":
        possible = {"points possible": {name: number(_possible(name, graded)) for name in names}}
        return {"canvas.csv": table(_filled(graded.own, graded, grades, {name: name for name in names}, possible))}
    rows = []
    for student in sorted({record.student for record in records}):
        who = _enrolled(student, graded)
        known = (_name(student, graded), graded.number(student, "canvas") or who.id, "", who.login or student)
        rows.append((*map(safe_cell, (*known, who.section)), *(grades[student, name] for name in names)))
    head = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", *names)
    possible = ("    Points Possible", "", "", "", "", *(number(_possible(name, graded)) for name in names))
    return {"canvas.csv": table([head, possible, *rows])}


def brightspace(records: list[Record], graded: Graded) -> dict[str, str]:
    """brightspace.csv, for Grades > Import: a column "... Points Grade" an exercise, and the mark of a line's end."""
    columns, grades = {name: f"{name} Points Grade" for name in sorted(graded.exercises)}, _grades(records, graded)
    if graded.own and graded.own.door == "brightspace":
        return {"brightspace.csv": table(_filled(graded.own, graded, grades, columns))}
    rows = [
        (f"#{safe_cell(who.id)}" if who.id else "", f"#{safe_cell(who.login or student)}")
        + (*(grades[student, name] for name in columns), "#")
        for student in sorted({record.student for record in records})
        for who in [_enrolled(student, graded)]
    ]
    return {"brightspace.csv": table([("OrgDefinedId", "Username", *columns.values(), "End-of-Line Indicator"), *rows])}


def blackboard(records: list[Record], graded: Graded) -> dict[str, str]:
    """blackboard.csv, for Work Offline > Upload."""
    names, grades = sorted(graded.exercises), _grades(records, graded)
    columns = {name: f"{name} [Total Pts: {number(_possible(name, graded))} Score]" for name in names}
    if graded.own and graded.own.door == "blackboard":
        return {"blackboard.csv": table(_filled(graded.own, graded, grades, columns))}
    rows = []
    for student in sorted({record.student for record in records}):
        who = _enrolled(student, graded)
        first, _, last = _name(student, graded).rpartition(" ")
        known = (last, first, who.login or student, who.id)
        rows.append((*map(safe_cell, known), *(grades[student, name] for name in names)))
    return {"blackboard.csv": table([("Last Name", "First Name", "Username", "Student ID", *columns.values()), *rows])}


def sakai(records: list[Record], graded: Graded) -> dict[str, str]:
    """A sakai/<exercise>/grades.csv each, for Assignments > Upload All, in the folder of the assignment."""
    files = {}
    for name in sorted(graded.exercises):
        these = [record for record in records if record.exercise == name]
        if graded.own and graded.own.door == "sakai":
            rows = _worksheet(graded.own, these, graded)
        else:
            head = [(name, "Points"), (), ("Display ID", "ID", "Last Name", "First Name", "grade")]
            rows = [*head, *(_sakai_row(record, graded) for record in these)]
        files[f"sakai/{name}/{sakai_names.GRADES}"] = table(rows)
    return files


def _sakai_row(record: Record, graded: Graded) -> tuple[str, ...]:
    who, name = _enrolled(record.student, graded), _name(record.student, graded)
    login = graded.number(record.student, "sakai") or who.login or record.student
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.rpartition(" ")
    return (*map(safe_cell, (who.id or login, login, last, first.strip())), _grade(record, graded))


def _filled(
    own: Own, graded: Graded, grades: Grades, columns: dict[str, str], further: dict[str, dict[str, str]] | None = None
) -> list[tuple[str, ...]]:
    """A platform's own table with our grades. An exercise has the column whose header has its name in it, or a new one.

    columns: the header of a new column, by exercise. further: what new columns have in rows that are no student's, by
    the beginning of such a row. Columns that the operator has put there for us are left out.
    """
    header = own.rows[own.header][1]
    kept = [at for at, name in enumerate(header) if not OURS.match(name)]
    shortest_last = sorted(range(len(header)), key=lambda at: -len(header[at]))  # "01 chain rule: reading" is another
    place = {name: at for at in shortest_last if (name := by_name(header[at], list(columns)))}
    new = [name for name in columns if name not in place]
    end = len(kept) - (header[kept[-1]].strip().lower() == "end-of-line indicator")  # Brightspace's stays the last
    line_of = {line.row: student for student, line in graded.enrolled.items()}
    rows = []
    for at, (_, row) in enumerate(own.rows):
        cells = row + [""] * (len(header) - len(row)) if any(row) else []
        student = line_of.get(at)
        if student is not None:
            for name, column in place.items():
                cells[column] = grades.get((student, name)) or cells[column]
            more = [grades.get((student, name), "") for name in new]
        else:
            begins = cells[0].strip().casefold() if cells else ""
            more = [
                columns[name] if at == own.header else (further or {}).get(begins, {}).get(name, "") for name in new
            ]
        if cells:
            cells = [cells[column] for column in kept]
            cells[end:end] = more
        rows.append(tuple(cell if _is_number(cell) or at == own.header else safe_cell(cell) for cell in cells))
    return rows


def _is_number(cell: str) -> bool:
    try:
        return bool(float(cell) or True)
    except ValueError:
        return cell.strip() in ("", "-")


def _grades(records: list[Record], graded: Graded) -> Grades:
    return {(record.student, record.exercise): _grade(record, graded) for record in records}


def _enrolled(student: str, graded: Graded) -> Enrolled:
    return graded.enrolled.get(student) or Enrolled(student, "", None)


def _name(student: str, graded: Graded) -> str:
    return graded.name(student) or student


def moodle(records: list[Record], graded: Graded) -> dict[str, str]:
    """A moodle/<exercise>.csv each: a grading worksheet for the assignment, and a table for Grades > Import > CSV."""
    head = (
        "Identifier", "Full name", "Username", "ID number", "Email address", "Status", "Grade", "Maximum Grade",
        "Last modified (grade)", "Feedback comments",
    )  # fmt: skip
    own = graded.own if graded.own and graded.own.door == "moodle" else None
    files = {}
    for name in sorted(graded.exercises):
        these = [record for record in records if record.exercise == name]
        if own and "identifier" in [cell.strip().lower() for cell in own.rows[own.header][1]]:
            rows = _worksheet(own, these, graded)
        else:
            rows = [head, *(_moodle_row(record, graded) for record in these)]
        files[f"moodle/{name}.csv"] = table(rows)
    return files


def _worksheet(own: Own, records: list[Record], graded: Graded) -> list[tuple[str, ...]]:
    """A platform's own table of one assignment with the grades, and the comments, of one exercise."""
    header = [name.strip().lower() for name in own.rows[own.header][1]]
    kept = [at for at, name in enumerate(header) if not name.startswith("deadline")]
    lines = {_enrolled(record.student, graded).row: record for record in records}
    rows = []
    for at, (_, row) in enumerate(own.rows):
        cells = dict(enumerate(row + [""] * (len(header) - len(row))))
        record = lines.get(at)
        if record and (grade := _grade(record, graded)):
            cells |= {header.index("grade"): grade}
            if "feedback comments" in header:
                cells |= {header.index("feedback comments"): _comments(record, graded)}
        rows.append(tuple(cells[c] if _is_number(cells[c]) else safe_cell(cells[c]) for c in kept))
    return rows


def _moodle_row(record: Record, graded: Graded) -> tuple[str, ...]:
    who, participant = _enrolled(record.student, graded), _participant(record.student, graded)
    identifier = f"Participant {participant}" if participant else ""
    known = (_name(record.student, graded), who.login or record.student, who.id, who.email)
    status = "Submitted for grading" if record.file else "No submission"
    points = (_grade(record, graded), number(_possible(record.exercise, graded)))
    comments = _comments(record, graded) if points[0] else ""
    return (identifier, *map(safe_cell, known), status, *points, "", safe_cell(comments))


def _participant(student: str, graded: Graded) -> str:
    return graded.number(student, "moodle") or _enrolled(student, graded).participant


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
        text = json.dumps(results([record], graded), indent=1, ensure_ascii=False) + "\n"
        files[f"gradescope/{record.student}/{record.exercise}/results.json"] = text
    return files


def results(records: list[Record], graded: Graded) -> dict:
    """results.json, as Gradescope takes it, for the exercises of one student."""
    tests = []
    for record in records:
        exercise = graded.exercises[record.exercise]
        tests += [_test(row, exercise) for row in record.rows]
        for task in exercise.open_tasks:
            mark = graded.mark(record.student, task.id)
            if mark:
                tests.append(
                    _gradescope_test(task.id, task.title, mark.points, task.max_points, message_line(mark.comment))
                )
    return {
        "output": "\n".join(dict.fromkeys(message_line(record.note) for record in records)),
        "output_format": "text",
        "visibility": "visible",
        "score": round(sum(test["score"] for test in tests), 6),
        "tests": tests,
    }


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


def _beside_the_file(record: Record, graded: Graded) -> str:
    """The name of a page where the platform has named the file or its folder: it goes by the beginning of that."""
    path = graded.paths.get((record.student, record.exercise), ())
    at = next((at for at, part in enumerate(path) if DOWNLOADED.search(part)), None)
    if at is None:
        return ""
    if at + 1 < len(path) and not path[at].lower().endswith(".zip"):
        return f"{path[at]}/feedback_{record.exercise}.html"
    return f"{PurePosixPath(path[at]).stem}.html"


def _canvas_page(record: Record, graded: Graded) -> str:
    known = graded.platform.get(record.student, ())
    return _beside_the_file(record, graded) if known[3:] in ((), ("canvas",)) else ""


def _moodle_page(record: Record, graded: Graded) -> str:
    """Moodle looks for the participant's number; a team's members each have a folder, by the worksheet."""
    participant = _participant(record.student, graded)
    folder = moodle_names.folder(Known(clean_name(_name(record.student, graded)), participant))
    return f"{folder}/feedback_{record.exercise}.html" if participant else ""


def _sakai_page(record: Record, graded: Graded) -> str:
    path = graded.paths.get((record.student, record.exercise), ())
    if sakai_names.ATTACHMENTS not in path:
        return ""
    above = "/".join(path[: path.index(sakai_names.ATTACHMENTS)])
    return f"{above}/{sakai_names.FEEDBACK}/feedback_{record.exercise}.html"


# What a page is called in the zip file that a platform takes back; "" where it does not know the student.
FEEDBACK: dict[str, Callable[[Record, Graded], str]] = {
    "canvas": _canvas_page,
    "moodle": _moodle_page,
    "brightspace": _beside_the_file,
    "sakai": _sakai_page,
}
FORMATS: dict[str, Export] = {
    "canvas": canvas,
    "moodle": moodle,
    "gradescope": gradescope,
    "brightspace": brightspace,
    "blackboard": blackboard,
    "sakai": sakai,
}
