"""One batch of submissions, graded once a session by the command that instructors use; the tests look at its report."""

from __future__ import annotations

import csv
import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from course_utils.staff.grading.sandbox.isolation import Unavailable, find_sandbox
from tests.grading import batch
from tests.grading.notebooks import NAME

SEED = 20_26


@dataclass(frozen=True)
class Report:
    """What a run left behind."""

    folder: Path
    status: int
    said: str

    @functools.cached_property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "results.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def of(self, student: str) -> dict[str, dict[str, str]]:
        """A student's rows by task."""
        return {row["task"]: row for row in self.rows if row["student"] == student}

    def points(self, student: str) -> dict[str, float]:
        return {task: float(row["points"]) for task, row in self.of(student).items()}

    def statuses(self, student: str) -> dict[str, str]:
        return {task: row["status"] for task, row in self.of(student).items()}


@pytest.fixture(scope="session")
def isolation(tmp_path_factory) -> list[str]:
    """The options of `course grade` for the isolation that this machine can give."""
    try:
        find_sandbox(tmp_path_factory.mktemp("trial"))
    except Unavailable:
        return ["--unsafe-no-sandbox"]
    return []


@pytest.fixture(scope="session")
def course_grade(isolation):
    """Runs `course grade` with these arguments; the report."""

    def run(source: Path, out: Path, *options: object) -> Report:
        command = [sys.executable, "-m", "course_utils.cli", "grade", source, "--out", out, *isolation, *options]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, encoding="utf-8", timeout=900, check=False
        )
        return Report(out, done.returncode, done.stdout + done.stderr)

    return run


@pytest.fixture(scope="session")
def submissions(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("batch") / "submissions"
    for student, data in batch.FILES.items():
        path = folder / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    (folder / "nobody").mkdir()
    return folder


@pytest.fixture(scope="session")
def graded(course_grade, submissions) -> Report:
    return course_grade(submissions, submissions.parent / "report", "--seed", SEED, "--cpu-seconds", 2)
