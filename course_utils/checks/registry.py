"""Which tasks there are, as their probes say."""

from __future__ import annotations

from course_utils.checks.probing import TASK_ID, probes
from course_utils.project import PACKAGE

__all__ = ["is_judged", "lesson_of", "is_turn", "lessons", "tasks", "turns"]


def lessons() -> list[str]:
    """The numbers of the lessons that have checks, in the exercise or in the lecture: ["00", "01", ...]."""
    return sorted(path.parent.name[-2:] for path in PACKAGE.glob("lessons/lesson_*/probe.py"))


def lesson_of(task: str) -> str:
    """The lesson's number: that of "E01.2", and of "01.a", is "01". Raises ValueError for what is not a task id."""
    found = TASK_ID.fullmatch(task)
    if not found:
        raise ValueError(f"{task!r} is not a task id: ids look like E01.2")
    return found[1] or found[2]


def is_turn(task: str) -> bool:
    """Whether it is a question within a lecture ("01.a"), which is checked and gives no points."""
    return not task.startswith("E")


def tasks(lesson: str) -> list[str]:
    """The machine-graded tasks of a lesson, in the order of their numbers: tasks("01") is ["E01.1", ...]."""
    graded = (task for task in probes(lesson) if not is_turn(task))
    return sorted(graded, key=lambda task: int(task.partition(".")[2]))


def turns(lesson: str) -> list[str]:
    """The questions within the lecture of a lesson: turns("01") is ["01.a", ...]."""
    return sorted(filter(is_turn, probes(lesson)))


def is_judged(task: str) -> bool:
    """Whether this copy of the course can judge the task: what is handed out to students may come without judges."""
    return (PACKAGE / "staff" / "judging" / f"lesson_{lesson_of(task)}" / "judge.py").is_file()
