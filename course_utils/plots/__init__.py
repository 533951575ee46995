"""The figures of the lectures: a module for each lesson, a function for each figure, and one style for all.

`from course_utils.plots import lesson_01` or `from course_utils.plots.lesson_01 import probability_tree`. A function
takes data and returns a matplotlib Figure; `course_utils.lesson.figure` shows it. Nothing is loaded before it is used.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Load `style` and `lesson_NN` on first use: `plots.lesson_01` needs no import of its own."""
    if name == "style" or name.startswith("lesson_"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
