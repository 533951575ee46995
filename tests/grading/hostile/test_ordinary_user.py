"""The sandbox of an ordinary user, tried by root as well: as somebody without any right, in another process."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.project import course_folder
from tests.grading.hostile.attacks import ATTACKS, with_port
from tests.grading.hostile.conftest import as_command, rows_of
from tests.grading.hostile.notebooks import NAME, POINTS, dumps, notebook

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
SOMEBODY = 54_321
CHOSEN = (
    *("disk-sockets", "shared-memory", "memory-files", "processes", "ways-out", "daemon"),
    *("neighbours-last-to-go", "beside-python"),
)


@pytest.fixture(scope="module")
def as_somebody(sandbox, tmp_path_factory) -> list[str]:
    """The words before a command that make it an ordinary user's, who may then enter the interpreter's home."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, of util-linux")
    homes = [Path(p).resolve() for p in (sys.base_prefix, sys.prefix)]
    closed = {top for home in homes for top in list(home.parents)[::-1][1:] if not top.stat().st_mode & 0o001}
    words = ["bwrap", "--dev-bind", "/", "/"]
    for top in sorted(closed):
        words += ["--tmpfs", str(top), "--chmod", "0755", str(top)]
    for home in homes:
        if any(home.is_relative_to(top) for top in closed):
            for above in list(home.parents)[::-1]:
                if any(above.is_relative_to(top) and above != top for top in closed):
                    words += ["--perms", "0755", "--dir", str(above)]
            words += ["--ro-bind", str(home), str(home)]
    words += ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", "env"]
    if as_command(*words, sys.executable, "-c", "import course_utils, numpy", cwd=course_folder()).returncode:
        pytest.skip("an ordinary user cannot read this checkout")
    return words


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that somebody else may enter: those of pytest are closed to others."""
    with tempfile.TemporaryDirectory(prefix="course-somebody-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_the_worst_attacks_get_no_further_there(as_somebody, folder, pytestconfig):
    """With `--all-attacks` all of them."""
    chosen = [one for one in ATTACKS if one.name in CHOSEN or pytestconfig.getoption("--all-attacks")]
    assert len(chosen) >= len(CHOSEN)
    files = {f"{one.name}/{one.path or NAME + '.ipynb'}": with_port(one, 9) for one in chosen}
    for path, data in (files | {f"honest/{NAME}.ipynb": dumps(notebook())}).items():
        (folder / "in" / path).parent.mkdir(parents=True)
        (folder / "in" / path).write_bytes(data)
    out = folder / "out"
    for place in (folder, out):
        place.mkdir(exist_ok=True)
        if as_somebody:
            os.chown(place, SOMEBODY, SOMEBODY)
    command = [*(as_somebody or ["env"]), f"HOME={folder}", f"TMPDIR={shortest(folder)}", sys.executable]
    command += [
        "-m",
        "course_utils.cli",
        "grade",
        folder / "in",
        "--out",
        out / "report",
        "--cpu-seconds",
        2,
        "--jobs",
        2,
        *(["--warm"] if pytestconfig.getoption("--warm") else []),
    ]
    done = as_command(*command, cwd=course_folder(), timeout=3600)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = rows_of(out / "report")
    assert {task: float(row["points"]) for task, row in rows["honest"].items()} == POINTS
    for one in chosen:
        for task, row in rows[one.name].items():
            if task in one.lost:
                assert float(row["points"]) == 0 and row["status"] in one.lost[task].split(), row
                assert one.says in row["message"] and not (one.never_says and one.never_says in row["message"]), row
            else:
                assert float(row["points"]) == POINTS[task], row


def shortest(folder: Path) -> str:
    """Where the run may make its folder: the path of a socket in it must be short."""
    return "/tmp" if os.access("/tmp", os.W_OK) else str(folder)
