"""What code without a sandbox leaves behind is removed, however deep it is."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from course_utils.project import course_folder
from course_utils.staff.grading.sandbox.isolation import remove
from tests.grading.hostile.attacks import TASK
from tests.grading.hostile.conftest import as_command, rows_of
from tests.grading.hostile.notebooks import NAME, POINTS, RIGHT, WRONG, dumps, notebook

DEEP = """import os
os.makedirs('closed/inner')
os.chmod('closed', 0)
os.symlink('/etc', 'link')
for _ in range(3000):
    os.mkdir('d')
    os.chdir('d')
open('x', 'w').close()"""
ATTACK = notebook(RIGHT | {TASK: f"# {TASK}\n{DEEP}\n{WRONG[TASK]}"})


def test_a_folder_too_deep_for_python_is_removed_and_nothing_else(tmp_path, monkeypatch):
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(keep)
    (top / "inside").mkdir()
    (top / "inside" / "link").symlink_to(keep)
    monkeypatch.chdir(top)
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(tmp_path)
    remove(top)
    assert not top.exists() and (keep / "file").read_text() == "x"


@pytest.mark.skipif(sys.platform == "win32", reason="paths are short there")
@pytest.mark.parametrize("command", ["grade", "check"])
def test_commands_without_a_sandbox_clear_it_away(command, tmp_path):
    student = tmp_path / "in" / "eve" / f"{NAME}.ipynb"
    student.parent.mkdir(parents=True)
    student.write_bytes(dumps(ATTACK))
    out = tmp_path / "out"
    options = (
        ["grade", tmp_path / "in", "--out", out, "--unsafe-no-sandbox"] if command == "grade" else ["check", student]
    )
    with tempfile.TemporaryDirectory() as place:  # short, as the path of a socket must be
        words = [sys.executable, "-m", "course_utils.cli", *options]
        done = as_command(*words, cwd=course_folder(), env=os.environ | {"TMPDIR": place})
        left = list(Path(place).iterdir())
        for path in left:
            remove(path)
    assert done.returncode == 0 and left == [], done.stderr[-2000:]
    right = sum(points for task, points in POINTS.items() if task != TASK)
    if command == "grade":
        assert sum(float(row["points"]) for row in rows_of(out)["eve"].values()) == right
    else:
        assert f"{right:g} of {sum(POINTS.values()):g}" in done.stdout
