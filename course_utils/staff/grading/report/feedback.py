"""The page that a student gets back: by task the points, what went wrong, a call to try, a hint, what to reread."""

from __future__ import annotations

from html import escape

from course_utils.checks.probing import load_probe
from course_utils.staff.grading.intake.marks import Mark, Marks
from course_utils.staff.grading.place.pristine import Exercise, OpenTask, Task
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.report.pages import bar, frame, inline, paragraphs, sentence, told

WORDS = {
    "graded": "not right yet",
    "missing": "not answered",
    "error": "raised an error",
    "timeout": "took too long",
    "memory": "needed too much memory",
    "invalid": "file not usable",
}


# What helps where there is nothing to judge, by what the message says; hints are about wrong values.
ADVICE = {
    "did not end within the time limit": "Look for a loop that cannot end, or for work that is done over and over. "
    "Interrupt the kernel while it runs: the error names the line.",
    "MemoryError": "Look for an array or a list that is far larger than the task needs.",
    "more memory than the limit": "Look for an array or a list that is far larger than the task needs.",
    "printed more than the limit": "Take the prints out of your loops.",
    "ended the Python process": "Take out what ends Python, such as <code>exit()</code>, restart the kernel and run "
    "all cells.",
    "the answer cell raised": "Restart the kernel and run all cells from the top: Python stops at the place and says "
    "why.",
}
NO_FILE = "Hand in the notebook of this exercise, an .ipynb file."
UNUSABLE = (
    "Open your notebook in JupyterLab, save it, look whether your answers are in it, and hand in that .ipynb file."
)
AS_HANDED_OUT = (
    "In this file every answer is as it was handed out. If you have answered, it is an older copy: save your notebook, "
    "and look whether your answers are in the file before you hand it in."
)


def page(record: Record, exercise: Exercise, name: str = "", marks: Marks | None = None) -> str:
    """The feedback of one student on one exercise, as a page that needs nothing else and runs no script.

    name: the student's, where the roster tells it. marks: what a person gave for open tasks (those of anybody).
    """
    rows = {row.task: row for row in record.rows}
    tasks = [task for task in exercise.tasks if task.id in rows]
    mine = {task.id: (marks or {}).get((record.student, task.id)) for task in exercise.open_tasks}
    nothing = _nothing_to_judge(record)
    parts = [
        f"<h1>{escape(exercise.title)}</h1>",
        _who(record, name),
        _total(record, exercise, mine),
        f'<p class="note">{sentence(record.note)}</p>' if record.note else "",
        _summary(exercise, tasks, rows, mine, linked=not nothing),
        *([nothing] if nothing else [_section(task, rows[task.id], exercise) for task in tasks]),
        *(_open_section(task, mine[task.id]) for task in exercise.open_tasks),
        '<p class="quiet">If you believe that a task is marked wrongly, run its call in your notebook and show what '
        "comes back, together with this page.</p>",
    ]
    return frame(exercise.title, parts)


def _who(record: Record, name: str) -> str:
    who = f"{escape(name)} ({escape(record.student)})" if name and name != record.student else escape(record.student)
    return f'<p class="quiet">{who}{f" · {told(record.file)}" if record.file else ""}</p>'


def _total(record: Record, exercise: Exercise, mine: dict[str, Mark | None]) -> str:
    earned = sum(row.points for row in record.rows)
    marked = [mark for mark in mine.values() if mark]
    by_person = sum(mark.points for mark in marked)
    said = ""
    if exercise.manual_points and len(marked) == len(mine):
        said = f", and {by_person:g} of {exercise.manual_points:g} for what a person marks"
    elif exercise.manual_points:
        said = f"; {exercise.manual_points:g} more points are given by a person"
    share = earned / exercise.points if exercise.points else 0.0
    return f"<p><strong>{earned:g} of {exercise.points:g} points</strong>{said}</p>{bar(share)}"


def _nothing_to_judge(record: Record) -> str:
    """One note where there is one reason for all tasks; "" otherwise."""
    reasons = {(row.status, row.message) for row in record.rows}
    status, message = reasons.pop() if len(reasons) == 1 else ("", "")
    if status == "invalid":
        return f'<p class="note">{sentence(message)} {UNUSABLE}</p>'
    if status == "missing":
        return f'<p class="note">{AS_HANDED_OUT if record.file else f"{sentence(message)} {NO_FILE}"}</p>'
    return ""


def _summary(
    exercise: Exercise, tasks: list[Task], rows: dict[str, Row], mine: dict[str, Mark | None], linked: bool
) -> str:
    """The table of tasks; `linked`: each has a section of its own below."""
    lines = [_summary_line(task, _points(rows[task.id]), _word(rows[task.id]), linked) for task in tasks]
    for task in exercise.open_tasks:
        lines.append(_summary_line(task, _marked(task, mine[task.id]), "marked by a person"))
    head = '<tr><th>task</th><th></th><th></th><th class="number">points</th></tr>'
    return "\n".join(["<table>", head, *lines, "</table>"])


def _summary_line(task: Task | OpenTask, points: str, word: str, linked: bool = True) -> str:
    name = f'<a href="#{task.id}">{task.id}</a>' if linked else task.id
    title = f"<td>{name}</td><td>{inline(task.title)}</td>"
    return f'<tr>{title}<td class="quiet">{word}</td><td class="number">{points}</td></tr>'


def _section(task: Task, row: Row, exercise: Exercise) -> str:
    kind = "full" if row.points >= row.max_points else "part" if row.points else "none"
    parts = [_heading(task, kind, f"{_points(row)} points")]
    if kind != "full":
        parts += _what_happened(task, row)
        if row.status != "invalid":
            parts += _what_to_do(task, row, exercise)
    return "\n".join([*filter(None, parts), "</section>"])


def _heading(task: Task | OpenTask, kind: str, points: str) -> str:
    title = f"<h2>{task.id} {inline(task.title)}</h2>"
    return f'<section id="{task.id}" class="{kind}"><div class="head">{title}<span class="points">{points}</span></div>'


def _what_happened(task: Task, row: Row) -> list[str]:
    parts = [f"<p>{sentence(row.message)}</p>"] if row.message else []
    call = row.call or (f"{load_probe(task.id).function}()" if row.returned else "")
    if call:
        parts.append(
            f'<p class="label">Paste this into a cell below your answer and run it:</p><pre>{escape(call)}</pre>'
        )
    if row.returned:
        parts.append(
            f'<p class="label">What came back from your answer:</p><pre>{told(row.returned).removesuffix(":")}</pre>'
        )
    return parts


def _what_to_do(task: Task, row: Row, exercise: Exercise) -> list[str]:
    advice = next((text for said, text in ADVICE.items() if said in row.message), "")
    parts = (
        [f"<p>{advice}</p>"]
        if advice
        else [
            f"<details><summary>Hint: {inline(about)}</summary>{paragraphs(body)}</details>"
            for about, body in task.hints
        ]
    )
    section = f", section “{inline(task.reread)}”" if task.reread else ""
    parts.append(f"<p>Read again: lecture {escape(exercise.name)}{section}.</p>")
    if row.status not in ("missing", "invalid"):
        parts.append(f"<p>Then change your answer and run its check: <code>check(&quot;{task.id}&quot;)</code></p>")
    return parts


def _open_section(task: OpenTask, mark: Mark | None) -> str:
    parts = [_heading(task, "open", f"{_marked(task, mark)} points")]
    if mark is None:
        parts.append("<p>This one is marked by a person.</p>")
    elif mark.comment:
        parts.append(f"<p>{told(mark.comment)}</p>")
    return "\n".join([*parts, "</section>"])


def _word(row: Row) -> str:
    if row.points >= row.max_points:
        return "right"
    return "right in part" if row.points else WORDS.get(row.status, "")


def _points(row: Row) -> str:
    return f"{row.points:g} of {row.max_points:g}"


def _marked(task: OpenTask, mark: Mark | None) -> str:
    return f"{mark.points:g} of {task.max_points:g}" if mark else f"up to {task.max_points:g}"
