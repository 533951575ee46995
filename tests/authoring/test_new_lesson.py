"""A new lesson: names that cannot be are refused, and what is laid out passes the build and its own checks."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.cli import new_lesson as new_lesson_command
from course_utils.notebooks import source
from course_utils.staff.authoring.lints import tasks
from course_utils.staff.authoring.notebook_files import lessons, read
from tests.clone import copy_of_the_course

ROOT = Path(__file__).resolve().parents[2]
CARDS = '[adjacent]\nX16 = { title = "The last one" }\n'


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    new_lesson_command.add_arguments(parser)
    return new_lesson_command.run(parser.parse_args(list(arguments)))


@pytest.fixture
def course(project: Path) -> Path:
    """The tiny project, lesson 90, with a list of cards."""
    (project / "course_utils" / "staff" / "authoring").mkdir(parents=True)
    (project / "course_utils" / "staff" / "authoring" / "cards.toml").write_text(CARDS, encoding="utf-8")
    return project


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("90_again", "number 90 is taken by 90_tiny; the next free one is 91_again"),
        ("9_x", "'9_x' is not the name of a lesson: two digits and small letters, as in 13_calibration"),
        ("91", "'91' is not the name of a lesson"),
        ("91_Upper", "'91_Upper' is not the name of a lesson"),
        ("91_a b", "'91_a b' is not the name of a lesson"),
        ("../91_x", "'../91_x' is not the name of a lesson"),
        ("91_x_", "'91_x_' is not the name of a lesson"),
    ],
)
def test_names_that_cannot_be_are_refused_in_one_line(course, name, message, capsys):
    before = files(course)
    assert run(name, "--root", str(course)) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
    assert files(course) == before


def test_nothing_is_overwritten(course, capsys):
    mine = course / "teaching" / "91_more.md"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    before = files(course)
    assert run("91_more", "--root", str(course)) == 2
    assert "teaching/91_more.md is there already" in capsys.readouterr().err
    assert files(course) == before


def test_the_lesson_before_says_that_it_comes_next(course):
    assert run("91_more", "--root", str(course), "--title", 'Quoted "more"') == 0
    for folder, way in (("notebooks", "[lecture 91](91_more.ipynb)"), ("solutions", "[91](../91_more.ipynb)")):
        before = read(course, folder, "90_tiny")
        assert source(before.markdown_cells[-1]).endswith(f"\n\nThe next lecture: {way}.")
    lecture = json.loads((course / "notebooks" / "91_more.ipynb").read_text(encoding="utf-8"))
    assert source(lecture["cells"][0]).startswith('# 91 · Quoted "more"')
    assert lessons(course, "exercises") == ["90_tiny", "91_more"]
    cards = (course / "course_utils" / "staff" / "authoring" / "cards.toml").read_text(encoding="utf-8")
    assert cards == CARDS + 'X17 = { title = "Quoted \\"more\\"" }\n'


def test_a_task_is_added_after_the_last_one(course, capsys):
    run("91_more", "--root", str(course))
    capsys.readouterr()
    assert run("91", "--task", "half", "--points", "1", "--root", str(course)) == 0
    assert 'Probe("E91.2", "half", half_cases)' in capsys.readouterr().out
    solution = read(course, "solutions", "91_more")
    ids = [cell["id"] for cell in solution.cells]
    assert ids[-7:] == ["e91-1-task", "e91-1", "e91-1-check", "e91-2-task", "e91-2", "e91-2-check", "after"]
    faults = [*tasks.task_headers(solution), *tasks.answer_cells(solution), *tasks.check_cells(solution)]
    assert [str(fault) for fault in faults] == []
    assert solution.cells[-2]["metadata"]["nbgrader"]["points"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["92", "--task", "half"], "no solution '92'; there are: 90_tiny"),
        (["9", "--task", "half"], "no solution '9'; there are: 90_tiny"),
        (["90", "--task", "2 halves"], "'2 halves' for 2 points: a task needs the name of a function"),
        (["90", "--task", "half", "--points", "0"], "'half' for 0 points"),
    ],
)
def test_tasks_that_cannot_be_are_refused_in_one_line(course, arguments, message, capsys):
    before = files(course)
    assert run(*arguments, "--root", str(course)) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
    assert files(course) == before


@pytest.mark.slow
def test_a_new_lesson_passes_the_build_and_its_checks(tmp_path):
    """On a copy of the course, with the copy's package: build, build --check, the checks of the task, its figure."""
    copy = copy_of_the_course(tmp_path / "course")
    environment = os.environ | {"PYTHONPATH": str(copy)}

    def course(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    course("course_utils.cli", "new-lesson", "77_log_odds")
    course("course_utils.cli", "build", "77")
    course("course_utils.cli", "build", "--check")
    checks = ["tests/checks/test_checks.py", "tests/checks/test_kill_matrix.py", "tests/plots/test_lesson_77.py"]
    told = course("pytest", "-q", "-p", "no:cacheprovider", "-k", "E77 or lesson_77", *checks)
    assert "passed" in told and "failed" not in told
