"""What the sandbox shows, wherever the course, the submissions and the report lie; and the proof of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.cli import grade as grade_command
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox import isolation
from course_utils.staff.grading.sandbox.isolation import Limits, Supplies, Unavailable, Workspace, needed, prove_hidden

pytestmark = pytest.mark.sandbox
SECRET = "course_utils/staff/judging/lesson_01/judge.py"


@pytest.fixture(scope="module")
def folder():
    with run_folder() as name:
        yield Path(name)


@pytest.fixture
def prefix(tmp_path) -> Path:
    """A folder as Python's own is."""
    for name in ("bin", "lib"):
        (tmp_path / "venv" / name).mkdir(parents=True)
        (tmp_path / "venv" / name / "needed").write_text("x")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    return tmp_path / "venv"


def clone(folder: Path) -> Path:
    """A clone of the course, or what of it matters here."""
    for name in (SECRET, "solutions/01.ipynb", "notebooks/01.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    return folder


def seen(sandbox, folder: Path, top: Path) -> set[str]:
    """The files below `top` that are seen from within the sandbox."""
    workspace = Workspace.make(folder)
    words = sandbox.inside(Supplies(workspace.work, workspace.home), Limits(), [workspace.meeting])
    done = subprocess.run([*words, "find", top, "-type", "f"], capture_output=True, text=True, check=False)
    return {Path(line).relative_to(top).as_posix() for line in done.stdout.splitlines()}


@pytest.mark.parametrize("place", ["src/course", "share/course", "submissions", "lib/course", "."])
def test_a_clone_within_pythons_own_folder_is_not_seen(sandbox, folder, prefix, monkeypatch, place):
    course = clone(prefix / place)
    monkeypatch.setattr(isolation.sys, "prefix", str(prefix))
    monkeypatch.setattr(isolation.project, "find_course", lambda: course)
    assert seen(sandbox, folder, prefix) == {"bin/needed", "lib/needed", "pyvenv.cfg"}


def test_python_within_a_clone_is_seen_and_the_clone_is_not(sandbox, folder, prefix, monkeypatch):
    """Even where the clone lies in a folder that is shown: `/usr/lib/course/.venv`."""
    course = clone(prefix / "lib" / "course")
    inner = course / ".venv"
    (inner / "bin").mkdir(parents=True)
    (inner / "bin" / "python").write_text("x")
    shown = [prefix / "lib", inner / "bin"]
    monkeypatch.setattr(isolation, "needed", lambda: [*needed(), *shown])
    monkeypatch.setattr(isolation.project, "find_course", lambda: course)
    assert seen(sandbox, folder, prefix) == {"lib/needed", "lib/course/.venv/bin/python"}


def test_what_covers_a_secret_cannot_be_written_to(sandbox, folder, prefix, monkeypatch):
    """It would be memory that nobody counts."""
    course = clone(prefix / "lib" / "course")
    monkeypatch.setattr(isolation.sys, "prefix", str(prefix))
    monkeypatch.setattr(isolation.project, "find_course", lambda: course)
    workspace = Workspace.make(folder)
    words = sandbox.inside(Supplies(workspace.work, workspace.home), Limits(), [workspace.meeting])
    done = subprocess.run([*words, "touch", course / "x"], capture_output=True, text=True, check=False)
    assert "Read-only" in done.stderr


@pytest.mark.parametrize("what", ["the submissions", "the report", "the seed", "the roster", "a folder yet to be made"])
def test_the_proof_fails_for_each_that_could_be_seen(sandbox, folder, tmp_path, monkeypatch, what):
    shown, place = tmp_path / "shown", tmp_path / "shown" / "below"
    place.mkdir(parents=True)
    (place / "roster.csv").write_text("x")
    secret = {"the roster": place / "roster.csv", "a folder yet to be made": place / "new" / "report"}.get(what, place)
    prove_hidden(folder, {what: secret})
    monkeypatch.setattr(isolation, "needed", lambda: [*needed(), shown])
    with pytest.raises(Unavailable, match=f"would show {what} .*below"):
        prove_hidden(folder, {what: secret})


@pytest.mark.parametrize("what", ["judges", "repository", "solutions", "folder of this run"])
def test_the_proof_asks_for_what_is_always_secret(sandbox, folder, tmp_path, monkeypatch, what):
    course = clone(tmp_path / "course")
    lies = {"judges": course / "course_utils", "solutions": course / "solutions", "folder of this run": folder}
    monkeypatch.setattr(isolation.project, "find_course", lambda: course)
    monkeypatch.setattr(isolation, "PACKAGE", course / "course_utils")
    prove_hidden(folder, {})
    inside = isolation.Bubblewrap.inside
    place = str(lies.get(what, course))
    at = "/opt/elsewhere"  # by another path than that by which they are known
    monkeypatch.setattr(isolation.Bubblewrap, "inside", lambda *a: _with_bind(inside(*a), place, at))
    with pytest.raises(Unavailable, match=f"would show the {what}.*{at}"):
        prove_hidden(folder, {})


def _with_bind(words: list[str], place: str, at: str) -> list[str]:
    cut = words.index("--remount-ro")
    return [*words[:cut], "--ro-bind", place, at, *words[cut:]]


def test_a_search_that_finds_nothing_at_all_proves_nothing(sandbox, folder, monkeypatch):
    monkeypatch.setattr(isolation, "SEARCH", "print('[]')")
    with pytest.raises(Unavailable, match="could not be searched"):
        prove_hidden(folder, {})


def test_the_command_refuses_submissions_that_could_be_seen(sandbox, tmp_path, monkeypatch, capsys):
    (tmp_path / "lib" / "in" / "eve").mkdir(parents=True)
    monkeypatch.setattr(isolation, "needed", lambda: [*needed(), tmp_path / "lib"])
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    words = [str(tmp_path / "lib" / "in"), "--out", str(tmp_path / "out")]
    assert grade_command.run(parser.parse_args(words)) == 2
    said = capsys.readouterr().err
    assert "would show the submissions" in said and "keep your own files elsewhere" in said
    assert not (tmp_path / "out").exists()


def test_what_is_shown_exists_here():
    """The interpreter, its packages and the system's libraries are among what is shown."""
    shown = needed()
    for path in (
        Path(sys.executable),
        Path(sys.executable).resolve(),
        Path(subprocess.__file__),
        Path(pytest.__file__),
    ):
        assert any(path.is_relative_to(one) for one in shown), path
