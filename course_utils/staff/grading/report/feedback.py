"""The page that a student gets back: by task the points, what went wrong, a call to try, a hint, what to reread."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from markupsafe import Markup, escape

from course_utils.checks.probing import load_probe
from course_utils.staff.authoring.render.rendering import Resolve, filled, inline, markdown
from course_utils.staff.grading.intake.marks import Marks
from course_utils.staff.grading.place.pristine import Exercise, Task
from course_utils.staff.grading.plain_text import plain
from course_utils.staff.grading.records import UNGRADED, Record, Row
from course_utils.staff.grading.tables import number

WORDS = {
    "graded": "not right yet",
    "missing": "not answered",
    "error": "raised an error",
    "timeout": "took too long",
    "memory": "needed too much memory",
    "invalid": "file not usable",
    UNGRADED: "not graded yet",
}


# What helps where there is nothing to judge, by what the message says; hints are about wrong values.
ADVICE = {
    "did not end within the time limit": "Look for a loop that cannot end, or for work that is done over and over. "
    "Interrupt the kernel while it runs: the error names the line.",
    "MemoryError": "Look for an array or a list that is far larger than the task needs.",
    "more memory than the limit": "Look for an array or a list that is far larger than the task needs.",
    "printed more than the limit": "Take the prints out of your loops.",
    "ended the Python process": "Take out what ends Python, such as `exit()`, restart the kernel and run all cells.",
    "the answer cell raised": "Restart the kernel and run all cells from the top: Python stops at the place and says "
    "why.",
}
NO_FILE = "Hand in the notebook of this exercise, an .ipynb file."
NOT_YET = (
    "The grader failed at a part of this notebook, and that is not your fault: the points that are missing here will "
    "come, and nothing is to be done by you."
)
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
    opened = {task: (marks or {}).get((record.student, task.id)) for task in exercise.open_tasks}
    rows = {row.task: row for row in record.rows}
    return filled(
        "report/feedback.html",
        record=record,
        exercise=exercise,
        name=name,
        earned=record.points,
        by_person=sum(mark.points for mark in opened.values() if mark),
        nothing=_nothing_to_judge(record),
        not_yet=NOT_YET if record.ungraded else "",
        judged=[_judged(task, rows[task.id]) for task in exercise.tasks if task.id in rows],
        opened=opened,
        sentence=sentence,
        **SHOWN,
    )


def _nothing_to_judge(record: Record) -> str:
    """One note where there is one reason for all tasks; "" otherwise."""
    reasons = {(row.status, row.message) for row in record.rows}
    status, message = reasons.pop() if len(reasons) == 1 else ("", "")
    if status == "invalid":
        return f"{sentence(message)} {UNUSABLE}"
    if status == "missing":
        return AS_HANDED_OUT if record.file else f"{sentence(message)} {NO_FILE}"
    return ""


def _judged(task: Task, row: Row) -> dict[str, object]:
    """What the page says of a task besides its row."""
    kind = "full" if row.points >= row.max_points else "part" if row.points else "none"
    return {
        "task": task,
        "row": row,
        "points": f"{'–' if row.status == UNGRADED else number(row.points)} of {number(row.max_points)}",
        "kind": kind,
        "word": {"full": "right", "part": "right in part"}.get(kind) or WORDS.get(row.status, ""),
        "call": row.call or (f"{load_probe(task.id).function}()" if row.returned else ""),
        "advice": next((text for said, text in ADVICE.items() if said in row.message), ""),
    }


def sentence(text: str) -> str:
    """A message as a sentence: a capital at its beginning, unless it begins with code, and a full stop."""
    text = plain(text)
    first = text.split(" ")[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


@lru_cache(maxsize=4096)
def ours(text: str, show: Callable[[str, Resolve], str] = markdown) -> Markup:
    """The course's own Markdown as HTML, without links; what cannot be shown stays as it is written.

    Never for what a student wrote: that has to be escaped.
    """
    try:
        return Markup(show(text, lambda link: None))
    except (ValueError, OSError):  # a formula that is none, a picture that is not there: no reason to have no report
        return escape(text)


def line(text: str) -> Markup:
    """The same for a line, without the paragraph around it."""
    return ours(text, inline)


SHOWN = {"ours": ours, "line": line, "plain": plain, "number": number}  # what the pages say things with
