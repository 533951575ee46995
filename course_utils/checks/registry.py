"""Which tasks there are, as their probes say."""

from __future__ import annotations

import re

from course_utils.checks.probing import probes
from course_utils.project import PACKAGE

__all__ = ["is_judged", "lesson_of", "lessons", "tasks"]


def lessons() -> list[str]:
    """The numbers of the lessons that have checks: ["01", ...]."""
    return sorted(path.parent.name[-2:] for path in PACKAGE.glob("lessons/lesson_*/probe.py"))


def lesson_of(task: str) -> str:
    """The lesson's number: lesson_of("E01.2") is "01". Raises ValueError for what is not a task id."""
    found = re.fullmatch(r"E(\d\d)\.\d+", task)
    if not found:
        raise ValueError(f"{task!r} is not a task id: ids look like E01.2")
    return found[1]


def tasks(lesson: str) -> list[str]:
    """The machine-graded tasks of a lesson, in the order of their numbers: tasks("01") is ["E01.1", ...]."""
    return sorted(probes(lesson), key=lambda task: int(task.partition(".")[2]))


def is_judged(task: str) -> bool:
    """Whether this copy of the course can judge the task: what is handed out to students may come without judges."""
    return (PACKAGE / "staff" / "judging" / f"lesson_{lesson_of(task)}" / "judge.py").is_file()
