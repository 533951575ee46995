"""ruff over code and notebooks."""

import json
import re
import subprocess
import sys
from pathlib import Path

from course_utils.staff.authoring.notebook_files import read
from course_utils.staff.authoring.problems import Problem

DIFF = re.compile(r"^--- (?P<file>.+?)(?::cell (?P<cell>\d+))?\n\+\+\+ .*\n@@", re.MULTILINE)


class RuffError(Exception):
    """ruff could not be run."""


def code_style(root: Path, paths: list[str]) -> list[Problem]:
    """What `ruff check` finds and `ruff format` would change in these files and folders of the project."""
    problems = []
    for found in json.loads(ruff(root, "check", "--output-format=json", "--force-exclude", *paths) or "[]"):
        file = Path(found["filename"]).relative_to(root.resolve()).as_posix()
        text = f"{found['code'] or 'syntax'}, line {found['location']['row']}: {found['message']}"
        problems.append(problem(root, file, found["cell"], text, "change it"))
    for found in DIFF.finditer(ruff(root, "format", "--diff", "--force-exclude", *paths)):
        file = found["file"].replace("\\", "/")
        problems.append(problem(root, file, found["cell"], "not in ruff's format", f"`ruff format {file}`"))
    return problems


def ruff(root: Path, *arguments: str) -> str:
    """What ruff prints; its exit status only repeats it. RuffError where it did not work."""
    command = [sys.executable, "-m", "ruff", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False)
    if "No module named ruff" in done.stderr:
        raise RuffError('ruff is not installed: pip install -e ".[test]" -c constraints.txt')
    if done.returncode > 1 and "error: Failed to " not in done.stderr:  # those files are others' problems already
        raise RuffError(f"ruff {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def problem(root: Path, file: str, cell: int | str | None, text: str, remedy: str) -> Problem:
    """ruff counts cells from 1: say the cell's id. A notebook has to be built afterwards."""
    if not file.endswith(".ipynb"):
        return Problem(file, "", text, remedy)
    folder, _, name = file.rpartition("/")
    lesson = name.removesuffix(".ipynb")
    name = "" if cell is None else read(root, folder, lesson).cells[int(cell) - 1].get("id", f"number {cell}")
    source = file.replace("exercises/", "solutions/")
    remedy = remedy.replace(file, source)
    return Problem(file, name, text, f"{remedy}, then `course build {lesson}`")
