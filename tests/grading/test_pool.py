"""Kernels that are started ahead: each is fresh, ready, used once, and gone when it is no longer wanted."""

import os
import subprocess
import sys

import psutil
import pytest

from course_utils.staff.grading.place.pristine import Exercise, imported, load, names
from course_utils.staff.grading.run import worker
from course_utils.staff.grading.run.pool import KernelPool
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox import isolation
from course_utils.staff.grading.sandbox.isolation import Limits, LimitsOnly, Supplies
from course_utils.staff.grading.sandbox.kernel import Kernel
from course_utils.staff.grading.sandbox.process import NotStarted
from course_utils.staff.grading.sandbox.processes import descendants


@pytest.fixture(scope="module")
def folder():
    with run_folder() as name:
        yield worker.Path(name)


@pytest.fixture(scope="module")
def supplies(folder):
    return Supplies.make(folder / "supplies")


@pytest.fixture
def pool(folder, supplies):
    pool = KernelPool(LimitsOnly, folder, supplies, Limits())
    yield pool
    pool.close()


def test_the_next_kernel_is_a_fresh_process_that_has_its_imports_done(pool):
    pool.imports, pool.ahead = ("colorsys", "no_such_module"), True
    first = pool.take()
    spare = pool.spare
    first.run("import colorsys\ncolorsys.mark = 'mine'")
    first.end()
    second = pool.take()
    assert second is spare and second is not pool.spare
    pool.ahead = False
    assert second.run("import sys\nassert 'colorsys' in sys.modules").error == ""
    assert second.run("assert not hasattr(sys.modules['colorsys'], 'mine')").error == ""
    assert second.run("assert '_name' not in globals() and 'colorsys' not in globals()").error == ""
    rooms = (first.workspace.meeting.parent, second.workspace.meeting.parent)
    second.end()
    assert not any(room.exists() for room in rooms)


def test_nothing_is_started_ahead_where_nothing_follows(pool):
    kernel_taken = pool.take()
    assert pool.spare is None
    kernel_taken.end()


def test_a_pool_that_is_closed_leaves_no_process(pool):
    pool.ahead = True
    pool.take().end()
    process = psutil.Process(pool.spare.process.pid)
    pool.close()
    assert not process.is_running()


def test_a_kernel_that_does_not_start_is_the_machines_fault(monkeypatch, folder, supplies):
    monkeypatch.setattr(isolation, "kernel_arguments",
                        lambda *_: [sys.executable, "-c", "raise SystemExit(3)"])  # fmt: skip
    with pytest.raises(NotStarted):
        Kernel(LimitsOnly(), folder, supplies, Limits()).wait()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_all_descendants_of_a_process_are_found():
    code = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'input()']).wait()"
    head = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        by_psutil = []
        while not by_psutil:  # until it has started its child
            by_psutil = psutil.Process(head.pid).children(recursive=True)
        assert descendants(psutil.Process(head.pid)) == by_psutil
    finally:
        head.stdin.close()
        head.stdout.close()
        head.wait()


def test_what_a_submission_left_running_ends_and_the_waiting_kernel_lives():
    code = """
import subprocess, sys
from course_utils.staff.grading.run.worker import _end_descendants
left, spared = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
_end_descendants(spared.pid)
print(left.poll() is None, spared.poll() is None)
spared.kill()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_each_kernel_of_root_is_a_user_of_its_own(monkeypatch):
    from course_utils.staff.grading.sandbox.isolation import Bubblewrap

    monkeypatch.setattr(os, "getuid", lambda: 0, raising=False)
    assert len({Bubblewrap().uid for _ in range(50)}) == 50


@pytest.mark.parametrize("name", names())
def test_what_a_notebook_needs_is_known_from_its_given_cells(name):
    found = load(name).imports
    assert "course_utils.lesson" in found and ("numpy" in found or "torch" in found)
    assert found[-1] == f"course_utils.lessons.lesson_{name[:2]}.probe"


def test_imports_of_answers_and_of_broken_cells_do_not_count():
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["answer"]}, "source": "import torch"},
        {"cell_type": "code", "metadata": {"tags": ["given"]}, "source": "import a.b as c\nfrom d import e"},
        {"cell_type": "code", "metadata": {"tags": ["given"]}, "source": "import f\n%matplotlib inline"},
    ]
    exercise = Exercise("01_x", {"cells": cells}, "", worker.Path("."))
    assert exercise.imports[:-2] == ("a.b", "d")
    assert imported("if True:\n    import g") == []
