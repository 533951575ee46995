"""Another account of the same machine: what it puts in the way of the grader, and what it can read of it."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from course_utils.staff.grading.run import run
from course_utils.staff.grading.run.run import BadReport, Order, grade
from course_utils.staff.grading.run.worker import LOCK, run_folder
from course_utils.staff.grading.sandbox import isolation
from course_utils.staff.grading.sandbox.isolation import Supplies, remove
from tests.grading.hostile.attacks import STUB
from tests.grading.hostile.notebooks import NAME

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="accounts and links as on Unix")
OTHER = 54_322


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Where temporary files go, for everybody, as /tmp is."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_link_does_not_lead_the_clean_up_to_other_folders(place, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in (LOCK, "lock", "thesis.txt"):
        (victim / name).write_text("x")
    (place / "grade-x").symlink_to(victim)
    (place / "grade-y").mkdir()
    (place / "grade-y" / LOCK).symlink_to(victim / LOCK)
    os.mkfifo(place / "grade-z")
    with run_folder():
        pass
    assert {path.name for path in victim.iterdir()} == {LOCK, "lock", "thesis.txt"}
    assert {path.name for path in place.iterdir()} == {"grade-x", "grade-y", "grade-z"}


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can make folders of other accounts")
def test_folders_of_another_account_stay(place):
    theirs = place / "grade-theirs"
    (theirs / "work").mkdir(parents=True)
    (theirs / LOCK).touch()
    for path in (theirs, theirs / "work", theirs / LOCK):
        os.chown(path, OTHER, OTHER)
    with run_folder():
        pass
    assert {path.name for path in theirs.iterdir()} == {"work", LOCK}


def test_a_folder_of_ones_own_without_the_graders_lock_stays(place):
    (place / "grade-2026" / "lock").mkdir(parents=True)
    with run_folder():
        pass
    assert (place / "grade-2026" / "lock").is_dir()


@pytest.mark.parametrize("moment", ["before the lock", "while it is emptied", "at the end"])
def test_a_run_that_is_killed_leaves_nothing_after_the_next(place, monkeypatch, moment):
    left = Path(tempfile.mkdtemp(prefix="grade-"))
    if moment != "before the lock":
        (left / LOCK).touch(0o600)
        (left / "n1" / "closed" / "inner").mkdir(parents=True)
    if moment == "while it is emptied":
        kill = pytest.MonkeyPatch()
        kill.setattr(isolation.os, "rmdir", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            remove(left, LOCK)
        kill.undo()
        assert (left / LOCK).exists()
    if moment == "at the end":
        (left / "n1" / "closed" / "inner").chmod(0)
        (left / "n1" / "closed").chmod(0)
    with run_folder() as mine:
        assert [path.name for path in place.iterdir()] == [Path(mine).name]
    assert list(place.iterdir()) == []


def test_a_run_whose_folder_is_taken_away_before_its_lock_makes_another(place, monkeypatch):
    made, make = [], tempfile.mkdtemp

    def taken_away_once(*args, **more):
        made.append(make(*args, **more))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken_away_once)
    with run_folder() as mine:
        assert mine == made[1] and Path(mine, LOCK).exists()


def test_what_lists_the_fonts_ends_with_a_run_that_is_killed(tmp_path):
    """Else it would write its list into a folder that the next run has taken away."""
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("")
    (tmp_path / "matplotlib" / "font_manager.py").write_text(
        "import fcntl, os, time\nfile = open(os.environ['ALIVE'], 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(file=file, flush=True)\ntime.sleep(600)"
    )
    alive = tmp_path / "alive"
    code = f"from pathlib import Path\nfrom {Supplies.__module__} import Supplies\n"
    code += f"Supplies.make(Path({str(tmp_path / 's')!r}))"
    paths = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    killed = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths, "ALIVE": str(alive)})
    while not (alive.exists() and alive.read_text()):
        assert killed.poll() is None
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    with alive.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # it is had once the process has ended


def test_nothing_of_a_student_is_readable_for_others(place, tmp_path):
    """With the usual mask: each of these files, or a folder above it, is closed to all other accounts."""
    student = tmp_path / "in" / "eve" / f"{NAME}.ipynb"
    student.parent.mkdir(parents=True)
    student.write_bytes(STUB)
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        with run_folder() as folder:
            assert open_to_others(Path(folder), place) == []
            grade(Order(tmp_path / "in", tmp_path / "new" / "out", exercise="02", seed=1), Path(folder))
        (tmp_path / "shared").mkdir()  # made by the operator, to be looked into: what continues a run is not
        with run_folder() as folder:
            grade(Order(tmp_path / "in", tmp_path / "shared", exercise="02", seed=1), Path(folder))
            assert open_to_others(Path(folder), place) == []
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "new" / "out", tmp_path) == []
    assert open_to_others(tmp_path / "shared" / run.STATE, tmp_path) == []


def open_to_others(folder: Path, top: Path) -> list[Path]:
    """What others can read there, as far as modes below `top` say."""
    entered = [path for path in (folder, *folder.parents) if path.is_relative_to(top) and path != top]
    if not all(stat.S_IMODE(path.stat().st_mode) & 0o055 for path in entered):
        return []
    return [folder, *folder.rglob("*")]


@pytest.mark.parametrize("planted", ["link", "owner"])
def test_points_that_another_account_has_laid_ready_are_not_taken(tmp_path, planted):
    (tmp_path / "in" / "eve").mkdir(parents=True)
    (tmp_path / "in" / "eve" / f"{NAME}.ipynb").write_bytes(STUB)
    (tmp_path / "theirs").mkdir()
    state = tmp_path / "out" / run.STATE
    state.parent.mkdir()
    if planted == "link":
        state.symlink_to(tmp_path / "theirs")
    elif os.getuid() == 0:
        state.mkdir()
        os.chown(state, OTHER, OTHER)
    else:
        pytest.skip("only root can make folders of other accounts")
    with pytest.raises(BadReport, match="belongs to another account"):
        grade(Order(tmp_path / "in", tmp_path / "out", exercise="02", seed=1), tmp_path / "kernels")
