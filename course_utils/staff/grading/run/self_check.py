"""A student's own exercise, run in a fresh copy with the grader's own engine: `course check`."""

from __future__ import annotations

import json
import re
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils.project import work_folder
from course_utils.staff.grading.intake.manifest import by_metadata, by_name
from course_utils.staff.grading.intake.reading import Unusable, read_notebook
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import graft, place
from course_utils.staff.grading.place.pristine import Exercise
from course_utils.staff.grading.plain_text import message_line, plain
from course_utils.staff.grading.records import Row
from course_utils.staff.grading.sandbox.isolation import Limits, LimitsOnly, Supplies

SEED = 0  # that of the checks in the notebook: the same answer gets the same report here
WIDTH = 100


class Unreadable(ValueError):
    """The student's notebook cannot be checked; the text says why and what to do."""


@dataclass(frozen=True)
class OwnWork:
    """A student's notebook as it was saved. `shown`: the points that its own check cells show, by answer cell."""

    path: Path
    exercise: Exercise
    notebook: dict
    shown: dict[str, float]


# --- one exercise -----------------------------------------------------------------------------------------------------


def check_one(asked: str, root: Path) -> int:
    """Runs one exercise's answers and prints the result by task."""
    own = open_own(asked, root)
    saved = time.strftime("%H:%M on %d %B", time.localtime(own.path.stat().st_mtime))
    print(f"{own.exercise.title}\n{own.path}, saved at {saved}\n", flush=True)
    rows = graded_rows(own)
    print(table(own.exercise, rows))
    if all(row.status == "missing" for row in rows.values()):
        print("\nNothing is answered in the saved file. If you did answer: save the notebook (Ctrl+S) and check again.")
    return 0


def open_own(asked: str, root: Path) -> OwnWork:
    """The student's notebook for "01", "01_chain_rule" or a path. Raises Unreadable or NoExercise."""
    path = Path(asked)
    if path.suffix != ".ipynb":
        name = pristine.load(asked, root).name
        path = work_folder(root) / "exercises" / f"{name}.ipynb"
        if not path.exists():
            raise Unreadable(f"there is no {path}; `course lab` puts a fresh copy there")
    elif not path.exists():
        raise Unreadable(f"there is no file {path}")
    return read_own(path, root)


def read_own(path: Path, root: Path) -> OwnWork:
    """Raises Unreadable where the file is no notebook of an exercise."""
    try:
        data = path.read_bytes()
        notebook = read_notebook(data)
    except (OSError, Unusable) as reason:
        raise Unreadable(f"{path}: {reason}. Open it in JupyterLab and save it, or start from a fresh copy") from None
    known = pristine.names(root)
    name = by_metadata(notebook, known) or by_name(path.name, known)
    if name is None:
        raise Unreadable(f"{path} is none of the exercises ({', '.join(known)})")
    return OwnWork(path, pristine.load(name, root), notebook, shown_points(data))


def graded_rows(own: OwnWork) -> dict[str, Row]:
    """The results by task, from running the answers in a fresh copy of the exercise."""
    from course_utils.staff.grading.run.worker import Worker, WorkerFailed, run_folder

    with run_folder() as folder:
        room = Path(folder) / "own"
        room.mkdir()
        copy = room / "graded.ipynb"
        copy.write_text(json.dumps(graft(own.exercise.solution, own.notebook, own.exercise.stubs)), encoding="utf-8")
        worker = Worker(LimitsOnly.name, Supplies.make(Path(folder) / "supplies"), Limits())
        try:
            rows = worker.grade(copy, room, SEED)
        except WorkerFailed as reason:
            raise Unreadable(f"the check could not be run: {reason}; `course doctor` looks for the cause") from None
        finally:
            worker.close()
    return {row.task: row for row in rows}


def table(exercise: Exercise, rows: dict[str, Row]) -> str:
    """The result by task, aligned; messages and calls are indented under a right margin."""
    lines = []
    titles = max(len(task.title) for task in exercise.tasks)
    for task in exercise.tasks:
        row = rows.get(task.id) or Row(task.id, 0.0, task.max_points, "error", "not reached")
        lines.append(f"  {task.id:<7} {task.title:<{titles}}  {row.points:>4g} of {row.max_points:g}")
        lines += textwrap.wrap(plain(row.message), WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 10)
        lines += [f"{'':10}try: {row.call}"] if row.call else []
    earned, most = sum(row.points for row in rows.values()), sum(task.max_points for task in exercise.tasks)
    lines.append(f"\n  {'total':<7} {'':<{titles}}  {earned:>4g} of {most:g}")
    if exercise.manual_points:
        lines.append(f"  {'':<7} and up to {exercise.manual_points:g} for what a person marks")
    return "\n".join(lines)


# --- all exercises ----------------------------------------------------------------------------------------------------


def overview(root: Path) -> int:
    """Prints what is done and what is next, from the saved files alone."""
    folder = work_folder(root) / "exercises"
    names = pristine.names(root)
    if not any((folder / f"{name}.ipynb").exists() for name in names):
        raise Unreadable(f"there is no exercise in {folder} yet; `course lab` puts them there")
    following = ""
    print(f"{'':<{max(map(len, names))}}   answered   points shown by your checks")
    for name in names:
        line, next_task = progress(folder / f"{name}.ipynb", name, root)
        print(f"{name:<{max(map(len, names))}}   {line}")
        following = following or next_task
    print(f"\nnext: {following}" if following else "\nEverything is answered, and every check shows full points.")
    print("`course check 01` runs an exercise from top to bottom and says what is wrong.")
    return 0


def progress(path: Path, name: str, root: Path) -> tuple[str, str]:
    """A line on one exercise, and its first task that is not done ("" if all are)."""
    exercise = pristine.load(name, root)
    if not path.exists():
        return "not begun", f"{exercise.tasks[0].id} {exercise.tasks[0].title}"
    try:
        own = read_own(path, root)
    except Unreadable as reason:
        return message_line(str(reason).partition(": ")[2]), f"repair {path.name}"
    missing = place(exercise.solution, own.notebook, exercise.stubs).missing
    done = [task for task in exercise.tasks if task.cell not in missing]
    points = sum(min(own.shown.get(task.cell, 0.0), task.max_points) for task in done)
    unfinished = [t for t in exercise.tasks if t not in done or own.shown.get(t.cell, 0.0) < t.max_points]
    line = f"{f'{len(done)} of {len(exercise.tasks)}':<8}   {points:g} of {sum(t.max_points for t in exercise.tasks):g}"
    return line, f"{unfinished[0].id} {unfinished[0].title}" if unfinished else ""


def shown_points(data: bytes) -> dict[str, float]:
    """The values that check cells show in a saved notebook: the student's own outputs, good for an overview only."""
    points = {}
    for cell in json.loads(data.decode("utf-8-sig")).get("cells", []):
        answer = str(cell.get("id", "")).removesuffix("-check") if isinstance(cell, dict) else ""
        for output in cell.get("outputs", []) if answer.startswith("e") else []:
            value = output.get("data", {}).get("text/plain", "") if isinstance(output, dict) else ""
            value = value if isinstance(value, str) else "".join(map(str, value))
            if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
                points[answer] = float(value)
    return points
