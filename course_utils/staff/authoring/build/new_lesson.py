"""Lays out a new lesson, or a new task in a lesson, to be written over."""

import json
import re
import tomllib
from pathlib import Path

from course_utils.notebooks import lines, named, source, to_bytes, write_whole
from course_utils.staff.authoring import exercises
from course_utils.staff.authoring.lints.tasks import ANSWER_ID
from course_utils.staff.authoring.notebook_files import KINDS, canonical, lessons, read
from course_utils.staff.authoring.render import rendering
from course_utils.staff.authoring.sections import cards, headings

NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*")
FILES = {  # template -> where it goes; the notebooks are made of cells
    "teaching.md": "teaching/{lesson}.md",
    "probe.py.txt": "course_utils/lessons/lesson_{number}/probe.py",
    "judge.py.txt": "course_utils/staff/judging/lesson_{number}/judge.py",
    "mutants.py.txt": "course_utils/staff/judging/lesson_{number}/mutants.py",
    "plots.py.txt": "course_utils/lessons/lesson_{number}/plots.py",
    "test_plots.py.txt": "tests/plots/test_lesson_{number}.py",
    "predictions.toml": "course_utils/lessons/lesson_{number}/predictions.toml",
}
NOTEBOOKS = {"lecture.txt": ("notebooks", 20), "solution.txt": ("solutions", 10)}  # template -> folder, minutes
CARDS = "course_utils/staff/authoring/cards.toml"
CELL = re.compile(r"^%% (markdown|code|answer|check) (\S+) ?(.*)\n", re.MULTILINE)


class OperatorError(Exception):
    """The command was called in a way that cannot work; its text says how to call it."""


def lay_out(root: Path, name: str, title: str | None = None) -> list[str]:
    """Writes the files of a new lesson and links the lesson before it to it; returns their names.

    OperatorError, before anything is written, where the name is no name or the number is taken.
    """
    if not (root / "notebooks").is_dir():
        raise OperatorError(f"no notebooks below {root}: start this command in the project's folder")
    if not NAME.fullmatch(name):
        raise OperatorError(f"{name!r} is not the name of a lesson: two digits and small letters, as in 13_calibration")
    number, known = name[:2], lessons(root, "notebooks")
    taken = [lesson for lesson in known + lessons(root, "solutions") if lesson.startswith(number)]
    if taken:
        free = f"{max(int(lesson[:2]) for lesson in known) + 1:02d}{name[2:]}"
        raise OperatorError(f"number {number} is taken by {taken[0]}; the next free one is {free}")
    values = {
        "lesson": name,
        "number": number,
        "title": title or name[3:].replace("_", " ").capitalize(),
        "card": next_card(root),
        "following": next((lesson for lesson in known if lesson > name), ""),
    }
    files = {
        target.format(**values): rendering.plainly_filled(f"lesson/{file}", **values) for file, target in FILES.items()
    }
    for home in ("course_utils/lessons", "course_utils/staff/judging"):
        files[f"{home}/lesson_{number}/__init__.py"] = ""
    made = {
        folder: notebook(rendering.plainly_filled(f"lesson/{template}", **values), folder, name, minutes)
        for template, (folder, minutes) in NOTEBOOKS.items()
    }
    made["exercises"] = exercises.exercise(made["solutions"])
    files |= {f"{folder}/{name}.ipynb": to_bytes(content).decode("utf-8") for folder, content in made.items()}
    present = [file for file in files if (root / file).exists()]
    if present:
        raise OperatorError(f"{present[0]} is there already: rename it or take another number")
    for file, text in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text.rstrip("\n") + "\n" if text else "", encoding="utf-8", newline="\n")
    with open(root / CARDS, "a", encoding="utf-8", newline="\n") as cards:
        cards.write(f"{values['card']} = {{ title = {json.dumps(values['title'], ensure_ascii=False)} }}\n")
    before = [lesson for lesson in known if lesson < name][-1:]
    return [*files, CARDS, *(file for lesson in before for file in link(root, lesson, name))]


def add_task(root: Path, name: str, function: str, points: int) -> str:
    """Puts the cells of a new task into the solution of a lesson; returns what to write into its checks."""
    found = named(name, lessons(root, "solutions"))
    if len(found) != 1:
        raise OperatorError(f"no solution {name!r}; there are: {', '.join(lessons(root, 'solutions'))}")
    if not function.isidentifier() or points < 1:
        raise OperatorError(f"{function!r} for {points} points: a task needs the name of a function, and points")
    content = canonical(read(root, "solutions", found[0]).content)
    ids = [cell["id"] for cell in content["cells"]]
    numbers = [int(match[2]) for match in map(ANSWER_ID.fullmatch, ids) if match]
    last = max((at for at, each in enumerate(ids) if each.startswith(f"e{found[0][:2]}-")), default=len(ids) - 2)
    section = next(heading.text for heading in headings(read(root, "notebooks", found[0])) if heading.level == 2)
    values = {
        "lesson": found[0],
        "number": found[0][:2],
        "task": max(numbers, default=0) + 1,
        "function": function,
        "points": points,
        "section": section,
        "anchor": section.replace(" ", "-"),
        "card": next((card for cell in content["cells"] for card in cards(cell)), "Q01"),
    }
    new = notebook(rendering.plainly_filled("lesson/task.txt", **values), "solutions", found[0], 0)["cells"]
    content["cells"][last + 1 : last + 1] = new
    write_whole(root / "solutions" / f"{found[0]}.ipynb", to_bytes(content))
    return rendering.plainly_filled("lesson/task_code.txt", **values)


def next_card(root: Path) -> str:
    """A card of one's own for the new lesson: the next free number among the adjacent ones, the last group."""
    groups = tomllib.loads((root / CARDS).read_text(encoding="utf-8"))
    if list(groups)[-1] != "adjacent":
        raise ValueError(f"{CARDS}: the group [adjacent] is not the last one; a new card is added at the end")
    return f"X{max(int(card[1:]) for card in groups['adjacent']) + 1:02d}"


def notebook(text: str, folder: str, lesson: str, minutes: int) -> dict:
    """A notebook from a template: each cell begins with a line `%% kind id tags`."""
    marks = list(CELL.finditer(text))
    cells = []
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        kind, name, rest = mark.groups()
        cells.append(
            cell(kind, name, rest.split(), text[mark.end() : after.start() if after else len(text)].strip("\n"))
        )
    course = {"lesson": lesson, "kind": KINDS[folder], "minutes": minutes, "device": "cpu", "built_from": ""}
    return canonical({"cells": cells, "metadata": {"course": course}, "nbformat": 4, "nbformat_minor": 5})


def cell(kind: str, name: str, rest: list[str], source: str) -> dict:
    """A cell. Answers and checks get nbgrader's metadata; what follows the id is tags, or the points of a check."""
    if kind == "markdown":
        return {"cell_type": kind, "id": name, "metadata": {"tags": rest}, "source": source}
    metadata: dict = {"tags": rest}
    if kind in ("answer", "check"):
        graded = {
            "grade": False,
            "grade_id": name,
            "locked": False,
            "schema_version": 3,
            "solution": True,
            "task": False,
        }
        if kind == "check":
            graded |= {"grade": True, "locked": True, "points": int(rest[0]), "solution": False}
        metadata = {"tags": [kind], "nbgrader": graded}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


def link(root: Path, lesson: str, new: str) -> list[str]:
    """The lecture and the exercise before the new lesson say that it comes next; returns the files that changed."""
    changed = []
    ways = {
        "notebooks": ("next", f"[lecture {new[:2]}]({new}.ipynb)"),
        "solutions": ("after", f"[{new[:2]}](../{new}.ipynb)"),
    }
    for folder, (name, way) in ways.items():
        if lesson not in lessons(root, folder):
            continue
        content = canonical(read(root, folder, lesson).content)
        texts = [cell for cell in content["cells"] if cell["cell_type"] == "markdown"]
        found = next((cell for cell in texts if cell["id"] == name), texts[-1])
        found["source"] = lines(f"{source(found)}\n\nThe next lecture: {way}.")
        write_whole(root / folder / f"{lesson}.ipynb", to_bytes(content))
        changed.append(f"{folder}/{lesson}.ipynb")
        if folder == "solutions":
            write_whole(root / "exercises" / f"{lesson}.ipynb", to_bytes(exercises.exercise(content)))
            changed.append(f"exercises/{lesson}.ipynb")
    return changed
