"""What the kernel of a stranger may see and do."""

import json
import os
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from course_utils.project import course_folder
from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place.graft import graft
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox import control_groups, isolation
from course_utils.staff.grading.sandbox.isolation import (
    Bubblewrap,
    Limits,
    LimitsOnly,
    Supplies,
    Unavailable,
    find_sandbox,
)
from course_utils.staff.grading.sandbox.kernel import Kernel
from course_utils.staff.grading.sandbox.warm import Warm
from tests.grading.notebooks import EXERCISE, RIGHT, dumps, notebook

LIMITS = Limits(cpu_seconds=5, memory=1024 * isolation.MIB, processes=64)


@pytest.fixture(scope="module")
def folder():
    with run_folder() as name:
        yield isolation.Path(name)


@pytest.fixture(scope="module")
def supplies(folder):
    return Supplies.make(folder / "supplies")


@pytest.fixture(scope="module")
def sandbox(folder):
    """The sandbox; a skip where this machine cannot give it."""
    try:
        return find_sandbox(folder)
    except Unavailable as reason:
        pytest.skip(f"needs bubblewrap: {reason}")


@pytest.fixture(scope="module")
def sandboxed(sandbox, folder, supplies):
    """One kernel for the questions that do no harm to it."""
    running = Kernel(sandbox, folder, supplies, LIMITS)
    yield running
    running.end()


@pytest.fixture(scope="module")
def forked(sandbox, folder, supplies):
    """The same of a kernel from a warm parent."""
    running = Kernel(Warm(), folder, supplies, LIMITS)
    yield running
    running.end()
    Warm.parent.end()


@pytest.fixture(scope="module")
def limited(folder, supplies):
    running = Kernel(LimitsOnly(), folder, supplies, LIMITS)
    yield running
    running.end()


@pytest.fixture(
    params=["limited", *(pytest.param(name, marks=pytest.mark.sandbox) for name in ("sandboxed", "forked"))]
)
def kernel(request):
    return request.getfixturevalue(request.param)


def said(kernel, expression: str):
    """What an expression is worth in the kernel, by way of an exception's text."""
    return kernel.run(f"raise ValueError(str({expression}))").error_text


@pytest.mark.parametrize(
    "module",
    [
        "staff",
        "staff.judging.judging",
        "staff.judging.lesson_01.judge",
        "staff.grading",
        "cli",
        "notebooks",
    ],
)
def test_judges_mutants_and_graders_are_not_there(kernel, module):
    assert kernel.run(f"import course_utils.{module}").error == "ModuleNotFoundError"


def test_a_new_file_for_staff_is_seen_by_no_kernel(monkeypatch, tmp_path):
    """Nor is any that nobody has allowed, wherever it lies beside what is allowed."""
    ours = tmp_path / "ours"
    shutil.copytree(isolation.PACKAGE, ours, ignore=shutil.ignore_patterns("__pycache__", "course_model"))
    for new in ("staff/new_secret.py", "staff/judging/lesson_01/more_mutants.py", "answers.py", "answers/all.py"):
        (ours / new).parent.mkdir(parents=True, exist_ok=True)
        (ours / new).write_text("ANSWER = 42\n")
    monkeypatch.setattr(isolation, "PACKAGE", ours)
    isolation.copy_for_students(tmp_path / "seen")
    names = {path.relative_to(tmp_path / "seen").as_posix() for path in (tmp_path / "seen").rglob("*")}
    assert {"lesson.py", "classroom/checking.py", "checks/plain.py", "lessons/lesson_01/probe.py"} <= names
    assert not [name for name in names if "secret" in name or "mutants" in name or "answers" in name or "staff" in name]


def test_what_a_kernel_sees_of_the_package_is_listed_by_name():
    """A new part of the package is put into one of two lists on purpose: what students' kernels see, or what not."""
    parts = {path.name for path in isolation.PACKAGE.iterdir() if not path.name.startswith((".", "__pycache__"))}
    assert parts == {*isolation.SEEN, "staff", "cli", "notebooks.py", "requirements.py", "answers.py", "copies.py"}


def test_what_a_notebook_needs_is_there(kernel):
    assert kernel.run("from course_utils.lesson import check\nimport course_utils.checks.probing").error == ""


def test_the_folder_is_empty_and_the_environment_clean(kernel):
    files = said(kernel, "[name for name in __import__('os').listdir('.') if not name.startswith('.')]")
    assert files in ("[]", "['ipython', 'matplotlib']", "['matplotlib', 'ipython']")
    names = said(kernel, "sorted(__import__('os').environ)")
    assert "PYTEST" not in names and "SECRET" not in names and "VIRTUAL_ENV" not in names


def test_a_magic_that_fails_is_an_error(kernel):
    assert kernel.run("%badmagic").error == "UsageError"


def test_input_does_not_wait(kernel):
    assert kernel.run("input()").error == "StdinNotImplementedError"


def test_memory_is_limited(kernel):
    assert kernel.run("block = bytearray(4 * 1024**3)").error == "MemoryError"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts them")
def test_a_large_file_is_refused(kernel):
    outcome = kernel.run("with open('large', 'wb') as f:\n    f.write(bytes(100 * 1024**2))")
    assert outcome.error == "OSError" and not outcome.ended


class TestSandbox:
    """Only what bubblewrap gives, and what a warm parent's kernel has from it."""

    pytestmark = pytest.mark.sandbox

    @pytest.fixture(params=["sandboxed", "forked"])
    def kernel(self, request):
        return request.getfixturevalue(request.param)

    def test_no_network(self, kernel):
        connect = "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=2)"
        assert kernel.run(connect).error in ("OSError", "ConnectionRefusedError")
        assert said(kernel, "[name for _, name in socket.if_nameindex()]") == "['lo']"

    def test_the_system_is_read_only_and_the_machines_people_are_not_there(self, kernel):
        for place in ("/usr/x", "/etc/x", "/x", "/home/x"):
            assert kernel.run(f"open({place!r}, 'w')").error in ("OSError", "PermissionError", "FileNotFoundError")
        assert "passwd" not in said(kernel, "__import__('os').listdir('/etc')")
        solved = str(course_folder() / "solutions")
        assert kernel.run(f"import os; os.listdir({solved!r})").error in ("FileNotFoundError", "PermissionError")

    def test_no_other_process_is_seen(self, kernel):
        pids = said(kernel, "[p for p in __import__('os').listdir('/proc') if p.isdigit()]")
        assert len(pids.split(",")) < 6

    def test_it_is_nobody_without_capabilities(self, kernel):
        status = said(kernel, "open('/proc/self/status').read()")
        found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0 and found["NoNewPrivs"].strip() == "1"
        assert said(kernel, "__import__('os').getuid()") != "0"
        assert kernel.run("import os; os.setuid(0)").error in (
            "PermissionError",
            "OSError",
        )  # forbidden, or nobody there

    def test_home_is_bounded(self, kernel):
        fill = "for i in range(40):\n    with open(f'f{i}', 'wb') as f:\n        f.write(bytes(8 * 1024**2))"
        assert kernel.run(fill).error == "OSError"
        kernel.run("import os, glob\nfor f in glob.glob('f*'):\n    os.remove(f)")

    def test_where_it_met_the_grader_it_may_not_write(self, kernel):
        assert kernel.run(f"open({str(kernel.workspace.meeting / 'x')!r}, 'w')").error in (
            "OSError",
            "FileNotFoundError",
        )

    def test_processes_are_limited(self, kernel):
        bomb = """
import os, time
made = []
try:
    while len(made) < 200:
        made.append(os.fork())
        if made[-1] == 0:
            time.sleep(60)
            os._exit(0)
except OSError:
    pass
for child in made:
    os.kill(child, 9)
    os.waitpid(child, 0)
raise ValueError(str(len(made)))"""
        assert 0 < int(kernel.run(bomb).error_text) < LIMITS.processes


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_what_a_kernel_leaves_behind_ends_with_it(folder, supplies):
    running = Kernel(LimitsOnly(), folder, supplies, LIMITS)
    mark = f"--mark-{os.getpid()}"
    start = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', {!r}])"
    running.run(start.format(mark))
    assert marked(mark)
    running.end()
    deadline = time.monotonic() + 60
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not marked(mark)


def marked(mark):
    return [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "ended"),
    [
        ("while True:\n    print('x' * 1000)", ("output", "timeout")),
        ("print('x' * 30_000_000)", ("output",)),
        ("import re; re.match('(a+)+$', 'a' * 50 + 'b')", ("timeout",)),
        ("10 ** 10 ** 10", ("timeout",)),
        ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", ("timeout",)),
        ("import ctypes; ctypes.string_at(0)", ("died",)),
        ("import os; os.kill(os.getpid(), 9)", ("died",)),
    ],
)
@pytest.mark.sandbox
def test_a_kernel_that_misbehaves_is_ended(sandbox, folder, supplies, source, ended):
    running = Kernel(sandbox, folder, supplies, Limits(cpu_seconds=2))
    assert running.run(source).ended in ended
    assert not isolation.Path(f"/proc/{running.process.pid}").exists() or not running.process.alive()


UNWAITED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody is told what they have used
for _ in range(8):
    if os.fork() == 0:
        while time.process_time() < 1:
            pass
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="as Linux counts")
@pytest.mark.parametrize("seconds", ["as the system counts", "as the grader counts"])
def test_the_seconds_of_children_that_nobody_waits_for_count(folder, supplies, monkeypatch, seconds):
    if seconds == "as the grader counts":
        monkeypatch.setattr(control_groups, "_above", lambda: None)
    running = Kernel(LimitsOnly(), folder, supplies, Limits(cpu_seconds=3, wall_seconds=10_000))
    assert running.run(UNWAITED).ended == "timeout"


def test_children_too_short_to_be_seen_count_in_a_control_group(folder, supplies):
    running = Kernel(LimitsOnly(), folder, supplies, Limits(cpu_seconds=2, wall_seconds=10_000))
    running.wait()
    if running.group is None:
        running.end()
        pytest.skip("this account may not make control groups of version 2 here")
    made = running.group.folder
    assert made.is_dir()
    assert running.run(UNWAITED.replace("range(8)", "range(400)").replace("< 1:", "< 0.02:")).ended == "timeout"
    assert not made.exists()


def test_what_a_control_group_is_told_and_tells(tmp_path):
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cgroup.kill"):
        (tmp_path / name).write_text("")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 0\n")
    group = control_groups.Group(tmp_path, Limits(memory=7, processes=5))
    told = {
        name: (tmp_path / name).read_text()
        for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max")
    }
    assert told == {"memory.max": "7", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "13"}
    assert group.bounds_memory and group.cpu_seconds() == 2.5 and not group.ran_out_of_memory()
    (tmp_path / "memory.events").write_text("oom_kill 1\n")
    assert group.ran_out_of_memory()
    (tmp_path / "memory.max").unlink()  # where the controller cannot be had, the file is not there
    assert not control_groups.Group(tmp_path, Limits()).bounds_memory
    assert not (tmp_path / "memory.max").exists()


class Full(control_groups.Group):
    """A group whose memory has run out."""

    def ran_out_of_memory(self):
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux tells it")
def test_a_kernel_that_the_system_ended_for_lack_of_memory_is_told_so(folder, supplies, tmp_path, monkeypatch):
    (tmp_path / "cpu.stat").write_text("usage_usec 0\n")
    monkeypatch.setattr(control_groups.Group, "of", lambda pids, limits: Full(tmp_path, limits))
    running = Kernel(LimitsOnly(), folder, supplies, LIMITS)
    assert running.run("import os; os.kill(os.getpid(), 9)").ended == "memory"


# --- where there is no sandbox ----------------------------------------------------------------------------------------


def test_without_bubblewrap_it_is_said_what_to_install(monkeypatch, folder):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    monkeypatch.setattr(isolation.sys, "platform", "linux")
    with pytest.raises(Unavailable, match="install"):
        find_sandbox(folder)


def test_elsewhere_it_is_said_what_to_use(monkeypatch, folder):
    monkeypatch.setattr(isolation.sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="Linux"):
        find_sandbox(folder)


@pytest.mark.sandbox
def test_a_bubblewrap_that_does_not_work_is_not_used(monkeypatch, sandbox, folder):
    monkeypatch.setattr(Bubblewrap, "_namespaces", lambda self: ["--no-such-option"])
    with pytest.raises(Unavailable, match="does not work"):
        find_sandbox(folder)


def test_the_command_refuses_without_a_sandbox(monkeypatch, tmp_path, capsys):
    from course_utils.cli import grade as grade_command

    def missing(folder):
        raise Unavailable("the sandbox needs bubblewrap", "install it")

    monkeypatch.setattr(grade_command, "find_sandbox", missing)
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    assert grade_command.run(parser.parse_args([str(tmp_path), "--out", str(tmp_path / "out")])) == 2
    assert "--unsafe-no-sandbox" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process of its parent's end")
def test_the_worker_of_a_run_that_is_killed_ends_with_it(supplies):
    code = f"""
import time
from pathlib import Path
from course_utils.staff.grading.sandbox.isolation import Limits, Supplies
from course_utils.staff.grading.run.worker import Worker
worker = Worker("limits only", Supplies(Path({str(supplies.package)!r}), Path({str(supplies.fonts)!r})), Limits())
worker.start()
print(worker.process.pid, flush=True)
time.sleep(600)"""
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(run.stdout.readline())
    worker = psutil.Process(pid)
    # It loads its libraries once it has asked to be told of its parent's end.
    while not any("zmq" in one.path for one in worker.memory_maps()):
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert psutil.wait_procs([worker], timeout=60)[1] == []


@pytest.mark.slow
def test_plain_nbval_passes_the_graded_copy_of_a_right_notebook(tmp_path):
    """The graded copy is a notebook like any other: nbval alone runs it, and finds our stored reports confirmed."""
    copy = tmp_path / "graded.ipynb"
    copy.write_text(json.dumps(graft(EXERCISE.solution, read_notebook(dumps(notebook(RIGHT))), EXERCISE.stubs)))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-current-env",
        copy,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
