"""One run over all attacks and all odd but honest notebooks, by the code that `course grade` runs."""

from __future__ import annotations

import csv
import hashlib
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from course_utils.project import course_folder
from course_utils.staff.grading.run.run import Order, grade
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox.isolation import MIB, Bubblewrap, Limits, Unavailable, find_sandbox
from course_utils.staff.grading.sandbox.warm import Warm
from tests.grading.hostile.attacks import ATTACKS, MARK, TOKEN, with_port
from tests.grading.hostile.honest import HONEST
from tests.grading.hostile.notebooks import NAME

# Small ones, so that the suite is short; honest work stays far below them.
LIMITS = Limits(cpu_seconds=2, wall_seconds=25, total_seconds=240, memory=1024 * MIB, processes=64)


@dataclass
class Run:
    """What a run left behind: the rows by student and task, and what had changed around it."""

    rows: dict[str, dict[str, dict[str, str]]]
    seconds: float
    changed: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def pytest_collection_modifyitems(config, items):
    """Without `--all-attacks` the rare ones are left out."""
    if config.getoption("--all-attacks"):
        return
    names = {f"test_attack[{attack.name}]" for attack in ATTACKS if attack.rare}
    rare = [item for item in items if item.path.name == "test_hostile.py" and item.name in names]
    config.hook.pytest_deselected(items=rare)
    kept = set(items) - set(rare)
    items[:] = [item for item in items if item in kept]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory) -> Bubblewrap:
    """The sandbox; a skip where this machine cannot give it."""
    with run_folder() as folder:
        try:
            return find_sandbox(Path(folder))
        except Unavailable as reason:
            pytest.skip(f"needs bubblewrap: {reason}")


def graded(files: dict[str, bytes], folder: Path, warm: bool = False) -> Run:
    """Grades files (path below the submissions: bytes) as `course grade` does."""
    isolation = Warm.name if warm else Bubblewrap.name
    for path, data in files.items():
        target = folder / "in" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    started = time.monotonic()
    with run_folder() as kernels:
        order = Order(folder / "in", folder / "out", jobs=2, isolation=isolation, limits=LIMITS, exercise="02")
        grade(order, Path(kernels))
    return Run(rows_of(folder / "out"), time.monotonic() - started)


def rows_of(report: Path) -> dict[str, dict[str, dict[str, str]]]:
    """results.csv by student and task."""
    rows: dict[str, dict[str, dict[str, str]]] = {}
    with (report / "results.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["student"], {})[row["task"]] = row
    return rows


@pytest.fixture(scope="module")
def run(sandbox, tmp_path_factory, request) -> Run:
    """The one run. What it must not see or change is laid out before it and looked at after it."""
    folder = tmp_path_factory.mktemp("hostile")
    everything = request.config.getoption("--all-attacks")
    asked = {one.name for one in selected(request, "attack")} | {one.name for one in selected(request, "honest")}
    chosen = [one for one in ATTACKS if one.name in asked and (everything or not one.rare)]
    with listener() as (port, connections), pytest.MonkeyPatch.context() as patch:
        home = folder / "home"
        for name in (".bashrc", ".ssh/id_rsa", "thesis.txt"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(TOKEN)
        patch.setenv("HOME", str(home))
        patch.setenv("COURSE_TOKEN", TOKEN)
        files = {f"{one.name}/{one.path or NAME + '.ipynb'}": with_port(one, port) for one in chosen}
        files |= {f"{one.name}/{NAME}.ipynb": one.content for one in HONEST if one.name in asked}
        files |= {f"neighbour/{TOKEN}.txt": TOKEN.encode()}
        places = [home, course_folder(), Path("/etc")]
        before = [state(place) for place in places]
        done = graded(files, folder, request.config.getoption("--warm"))
        after = [state(place) for place in places]
    done.changed = [str(p) for old, new in zip(before, after, strict=True) for p in difference(old, new)]
    done.processes, done.connections = left_behind(folder), connections
    done.messages = [row["message"] for rows in done.rows.values() for row in rows.values()]
    return done


def selected(request: pytest.FixtureRequest, what: str) -> list:
    """The attacks (or the honest notebooks) whose tests are to run now."""
    items = [item for item in request.session.items if item.path.name == "test_hostile.py"]
    params = [item.callspec.params for item in items if hasattr(item, "callspec")]
    return [one[what] for one in params if what in one]


class listener:  # noqa: N801 - used like a function
    """Something on this machine to connect to, by TCP and by an abstract Unix socket; notes who did."""

    def __enter__(self) -> tuple[int, list[str]]:
        self.seen: list[str] = []
        self.sockets = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        for _ in range(6000):  # another worker may hold the name for as long as its run takes
            try:
                self.sockets[1].bind("\0course-grade-test")
                break
            except OSError:
                time.sleep(0.1)
        self.sockets[1].listen()
        for server in self.sockets:
            threading.Thread(target=self._note, args=(server,), daemon=True).start()
        return self.sockets[0].getsockname()[1], self.seen

    def _note(self, server: socket.socket) -> None:
        while True:
            try:
                self.seen.append(str(server.accept()[1]))
            except OSError:
                return

    def __exit__(self, *_: object) -> None:
        for server in self.sockets:
            server.shutdown(socket.SHUT_RDWR)
            server.close()


def state(place: Path) -> dict[str, str]:
    """Every file below a folder that a program may not change unseen: path to a digest of name, mode and content."""
    found = {}
    for folder, below, names in os.walk(place):
        below[:] = [b for b in below if b not in (".git", ".venv", "__pycache__") and not b.startswith(".pytest")]
        below[:] = [
            b for b in below if b not in (".ruff_cache", "build", "work", ".hypothesis") and not b.endswith(".egg-info")
        ]
        for name in names:
            path = Path(folder, name)
            try:
                about = path.lstat()
                content = path.read_bytes() if path.is_file() and about.st_size < 2**20 else b""
            except OSError:
                continue
            found[str(path)] = hashlib.sha256(f"{about.st_mode} {about.st_size}".encode() + content).hexdigest()
    return found


def difference(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]


def left_behind(folder: Path) -> list[str]:
    """What runs still and comes from the run: by its mark, by the folder of its kernels, or as our descendant."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = " ".join(process.info["cmdline"] or [])
        if MARK in words or str(folder) in words:
            found.append(words)
    return found + [str(child) for child in psutil.Process().children(recursive=True) if _is_kernel(child)]


def _is_kernel(process: psutil.Process) -> bool:
    try:
        return any("ipykernel" in word or "grading.worker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def as_command(*words: object, **more: object) -> subprocess.CompletedProcess:
    """Runs a command; its output as text."""
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **more)
