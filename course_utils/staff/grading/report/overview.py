"""The instructor's page: where to look first. Points by task, mistakes by frequency, what is odd, and every student."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING
from urllib.parse import quote

from course_utils.staff.authoring.render.rendering import filled
from course_utils.staff.grading.intake.roster import is_late
from course_utils.staff.grading.place.pristine import Exercise, Task
from course_utils.staff.grading.plain_text import plain
from course_utils.staff.grading.records import UNGRADED, Record, Row
from course_utils.staff.grading.report.feedback import SHOWN
from course_utils.staff.grading.tables import total_of
from course_utils.staff.judging.mutants import misconceptions

if TYPE_CHECKING:
    from course_utils.staff.grading.report.graded import Changes, Graded

UNANSWERED = ("missing", "invalid", UNGRADED)
FEWEST = 3  # answers, before a task that nobody solved looks broken
LISTED = 10  # rows of the tables that show the foremost only


def page(records: list[Record], graded: Graded, changes: Changes | None) -> str:
    """index.html: a page without scripts, with links to the feedback pages beside it."""
    students = len({record.student for record in records})
    about = graded.about
    names = sorted(graded.exercises)
    return filled(
        "report/overview.html",
        run=f"{students} students · seed {about.get('seed')} · {about.get('isolation')} · {_took(records)}",
        broken=broken(records, graded.exercises),
        changes=changes,
        groups={what: which for what, which in _groups(records, graded).items() if which},
        ignored=[plain(name) for name in about.get("ignored", [])],
        exercises=[_exercise(graded.exercises[name], [r for r in records if r.exercise == name]) for name in names],
        mistakes=_mistakes(records),
        slowest=sorted((r for r in records if r.seconds), key=lambda record: -record.seconds)[:LISTED],
        twice=[(record, row) for record in records for row in record.rows if row.other],
        names=names,
        students=_students(records, graded, names),
        href=_href,
        LISTED=LISTED,
        **SHOWN,
    )


def broken(records: list[Record], exercises: dict[str, Exercise]) -> list[tuple[Exercise, Task]]:
    """The tasks that several answered and nobody solved: perhaps the task is at fault."""
    by_task, found = _by_task(records), []
    for _, exercise in sorted(exercises.items()):
        for task in exercise.tasks:
            rows = [row for row in by_task[task.id] if row.status not in UNANSWERED]
            if len(rows) >= FEWEST and not any(row.points >= row.max_points for row in rows):
                found.append((exercise, task))
    return found


def _groups(records: list[Record], graded: Graded) -> dict[str, list[Record]]:
    """What is out of the ordinary, and of whom."""

    def all_are(record: Record, status: str) -> bool:
        return all(row.status == status for row in record.rows)

    return {
        "not graded, since the grader itself failed (the same command tries again)": [r for r in records if r.ungraded],
        "a file that could not be used": [r for r in records if all_are(r, "invalid")],
        "no file": [r for r in records if all_are(r, "missing") and not r.file],
        "nothing answered": [r for r in records if all_are(r, "missing") and r.file],
        "late": [r for r in records if is_late(r.note)],
        "not on the roster": [r for r in records if graded.enrolled and r.student not in graded.enrolled],
        "ran into a limit or ended the kernel": [r for r in records if any(map(_ended, r.rows))],
    }


def _ended(row: Row) -> bool:
    return row.status in ("timeout", "memory") or "ended the Python process" in row.message


def _exercise(exercise: Exercise, records: list[Record]) -> tuple[Exercise, str, list[dict[str, object]]]:
    """An exercise, how its points are spread, and what became of each task."""
    by_task = _by_task(records)
    return exercise, _totals(exercise, records), [_task(task, by_task[task.id]) for task in exercise.tasks]


def _task(task: Task, rows: list[Row]) -> dict[str, object]:
    reasons = Counter(row.status for row in rows if row.status != "graded")
    judged = [row for row in rows if row.status != UNGRADED]
    return {
        "task": task,
        "many": len(rows),
        "answered": sum(row.status not in UNANSWERED for row in rows),
        "full": sum(row.points >= row.max_points for row in rows),
        "part": sum(0 < row.points < row.max_points for row in rows),
        "mean": sum(row.points for row in judged) / len(judged) if judged else 0.0,
        "why": ", ".join(f"{count} {status}" for status, count in reasons.most_common()),
    }


def _totals(exercise: Exercise, records: list[Record]) -> str:
    """How the points of those who handed something in are spread, in words."""
    earned = sorted(r.points for r in records if r.file and r.points is not None)
    if not earned:
        return "Nobody handed anything in."
    quarter = (len(earned) - 1) // 4
    low, middle, high = earned[quarter], earned[len(earned) // 2], earned[-1 - quarter]
    spread = f"{low:g} to {high:g}" if low < high else f"{low:g}"
    return f"{len(earned)} handed in; median {middle:g} of {exercise.points:g} points, the middle half {spread}."


def _mistakes(records: list[Record]) -> list[dict]:
    """The known mistakes by frequency, then the other messages that several got."""
    known = misconceptions()
    found: dict[tuple[str, str], dict] = {}
    for record in records:
        for row in record.rows:
            if row.status == "graded" and row.points < row.max_points and row.message:
                name = known.get(row.misconception, {}).get("name", "")
                key = (name, "") if name else ("", row.message)
                one = found.setdefault(key, {"name": key[0], "message": key[1], "tasks": set(), "records": []})
                one["tasks"].add(row.task)
                if not one["records"] or one["records"][-1] is not record:
                    one["records"].append(record)
    most = sorted(found, key=lambda key: (-len(found[key]["records"]), not key[0], key))
    return [found[key] for key in most[: 2 * LISTED]]


def _students(records: list[Record], graded: Graded, names: list[str]) -> list[dict[str, object]]:
    """A line for each student: the record and the points of each exercise, in the order of `names`."""
    by_student: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        by_student[record.student][record.exercise] = record
    lines = []
    for student, own in sorted(by_student.items()):
        points = {name: total_of((record.points, graded.by_person(student, name))) for name, record in own.items()}
        aside = [f"set aside: {file}" for file in graded.aside.get(student, [])]
        lines.append(
            {
                "student": student,
                "name": graded.name(student),
                "exercises": [(own.get(name), points.get(name)) for name in names],
                "total": total_of(points.values()),
                "notes": "; ".join([*sorted({record.note for record in own.values() if record.note}), *aside]),
            }
        )
    return lines


def _href(record: Record) -> str:
    return f"feedback/{quote(record.student, safe='')}/{quote(record.exercise)}.html"


def _by_task(records: list[Record]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for record in records:
        for row in record.rows:
            rows[row.task].append(row)
    return rows


def _took(records: list[Record]) -> str:
    seconds = sum(record.seconds for record in records)
    return f"{seconds / 60:.1f} minutes of grading" if seconds >= 60 else f"{seconds:.0f} seconds of grading"
