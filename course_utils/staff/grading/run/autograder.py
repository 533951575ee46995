"""Gradescope's autograder: a zip file that grades on Gradescope, and what it does there with one submission.

Gradescope unpacks the zip file to `/autograder/source`, runs `setup.sh` once, and for each submission `run_autograder`,
which finds the files in `/autograder/submission` and leaves `/autograder/results/results.json`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from course_utils import project
from course_utils.notebooks import write_whole
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.report import exports
from course_utils.staff.grading.run.run import Order, grade
from course_utils.staff.grading.sandbox.isolation import Limits, LimitsOnly, find_sandbox, prove_hidden

ROOT = "AUTOGRADER_ROOT"  # the environment variable that names another folder than /autograder
SETTINGS = "autograder.json"
STUDENT = "submission"
WHOLE = ("course.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "MANIFEST.in")
UNSEEN = ("__pycache__", ".ipynb_checkpoints")

SETUP = """#!/usr/bin/env bash
# Choose an image with Python 3.11 or newer, such as Ubuntu 24.04.
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends bubblewrap python3 python3-venv
cd "${AUTOGRADER_ROOT:-/autograder}/source/course"
python3 course.py grade --help > /dev/null   # makes the environment in .venv
"""
RUN = """#!/usr/bin/env bash
export AUTOGRADER_ROOT="${AUTOGRADER_ROOT:-/autograder}"
cd "$AUTOGRADER_ROOT/source/course"
export PYTHONPATH="$PWD"
exec "${AUTOGRADER_PYTHON:-.venv/bin/python}" -m course_utils.staff.grading.run.autograder
"""
FAILED = "The autograder itself failed, and that is not your fault. Your instructor can run it again."


def pack(out: Path, exercises: tuple[str, ...], isolation: str, limits: Limits, root: Path | None = None) -> list[str]:
    """Writes the zip file; returns the exercises. Raises NoExercise, or ValueError where none is named."""
    root = root or project.course_folder()
    names = [pristine.load(name, root).name for name in exercises]
    if not names:
        raise ValueError("an autograder is for the exercises of one assignment: name them with --exercise")
    settings = {"exercises": names, "isolation": isolation, "cpu_seconds": limits.cpu_seconds, "memory": limits.memory}
    files = [root / name for name in WHOLE]
    files += [root / folder / f"{name}.ipynb" for name in names for folder in ("solutions", "notebooks")]
    files += sorted(path for path in (root / "course_utils").rglob("*") if not set(UNSEEN) & set(path.parts))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", SETUP), ("run_autograder", RUN), (SETTINGS, json.dumps(settings))):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            archive.writestr(info, text)
        for path in files:
            if path.is_file():
                archive.write(path, f"course/{path.relative_to(root).as_posix()}")
    return names


def main() -> int:
    """Grades what lies in the submission's folder. 1 where the grader failed: then there are no points, and no zero."""
    root = Path(os.environ.get(ROOT, "/autograder"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            content = _results(root, Path(folder))
        except Exception as error:  # noqa: BLE001 - a student is to be told that it was not them, whatever it was
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            content = {"output": FAILED}
    (root / "results").mkdir(exist_ok=True)
    write_whole(root / "results" / "results.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return 0 if "score" in content else 1


def _results(root: Path, folder: Path) -> dict:
    settings = json.loads((root / "source" / SETTINGS).read_text(encoding="utf-8"))
    shutil.copytree(root / STUDENT, folder / "in" / STUDENT, symlinks=True)
    (folder / "kernels").mkdir()
    limits = replace(Limits(), cpu_seconds=settings["cpu_seconds"], memory=settings["memory"])
    if settings["isolation"] != LimitsOnly.name:
        find_sandbox(folder / "kernels")
        prove_hidden(folder / "kernels", {"the submission": root / STUDENT, "the autograder": root / "source"})
    order = Order(
        folder / "in", folder / "report", tuple(settings["exercises"]),
        isolation=settings["isolation"], limits=limits, force=True,
    )  # fmt: skip
    graded = grade(order, folder / "kernels").graded
    if any(record.ungraded for record in graded.records):
        return {"output": FAILED}
    return exports.results(sorted(graded.records, key=lambda record: record.exercise), graded)


if __name__ == "__main__":
    sys.exit(main())
