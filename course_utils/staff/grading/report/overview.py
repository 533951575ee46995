"""The instructor's page: where to look first. Points by task, mistakes by frequency, what is odd, and every student."""

from __future__ import annotations

from collections import Counter, defaultdict
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from course_utils.staff.grading.intake.roster import is_late
from course_utils.staff.grading.place.pristine import Exercise, Task
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.report.pages import bar, frame, inline, told
from course_utils.staff.judging.mutants import misconceptions

if TYPE_CHECKING:
    from course_utils.staff.grading.report.graded import Changes, Graded

UNANSWERED = ("missing", "invalid")
FEWEST = 3  # answers, before a task that nobody solved looks broken
LISTED = 10  # rows of the tables that show the foremost only


def page(records: list[Record], graded: Graded, changes: Changes | None) -> str:
    """index.html: a page without scripts, with links to the feedback pages beside it."""
    students = len({record.student for record in records})
    about = graded.about
    run = f"{students} students · seed {about.get('seed')} · {about.get('isolation')} · {_took(records)}"
    parts = ["<h1>Report</h1>", f'<p class="quiet">{escape(run)}</p>', *_attention(records, graded, changes)]
    for name, exercise in sorted(graded.exercises.items()):
        parts += _exercise(exercise, [record for record in records if record.exercise == name])
    parts += _mistakes(records) + _slowest(records) + _students(records, graded)
    return frame("Grading report", parts, wide=True)


# --- what needs a look ----------------------------------------------------------------------------------------------


def _attention(records: list[Record], graded: Graded, changes: Changes | None) -> list[str]:
    """The list of what is out of the ordinary; it says so where nothing is."""
    lines = [_broken_line(exercise, task) for exercise, task in broken(records, graded.exercises)]
    if changes is not None:
        moved = f'{changes.higher} higher, {changes.lower} lower, <a href="changes.csv">changes.csv</a>'
        lines.append(f"changed since the report before: {len(changes.rows)} rows ({moved})")
    lines += [f"{what}: {_links(which)}" for what, which in _groups(records, graded) if which]
    ignored = graded.about.get("ignored", [])
    if ignored:
        lines.append(f"files that are of no exercise here: {_some([told(name) for name in ignored])}")
    found = "".join(f"<li>{line}</li>" for line in lines)
    return ["<h2>Worth a look</h2>", f"<ul>{found}</ul>" if lines else "<p>Nothing out of the ordinary.</p>"]


def broken(records: list[Record], exercises: dict[str, Exercise]) -> list[tuple[Exercise, Task]]:
    """The tasks that several answered and nobody solved: perhaps the task is at fault."""
    found = []
    for name, exercise in sorted(exercises.items()):
        for task in exercise.tasks:
            rows = [row for row in _rows(records, task.id) if row.status not in UNANSWERED]
            if len(rows) >= FEWEST and not any(row.points >= row.max_points for row in rows):
                found.append((exercises[name], task))
    return found


def _broken_line(exercise: Exercise, task: Task) -> str:
    return (
        f'<strong>nobody solved <a href="#{task.id}">{task.id}</a></strong> {inline(task.title)}: is the task, or its '
        f"check, at fault? (<code>course check</code> on solutions/{exercise.name}.ipynb tells)"
    )


def _groups(records: list[Record], graded: Graded) -> list[tuple[str, list[Record]]]:
    def all_are(record: Record, status: str) -> bool:
        return all(row.status == status for row in record.rows)

    return [
        ("not graded, since the grading process ended twice", [r for r in records if r.lost]),
        ("a file that could not be used", [r for r in records if all_are(r, "invalid")]),
        ("no file", [r for r in records if all_are(r, "missing") and not r.file]),
        ("nothing answered", [r for r in records if all_are(r, "missing") and r.file]),
        ("late", [r for r in records if is_late(r.note)]),
        ("not on the roster", [r for r in records if graded.enrolled and r.student not in graded.enrolled]),
        ("ran into a limit or ended the kernel", [r for r in records if any(map(_ended, r.rows))]),
    ]


def _ended(row: Row) -> bool:
    return row.status in ("timeout", "memory") or "ended the Python process" in row.message


# --- by exercise ----------------------------------------------------------------------------------------------------


def _exercise(exercise: Exercise, records: list[Record]) -> list[str]:
    head = "".join(
        f"<th{kind}>{word}</th>"
        for word, kind in [
            ("task", ""), ("", ""), ("full, part, none", ""), ("answered", ' class="number"'),
            ("full", ' class="number"'), ("mean", ' class="number"'), ("no verdict for", ""),
        ]
    )  # fmt: skip
    lines = [_task_line(task, _rows(records, task.id)) for task in exercise.tasks]
    return [
        f"<h2>{escape(exercise.title)}</h2>",
        _totals(exercise, records),
        f"<table><tr>{head}</tr>{''.join(lines)}</table>",
    ]


def _task_line(task: Task, rows: list[Row]) -> str:
    answered = [row for row in rows if row.status not in UNANSWERED]
    full = sum(row.points >= row.max_points for row in rows)
    part = sum(0 < row.points < row.max_points for row in rows)
    mean = sum(row.points for row in rows) / len(rows) if rows else 0.0
    many = max(len(rows), 1)
    reasons = Counter(row.status for row in rows if row.status != "graded")
    why = ", ".join(f"{count} {status}" for status, count in reasons.most_common())
    return (
        f'<tr id="{task.id}"><td>{task.id}</td><td>{inline(task.title)}</td><td>{bar(full / many, part / many)}</td>'
        f'<td class="number">{len(answered)} of {len(rows)}</td><td class="number">{full}</td>'
        f'<td class="number">{mean:.2f} of {task.max_points:g}</td><td class="quiet">{why}</td></tr>'
    )


def _totals(exercise: Exercise, records: list[Record]) -> str:
    """How the points of those who handed something in are spread, in words."""
    earned = sorted(sum(row.points for row in r.rows) for r in records if r.file)
    if not earned:
        return "<p>Nobody handed anything in.</p>"
    quarter = (len(earned) - 1) // 4
    low, middle, high = earned[quarter], earned[len(earned) // 2], earned[-1 - quarter]
    spread = f"{low:g} to {high:g}" if low < high else f"{low:g}"
    return f"<p>{len(earned)} handed in; median {middle:g} of {exercise.points:g} points, the middle half {spread}.</p>"


# --- mistakes, times, students --------------------------------------------------------------------------------------


def _mistakes(records: list[Record]) -> list[str]:
    """The known mistakes by frequency, then the other messages that several got."""
    known = misconceptions()
    who: dict[tuple[str, str], list[Record]] = defaultdict(list)
    tasks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        for row in record.rows:
            if row.status == "graded" and row.points < row.max_points and row.message:
                name = known.get(row.misconception, {}).get("name", "")
                key = (name, "") if name else ("", row.message)
                tasks[key].add(row.task)
                if not who[key] or who[key][-1] is not record:
                    who[key].append(record)
    most = sorted(who, key=lambda key: (-len(who[key]), not key[0], key))[: 2 * LISTED]
    lines = [
        f'<tr><td class="number">{len(who[key])}</td><td>{inline(key[0]) or told(key[1])}</td>'
        f"<td>{', '.join(sorted(tasks[key]))}</td><td>{_links(who[key], 3)}</td></tr>"
        for key in most
    ]
    if not lines:
        return []
    head = '<tr><th class="number">students</th><th>mistake</th><th>tasks</th><th>for example</th></tr>'
    return ["<h2>The commonest mistakes</h2>", f"<table>{head}{''.join(lines)}</table>"]


def _slowest(records: list[Record]) -> list[str]:
    slow = sorted((record for record in records if record.seconds), key=lambda record: -record.seconds)[:LISTED]
    lines = [f'<tr><td>{_link(record)}</td><td class="number">{record.seconds:.1f} s</td></tr>' for record in slow]
    head = '<tr><th>submission</th><th class="number">time</th></tr>'
    return ["<h2>The slowest submissions</h2>", f"<table>{head}{''.join(lines)}</table>"] if lines else []


def _students(records: list[Record], graded: Graded) -> list[str]:
    names = sorted(graded.exercises)
    by_student: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        by_student[record.student][record.exercise] = record
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in names)
    lines = []
    for student, own in sorted(by_student.items()):
        cells = "".join(f'<td class="number">{_points_link(own.get(name), graded)}</td>' for name in names)
        total = sum(row.points for record in own.values() for row in record.rows)
        total += sum(graded.by_person(student, name) for name in names)
        notes = "; ".join(sorted({record.note for record in own.values() if record.note}))
        notes += "".join(f"; set aside: {file}" for file in graded.aside.get(student, []))
        called = graded.name(student)
        lines.append(
            f"<tr><td>{escape(student)}{f' · {escape(called)}' if called else ''}</td>{cells}"
            f'<td class="number">{total:g}</td><td class="quiet">{told(notes.removeprefix("; "))}</td></tr>'
        )
    return [
        "<h2>Students</h2>",
        '<p class="quiet">The points lead to the feedback pages. Tables: <a href="gradebook.csv">gradebook.csv</a>, '
        '<a href="results.csv">results.csv</a>.</p>',
        f'<table><tr><th>student</th>{head}<th class="number">total</th><th></th></tr>{"".join(lines)}</table>',
    ]


def _points_link(record: Record | None, graded: Graded) -> str:
    if record is None:
        return ""
    points = sum(row.points for row in record.rows) + graded.by_person(record.student, record.exercise)
    return f'<a href="{_href(record)}">{points:g}</a>'


def _links(records: list[Record], most: int = LISTED) -> str:
    return _some([_link(record) for record in records], most)


def _some(items: list[str], most: int = LISTED) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _link(record: Record) -> str:
    return f'<a href="{_href(record)}">{escape(record.student)}</a>'


def _href(record: Record) -> str:
    return f"feedback/{quote(record.student, safe='')}/{quote(record.exercise)}.html"


def _rows(records: list[Record], task: str) -> list[Row]:
    return [row for record in records for row in record.rows if row.task == task]


def _took(records: list[Record]) -> str:
    seconds = sum(record.seconds for record in records)
    return f"{seconds / 60:.1f} minutes of grading" if seconds >= 60 else f"{seconds:.0f} seconds of grading"
