"""The judges and the known mistakes of each task."""

from __future__ import annotations

import importlib
from types import ModuleType

from course_utils.checks.registry import lesson_of, lessons, tasks

__all__ = ["load_judge", "load_mutants", "max_points", "total_points"]


def max_points(task: str) -> float:
    """The points of a machine-graded task."""
    return float(load_judge(task).points)


def total_points(lesson: str) -> float:
    """What the machine can give for a lesson ("01"); 0 where it has no checks."""
    return sum(map(max_points, tasks(lesson))) if lesson in lessons() else 0.0


def load_judge(task: str):  # -> Judge, which `judging` defines and which needs the mutants, and so this module
    """The judge of a task. Raises ValueError for an id that does not exist."""
    try:
        return _module(lesson_of(task), "judge").JUDGES[task]
    except (KeyError, ModuleNotFoundError):
        raise ValueError(f"there is no task {task!r}") from None


def load_mutants(lesson: str) -> ModuleType:
    """The module with the wrong answers (`MUTANTS`) of a lesson."""
    return _module(lesson, "mutants")


def _module(lesson: str, part: str) -> ModuleType:
    return importlib.import_module(f"course_utils.staff.judging.lesson_{lesson}.{part}")
