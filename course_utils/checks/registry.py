"""Which tasks there are, and where their three files live."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

from course_utils.checks.probing import load_probe

__all__ = ["is_judged", "lesson_of", "lessons", "load_judge", "load_mutants", "load_probe", "max_points", "tasks"]


def lessons() -> list[str]:
    """The numbers of the lessons that have checks: ["01", ...]."""
    return sorted(path.parent.name[-2:] for path in Path(__file__).parent.glob("lesson_*/probe.py"))


def lesson_of(task: str) -> str:
    """The lesson's number: lesson_of("E01.2") is "01". Raises ValueError for what is not a task id."""
    found = re.fullmatch(r"E(\d\d)\.\d+", task)
    if not found:
        raise ValueError(f"{task!r} is not a task id: ids look like E01.2")
    return found[1]


def tasks(lesson: str) -> list[str]:
    """The machine-graded tasks of a lesson, in the order of their numbers: tasks("01") is ["E01.1", ...]."""
    return sorted(_module(lesson, "probe").PROBES, key=lambda task: int(task.partition(".")[2]))


def is_judged(task: str) -> bool:
    """Whether this copy of the course can judge the task: what is handed out to students may come without judges."""
    return (Path(__file__).with_name(f"lesson_{lesson_of(task)}") / "judge.py").is_file()


def max_points(task: str) -> float:
    """The points of a machine-graded task."""
    return float(load_judge(task).points)


def load_judge(task: str):  # -> Judge; not named here: a kernel that lists tasks must not import the judging
    """The judge of a task. Raises ValueError for an id that does not exist."""
    try:
        return _module(lesson_of(task), "judge").JUDGES[task]
    except (KeyError, ModuleNotFoundError):
        raise ValueError(f"there is no task {task!r}") from None


def load_mutants(lesson: str) -> ModuleType:
    """The module with the wrong answers (`MUTANTS`) of a lesson."""
    return _module(lesson, "mutants")


def _module(lesson: str, part: str) -> ModuleType:
    return importlib.import_module(f"course_utils.checks.lesson_{lesson}.{part}")
