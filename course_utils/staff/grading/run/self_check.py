"""A student's own exercise, run in a fresh copy with the grader's own engine: `course check`."""

from __future__ import annotations

import contextlib
import json
import re
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils.answers import grade_id, same_code
from course_utils.notebooks import parsed, source
from course_utils.project import work_folder
from course_utils.staff.authoring.exercises import exercise_cell
from course_utils.staff.grading.intake.manifest import EXERCISE, by_metadata, by_name, kind_of
from course_utils.staff.grading.intake.reading import Unusable, read_notebook
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import graft, place
from course_utils.staff.grading.place.pristine import Exercise, OpenTask
from course_utils.staff.grading.plain_text import message_line, plain
from course_utils.staff.grading.records import Row
from course_utils.staff.grading.sandbox.isolation import Limits, LimitsOnly, Supplies

SEED = 0  # that of the checks in the notebook: the same answer gets the same report here
WIDTH = 100
KEPT = re.compile(r"-old(-\d+)?$")  # what `course lab --take` leaves of a notebook as it was


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
    if own.exercise.open_tasks:
        print(open_questions(own))
    if all(row.status == "missing" for row in rows.values()):
        print("\nNothing is answered in the saved file. If you did answer: save the notebook (Ctrl+S) and check again.")
    return 0


def open_own(asked: str, root: Path) -> OwnWork:
    """The student's notebook for "01", "01_chain_rule" or a path. Raises Unreadable or NoExercise."""
    path = Path(asked)
    if path.suffix != ".ipynb":
        name = pristine.load(asked, root).name
        path = find_own(name, root)
        if not path.exists():
            raise Unreadable(f"there is no {path}; `course lab` puts a fresh copy there")
    elif not path.exists():
        raise Unreadable(f"there is no file {path}")
    return read_own(path, root)


def find_own(name: str, root: Path) -> Path:
    """The student's notebook of an exercise: under its own name, else the newest that says it is this exercise."""
    folder = work_folder(root) / "exercises"
    usual = folder / f"{name}.ipynb"
    if usual.exists():
        return usual
    renamed = []
    for path in [*folder.glob("*.ipynb"), *folder.parent.glob("*.ipynb")]:
        with contextlib.suppress(OSError, Unusable):
            notebook = read_notebook(path.read_bytes())
            if by_metadata(notebook, [name]) and kind_of(notebook) == EXERCISE and not KEPT.search(path.stem):
                renamed.append(path)
    return max(renamed, key=lambda path: path.stat().st_mtime, default=usual)


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


def open_questions(own: OwnWork) -> str:
    """What is said of the questions that a person marks: what is looked for, once there is something to look at."""
    lines = []
    for task in own.exercise.open_tasks:
        here = written(own, task)
        lines.append(f"\n  {'open':<7} {task.id} {task.title}: {'written' if here else 'not written yet'}")
        found = rubric(task, own.exercise) if here else []
        lines += ["          A person gives the points. What they look for:"] if found else []
        for points, what in found:
            text = f"{points:>2}  {plain(what)}"
            lines += textwrap.wrap(text, WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 14)
    return "\n".join(lines)


def written(own: OwnWork, task: OpenTask) -> bool:
    """Whether there is something in the cell of an open question that was not handed out there."""
    given = next(source(exercise_cell(cell)) for cell in own.exercise.solution["cells"] if cell["id"] == task.cell)
    cells = [cell for cell in own.notebook["cells"] if task.cell in (grade_id(cell), cell.get("id"))]
    return any(not same_code(source(cell), given) for cell in cells)


def rubric(task: OpenTask, exercise: Exercise) -> list[tuple[str, str]]:
    """(points, what for) of an open question, from the notes for teachers; none where they are not here."""
    page = exercise.root / "teaching" / f"{exercise.name}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    found = re.search(rf"^#+ (?=.*{re.escape(task.id)}\b)(?=.*[Rr]ubric).*\n((?:\s*\n|\|.*\n)*)", text, re.M)
    return re.findall(r"^\| *(\d+) *\| *(.+?) *\|$", found[1], re.M) if found else []


# --- all exercises ----------------------------------------------------------------------------------------------------


def overview(root: Path) -> int:
    """Prints what is done and what is next, from the saved files alone."""
    folder = work_folder(root) / "exercises"
    names = pristine.names(root)
    paths = {name: find_own(name, root) for name in names}
    if not any(path.exists() for path in paths.values()):
        raise Unreadable(f"there is no exercise in {folder} yet; `course lab` puts them there")
    following = ""
    print(f"{'':<{max(map(len, names))}}   answered   points shown by your checks")
    for name in names:
        line, next_task = progress(paths[name], name, root)
        print(f"{name:<{max(map(len, names))}}   {line}")
        following = following or next_task
    print(f"\nnext: {following}" if following else "\nEverything is answered, and every check shows full points.")
    print("`course check 01` runs an exercise from top to bottom and says what is wrong.")
    return 0


def progress(path: Path, name: str, root: Path) -> tuple[str, str]:
    """A line on one exercise, and its first task that is not done ("" if all are), after the lecture if that waits."""
    exercise = pristine.load(name, root)
    first = f"{lecture_first(name, root)}{exercise.tasks[0].id} {exercise.tasks[0].title}"
    if not path.exists():
        return "not begun", first
    try:
        own = read_own(path, root)
    except Unreadable as reason:
        return message_line(str(reason).partition(": ")[2]), f"repair {path.name}"
    missing = place(exercise.solution, own.notebook, exercise.stubs).missing
    done = [task for task in exercise.tasks if task.cell not in missing]
    points = sum(min(own.shown.get(task.cell, 0.0), task.max_points) for task in done)
    waiting = [task for task in exercise.open_tasks if not written(own, task)]
    line = f"{f'{len(done)} of {len(exercise.tasks)}':<8}   {points:g} of {sum(t.max_points for t in exercise.tasks):g}"
    line += f"   {', '.join(task.id for task in waiting)} open, for a person to mark" if done and waiting else ""
    if not done and len(waiting) == len(exercise.open_tasks):
        return line, first
    unfinished = [t for t in exercise.tasks if t not in done or own.shown.get(t.cell, 0.0) < t.max_points]
    titles = [f"{task.id} {task.title}" for task in unfinished]
    titles += [f"{task.id} {task.title} (an open question)" for task in waiting]
    return line, titles[0] if titles else ""


def lecture_first(name: str, root: Path) -> str:
    """ "lecture 02 (02_beginnings_and_ends), then " while the student's copy of the lecture has not been run."""
    path = work_folder(root) / f"{name}.ipynb"
    try:
        cells = parsed(path.read_bytes())["cells"]
    except (OSError, ValueError):
        return ""
    was_run = any(cell.get("execution_count") or cell.get("outputs") for cell in cells)
    return "" if was_run else f"lecture {name[:2]} ({name}), then "


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
