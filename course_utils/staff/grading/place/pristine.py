"""What a graded exercise is: its solved notebook, its stubs, its tasks, and where the lecture treats each."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from course_utils import project
from course_utils.checks.registry import lessons
from course_utils.notebooks import DETAILS, is_answer, named, source, task_of, text_bytes
from course_utils.staff.authoring.exercises import exercise_cell
from course_utils.staff.judging.registry import max_points

REREAD = re.compile(r"^Reread: \[([^\]]+)\]", re.M)
HEADING = re.compile(r"^#+\s*(.+)$", re.M)


class NoExercise(LookupError):
    """There is no such exercise here; the text says which there are."""


@dataclass(frozen=True)
class Task:
    """A machine-graded task of an exercise. `cell` is the id of its answer cell, `reread` a section of the lecture."""

    id: str
    cell: str
    title: str
    max_points: float
    hints: tuple[tuple[str, str], ...]
    reread: str


@dataclass(frozen=True)
class OpenTask:
    """A task that a person marks. `cell` is the id of its answer cell."""

    id: str
    cell: str
    title: str
    max_points: float


@dataclass(frozen=True)
class Exercise:
    """An exercise, read from its solved notebook."""

    name: str
    solution: dict
    fingerprint: str
    root: Path

    @cached_property
    def title(self) -> str:
        found = (HEADING.search(source(cell)) for cell in self.solution["cells"] if cell["cell_type"] == "markdown")
        return next((match[1] for match in found if match), self.name)

    @property
    def version(self) -> str:
        return str(self.solution["metadata"].get("course", {}).get("version", ""))

    @cached_property
    def stubs(self) -> dict[str, str]:
        """From the id of each answer cell to the source that a student finds there."""
        return {cell["id"]: source(exercise_cell(cell)) for cell in self.solution["cells"] if is_answer(cell)}

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """In the order of the notebook."""
        return tuple(_task(answer, self._header(answer)) for answer in self.stubs)

    @cached_property
    def open_tasks(self) -> tuple[OpenTask, ...]:
        """The tasks that a person marks, in the order of the notebook."""
        marked = [(cell["id"], cell["metadata"].get("nbgrader", {})) for cell in self.solution["cells"]]
        return tuple(
            OpenTask(task_of(cell), cell, _title(task_of(cell), self._header(cell)), float(mark.get("points", 0)))
            for cell, mark in marked
            if mark.get("grade") and mark.get("solution")
        )

    @property
    def points(self) -> float:
        """The points that the machine can give."""
        return float(sum(task.max_points for task in self.tasks))

    @property
    def manual_points(self) -> float:
        """The points of the open tasks."""
        return float(sum(task.max_points for task in self.open_tasks))

    def _header(self, answer: str) -> dict:
        """The cell that poses the task of an answer cell."""
        return next((cell for cell in self.solution["cells"] if cell["id"] == f"{answer}-task"), {})

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """The modules that the notebook's given cells and its checks import, in their order."""
        given = [source(cell) for cell in self.solution["cells"] if cell["cell_type"] == "code" and not is_answer(cell)]
        found = [name for text in given for name in imported(text)]
        lesson = self.name.partition("_")[0]
        return tuple(
            dict.fromkeys([*found, "course_utils.checks.probing", f"course_utils.lessons.lesson_{lesson}.probe"])
        )


def _task(answer: str, header: dict) -> Task:
    task = task_of(answer)
    found = DETAILS.findall(source(header))
    hints = tuple((summary.removeprefix("Help:").strip(), body.strip()) for summary, body in found)
    section = REREAD.search(source(header))
    return Task(task, answer, _title(task, header), max_points(task), hints, section[1] if section else "")


def _title(task: str, header: dict) -> str:
    heading = HEADING.search(source(header))
    return heading[1].removeprefix(task).strip() if heading else task


def imported(source: str) -> list[str]:
    """The modules that a cell imports at its top level; none of a cell that is not plain Python."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return []
    plain = [name.name for one in statements if isinstance(one, ast.Import) for name in one.names]
    return plain + [one.module for one in statements if isinstance(one, ast.ImportFrom) and one.module]


def names(root: Path | None = None) -> list[str]:
    """The exercises of the course that have checks, in its order."""
    root, checked = root or project.course_folder(), set(lessons())
    return sorted(path.stem for path in (root / "solutions").glob("*.ipynb") if path.stem.split("_")[0] in checked)


def load(name: str, root: Path | None = None) -> Exercise:
    """The exercise of that name ("01_chain_rule", or "01" or "1" for short). Raises NoExercise."""
    root = root or project.course_folder()
    known = names(root)
    matching = named(name, known)
    if len(matching) != 1:
        listed = f"there are: {', '.join(known)}" if known else f"there is no solved notebook in {root / 'solutions'}"
        raise NoExercise(f"no exercise {name!r}; {listed}")
    data = text_bytes(root / "solutions" / f"{matching[0]}.ipynb")
    return Exercise(matching[0], json.loads(data), hashlib.sha256(data).hexdigest(), root)
