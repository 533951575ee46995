"""Kernels of a warm parent: each is as fresh as one with a sandbox of its own, and knows nothing of the others.

That it is walled in as well: `test_isolation` asks both the same. What it is worth against attacks: `hostile/`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox import warm
from course_utils.staff.grading.sandbox.isolation import Bubblewrap, Limits, Supplies, Unavailable
from course_utils.staff.grading.sandbox.kernel import Kernel
from course_utils.staff.grading.sandbox.process import NotStarted
from course_utils.staff.grading.sandbox.warm import Warm, try_warm
from tests.grading.notebooks import NAME, POINTS, RIGHT, WRONG, dumps, notebook

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
LIMITS = Limits(cpu_seconds=5, processes=64)


@pytest.fixture(scope="module")
def folder():
    """Of a run; its kernels have one parent, which ends with it."""
    with run_folder() as name:
        try:
            try_warm(Path(name))
        except Unavailable as reason:
            pytest.skip(f"needs bubblewrap: {reason}")
        yield Path(name)
        if Warm.parent is not None:
            Warm.parent.end()


@pytest.fixture(scope="module")
def supplies(folder):
    return Supplies.make(folder / "supplies")


@contextlib.contextmanager
def forked(folder: Path, supplies: Supplies, *imports: str) -> Iterator[Kernel]:
    one = Kernel(Warm(), folder, supplies, LIMITS, imports)
    try:
        yield one
    finally:
        one.end()


def said(kernel: Kernel, expression: str) -> str:
    """What an expression is worth in the kernel, by way of an exception's text."""
    return kernel.run(f"raise ValueError(str({expression}))").error_text


def test_the_parent_has_imported_and_its_kernels_are_forks(folder, supplies):
    with forked(folder, supplies, "colorsys") as one, forked(folder, supplies, "colorsys") as two:
        parent = Warm.parent
        for kernel in (one, two):
            assert kernel.run("import sys\nassert 'colorsys' in sys.modules").error == ""
            assert kernel.run("import colorsys\nassert not hasattr(colorsys, 'mark')\ncolorsys.mark = 1").error == ""
        assert one.process.pid != two.process.pid
        assert one.process.child == two.process.child == parent.process.pid
    with forked(folder, supplies, "calendar") as other:
        assert other.run("import sys\nassert 'calendar' in sys.modules and 'colorsys' not in sys.modules").error == ""
    assert Warm.parent is not parent and parent.process.poll() is not None


def test_a_kernel_finds_nothing_that_another_has_left(folder, supplies):
    places = ("/tmp", "/dev/shm", "/home/student", "/home/student/matplotlib")
    leave = f"for place in {places}:\n    open(place + '/left', 'w').write('x')"
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n    os._exit(0)"
    with forked(folder, supplies) as one:
        assert one.run(leave).error == "" and one.run(daemon).error == ""
        with forked(folder, supplies) as beside:  # while the other still runs
            assert said(beside, f"[__import__('os').path.exists(p + '/left') for p in {places}]") == str([False] * 4)
            assert len(said(beside, "[p for p in __import__('os').listdir('/proc') if p.isdigit()]").split(",")) == 2
        first = psutil.Process(one.process.pid)
        below = first.children(recursive=True)
        assert len(below) >= 2
    gone, alive = psutil.wait_procs([first, *below], timeout=60)
    assert alive == []


def test_nothing_of_another_kernel_is_in_its_memory(folder, supplies):
    """The key with which messages are signed stands for all that a kernel is told."""
    search = """
import ctypes
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: it may read itself
def found(first, then):
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            if access.startswith('rw') and '[v' not in line:
                start, end = (int(part, 16) for part in span.split('-'))
                memory.seek(start)
                if any(part.startswith(then) for part in memory.read(end - start).split(first)[1:]):
                    return True
    return False
"""
    with forked(folder, supplies) as one, forked(folder, supplies) as two:
        keys = [json.loads((kernel.workspace.meeting / "kernel.json").read_text())["key"] for kernel in (one, two)]
        assert two.run(search).error == ""
        halves = [f"{key[:18].encode()}, {key[18:].encode()}" for key in keys]  # the question has them apart
        assert [said(two, f"found({half})") for half in halves] == ["False", "True"]


def test_what_a_parent_imports_starts_no_threads(folder, supplies):
    """A fork of a process with threads may wait for ever for what one of them held."""
    with forked(folder, supplies, *pristine.load("09").imports) as one:
        assert one.run("import sys\nassert 'transformers' in sys.modules").error == ""
        below = psutil.Process(one.process.pid).children(recursive=True)
        others = [p for p in psutil.Process(Warm.parent.process.pid).children(recursive=True) if p not in below]
        assert len(others) >= 2 and {process.num_threads() for process in others} == {1}
        assert max(process.num_threads() for process in below) > 1


def test_forks_do_not_share_their_random_numbers(folder, supplies):
    draw = "(__import__('random').random(), __import__('numpy').random.random())"
    with forked(folder, supplies, "numpy") as one, forked(folder, supplies, "numpy") as two:
        first, second = (said(kernel, draw).strip("()").split(",") for kernel in (one, two))
    assert first[0] != second[0] and first[1] != second[1]


def test_a_parent_that_is_killed_is_followed_by_another(folder, supplies):
    with forked(folder, supplies) as one:
        one.run("x = 1")
        Warm.parent.process.kill()
        assert one.run("import time; time.sleep(20)").ended == "died"
    with forked(folder, supplies) as two:
        assert two.run("x = 1").error == two.run("x = 1").ended == ""


def test_where_no_namespaces_can_be_had_it_says_so(folder, monkeypatch):
    monkeypatch.setattr(warm, "PARENT", warm.PARENT.replace('call("unshare", APART', 'call("unshare", -1'))
    with pytest.raises(Unavailable, match=r"--warm does not work here \(.*unshare: Invalid argument\): leave it out"):
        try_warm(folder)


def test_a_parent_that_cannot_start_is_the_machines_fault(folder, supplies, monkeypatch):
    monkeypatch.setattr(warm, "PARENT", "raise SystemExit(3)")
    monkeypatch.setattr(Warm, "parent", None)
    started = time.monotonic()
    with pytest.raises((NotStarted, OSError)), forked(folder, supplies) as one:
        one.wait()
    assert time.monotonic() - started < 60


def test_the_points_are_those_of_the_sandbox(course_grade, isolation, tmp_path):
    if isolation:
        pytest.skip("needs bubblewrap")
    killer = RIGHT | {"E01.4": "# E01.4\nimport os\nos.kill(os.getpid(), 9)"}
    notebooks = {
        "right": RIGHT,
        "wrong": WRONG,
        "half": RIGHT | {"E01.2": WRONG["E01.2"]},
        "killer": killer,
        "none": {},
    }
    for student, answers in notebooks.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / f"{NAME}.ipynb").write_bytes(dumps(notebook(answers)))
    cold, hot = (course_grade(tmp_path / "in", tmp_path / name, "--seed", 5, *more)
                 for name, more in (("cold", []), ("warm", ["--warm"])))  # fmt: skip
    assert hot.status == 0, hot.said
    assert (hot.folder / "results.csv").read_bytes() == (cold.folder / "results.csv").read_bytes()
    assert hot.points("right") == POINTS and hot.statuses("killer")["E01.4"] == "error"
    about = [json.loads((one.folder / "run.json").read_text())["isolation"] for one in (cold, hot)]
    assert about == [Bubblewrap.name, Warm.name]


def test_it_is_a_sandbox_of_this_machine(course_grade, isolation, tmp_path):
    (tmp_path / "in").mkdir()
    refused = course_grade(tmp_path / "in", tmp_path / "out", "--warm", "--unsafe-no-sandbox")
    assert refused.status == 2 and "--warm" in refused.said and not (tmp_path / "out").exists()
