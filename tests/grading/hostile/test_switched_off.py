"""Each defence with a test in which it is switched off and an attack then gets somewhere: else it would defend nothing.

The switches are parts of the code that a test replaces; no option of a command reaches them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.project import course_folder
from course_utils.staff.grading.intake import reading
from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place import graft
from course_utils.staff.grading.run import nbval_items
from course_utils.staff.grading.run.nbval_items import Cell, Job, Session
from course_utils.staff.grading.run.pool import KernelPool
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox import isolation, kernel
from course_utils.staff.grading.sandbox.isolation import MIB, Bubblewrap, Limits, LimitsOnly, Supplies
from course_utils.staff.grading.sandbox.kernel import Kernel, Outcome
from course_utils.staff.judging import judging
from tests.grading.hostile import attacks
from tests.grading.hostile.attacks import ATTACKS, HOOKS, PATCHES, TASK
from tests.grading.hostile.conftest import LIMITS
from tests.grading.hostile.notebooks import EXERCISE, POINTS, RIGHT, WRONG, dumps, notebook

slow = [pytest.mark.slow, pytest.mark.sandbox]
BY_NAME = {one.name: one for one in ATTACKS}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with run_folder() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def supplies(folder) -> Supplies:
    return Supplies.make(folder / "supplies")


@contextlib.contextmanager
def running(
    sandbox: isolation.Isolation, folder: Path, supplies: Supplies, limits: Limits = LIMITS
) -> Iterator[Kernel]:
    one = Kernel(sandbox, folder, supplies, limits)
    try:
        yield one
    finally:
        one.end()


def without(*words: str):
    """A `command` of the sandbox from which each of these words, which stand alone, is taken out."""
    whole = Bubblewrap.command

    def command(self, *args):
        found = whole(self, *args)
        return [word for word in found if word not in words]

    return command


# --- the walls of the sandbox -----------------------------------------------------------------------------------------

LISTEN = "import socket; raise ValueError(sorted(name for _, name in socket.if_nameindex()))"
PROCESSES = "import os; raise ValueError(sum(name.isdigit() for name in os.listdir('/proc')))"
CALL = "import ctypes; raise ValueError(ctypes.CDLL(None).{})"
SOLVED = f"import os; raise ValueError(os.path.exists({str(course_folder() / 'solutions')!r}))"


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_the_sandbox_secrets_network_and_files_are_within_reach(sandbox, folder, supplies):
    """One kernel with all walls and one with none: every answer is another."""
    questions = (PROCESSES, SOLVED, CALL.format("memfd_create(b'x', 0)"))
    with running(sandbox, folder, supplies) as walled, running(LimitsOnly(), folder, supplies) as open_:
        for question in questions:
            assert walled.run(question).error_text != open_.run(question).error_text, question
        write = f"open({str(folder / 'written')!r}, 'w').write('x')"
        assert walled.run(write).error and not open_.run(write).error
    assert (folder / "written").read_text() == "x"


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_a_network_of_its_own(sandbox, folder, supplies, monkeypatch):
    with running(sandbox, folder, supplies) as kernel_:
        walled = kernel_.run(LISTEN)
    if "--unshare-net" in sandbox._namespaces():
        monkeypatch.setattr(Bubblewrap, "command", without("--unshare-net"))
    else:
        monkeypatch.setattr(Bubblewrap, "_namespaces", shared_network(Bubblewrap._namespaces))
    with running(Bubblewrap(), folder, supplies) as kernel_:
        assert kernel_.run(LISTEN).error_text != walled.error_text


CALLS = {
    "memory in files": CALL.format("memfd_create(b'x', 0)"),
    "sockets to the host": CALL.format("socket(40, 1, 0) < 0"),
    "sockets of the network": CALL.format("socket(2, 1, 0) < 0"),
    "attributes of files": "import os; open('x', 'w'); os.setxattr('x', 'user.a', bytes(9))",
    "large buffers": "import socket; socket.socketpair()[0].setsockopt(1, 7, 10**6)",
}


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_the_filter_on_system_calls(sandbox, folder, supplies, monkeypatch):
    with running(sandbox, folder, supplies) as kernel_:
        walled = {name: kernel_.run(question) for name, question in CALLS.items()}
    monkeypatch.setattr(Bubblewrap, "_system_calls", lambda self: b"")
    with running(Bubblewrap(), folder, supplies) as kernel_:
        for name, question in CALLS.items():
            assert kernel_.run(question) != walled[name], name


FORK = """
import os, signal
children = []
try:
    for _ in range(60):
        children.append(os.fork())
        if not children[-1]:
            signal.pause()
finally:
    for child in children:
        os.kill(child, 9)"""
FEW = Limits(processes=40)
BOUNDED = {
    "the size of shared memory": (
        "for i in range(3):\n    with open(f'/dev/shm/{i}', 'wb') as file: file.write(bytes(40 * 2**20))",
        "OSError",
    ),
    "the meeting folder, read-only": (attacks.MEETING + "open(folder + '/written', 'w').write('x')", "OSError"),
    "the number of processes": (FORK, "BlockingIOError"),
}


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_bounds_on_shared_memory_meeting_folder_and_processes(sandbox, folder, supplies, monkeypatch):
    with running(sandbox, folder, supplies, FEW) as walled:
        walled.workspace.meeting.chmod(0o777)  # so that nothing but its being read-only is in the way
        for name, (source, error) in BOUNDED.items():
            assert walled.run(source).error == error, name
        assert not (walled.workspace.meeting / "written").exists()
    command, limits = Bubblewrap.command, Limits.resource_limits

    def opened(self, *args):
        words = command(self, *args)
        meeting = max(i for i, word in enumerate(words) if word == "--ro-bind" and words[i + 1].endswith("/meeting"))
        words[meeting] = "--bind"
        size = words.index("/dev/shm") - 3
        assert words[size] == "--size"
        return [*words[:size], *words[size + 2 :]]

    monkeypatch.setattr(Bubblewrap, "command", opened)
    monkeypatch.setattr(Limits, "resource_limits", lambda self, *a: limits(self, *a) | {"RLIMIT_NPROC": 10_000})
    with running(Bubblewrap(), folder, supplies, FEW) as open_:
        open_.workspace.meeting.chmod(0o777)
        for name, (source, _) in BOUNDED.items():
            assert open_.run(source) == Outcome(), name
        assert (open_.workspace.meeting / "written").read_text() == "x"


def shared_network(namespaces):
    """For an ordinary user, who has all namespaces by one word."""
    return lambda self: [*namespaces(self), "--share-net"]


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_limits_of_the_system(sandbox, folder, supplies, monkeypatch):
    questions = {
        "block = bytearray(2 * 1024**3)": "MemoryError",
        "import os\nwith open('x', 'wb') as f: f.seek(2**27); f.write(b'x')": "OSError",
        "files = [open('/dev/null') for _ in range(600)]": "OSError",
    }
    with running(sandbox, folder, supplies) as limited:
        assert [limited.run(question).error for question in questions] == list(questions.values())
    monkeypatch.setattr(Limits, "resource_limits", lambda self, already=0: {})
    wide = Limits(memory=4096 * MIB, file_size=1024 * MIB)
    with running(Bubblewrap(), folder, supplies, wide) as free:
        assert [free.run(question).error for question in questions] == ["", "", ""]


# What takes memory unseen is there for two seconds, in which the grader looks at it.
HANDLES = (
    FORK.replace("children = []", "import time\nchildren, (heard, told) = [], os.pipe()")
    .replace("signal.pause()", "[os.open('/dev/null', 0) for _ in range(400)]; os.write(told, b'x'); signal.pause()")
    .replace("finally:", "    for _ in children: os.read(heard, 1)\n    time.sleep(2)\nfinally:")
)
NAMES = "import os, time\nfor n in range(70_000): os.mknod(f'/tmp/{n}')\ntime.sleep(2)"


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_the_counts_of_what_takes_memory_unseen(sandbox, folder, supplies, monkeypatch):
    for source in (HANDLES, NAMES):
        with running(sandbox, folder, supplies, Limits()) as watched:
            assert watched.run(source).ended == "memory"
    monkeypatch.setattr(kernel, "MOST_HANDLES", 10**9)
    monkeypatch.setattr(kernel, "MOST_FILES", 10**9)
    with running(sandbox, folder, supplies, Limits()) as unwatched:
        for source in (HANDLES, NAMES):
            assert unwatched.run(source) == Outcome()


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("limits", "source", "ended"),
    [
        ({"cpu_seconds": 0.5}, "for _ in range(10**8): pass", "timeout"),
        ({"wall_seconds": 0.5}, "import time; time.sleep(4)", "timeout"),
        ({"output": MIB}, "for _ in range(300): print('x' * 10_000)", "output"),
        ({"memory": 600 * MIB}, attacks.CHILDREN.replace("(20)", "(4)"), "memory"),
    ],
    ids=["processor", "clock", "output", "memory of all processes"],
)
def test_what_the_grader_itself_counts(sandbox, folder, supplies, limits, source, ended):
    free = {"cpu_seconds": 60, "wall_seconds": 600, "output": 64 * MIB, "memory": 4096 * MIB}
    with running(sandbox, folder, supplies, Limits(**free)) as one:
        assert one.run(source).ended == ""
        one.limits = Limits(**free | limits)
        assert one.run(source).ended == ended


@pytest.mark.parametrize("source, blamed", [("while True: pass", True), ("import time; time.sleep(60)", False)])
def test_the_clock_is_blamed_where_the_processor_was_wanted_and_not_for_sleep(folder, supplies, source, blamed):
    with running(LimitsOnly(), folder, supplies, Limits(cpu_seconds=60, wall_seconds=2)) as one:
        outcome = one.run(source)
    assert (outcome.ended, outcome.by_clock) == ("timeout", blamed)


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_message_without_end_is_cut_off_before_it_fills_the_memory(sandbox, folder, supplies, monkeypatch):
    source = attacks.WIRES["endless-message"].replace("* 400", "* 100")
    limits = Limits(wall_seconds=600, output=2**40)
    with running(sandbox, folder, supplies, limits) as one:
        assert one.run(source + "\nimport time; time.sleep(30)").ended == "output"
    monkeypatch.setattr(kernel, "OWN_MEMORY", 2**40)
    with running(sandbox, folder, supplies, limits) as one:
        assert one.run(source).ended == ""


# --- what is spoilt for other tasks -----------------------------------------------------------------------------------


def earned(content: dict, folder: Path, supplies: Supplies) -> dict[str, float]:
    """The points by task of a notebook that is run without a sandbox; where a task was asked twice and came to two
    verdicts, those of the better one, which are shown and do not count."""
    pool = KernelPool(LimitsOnly, folder, supplies, LIMITS)
    session = Session(Job(Path(), folder, 11, pool, LIMITS))
    points = {}
    try:
        for cell in graft.graft(EXERCISE.solution, read_notebook(dumps(content)), EXERCISE.stubs)["cells"]:
            about = cell["metadata"].get("grading")
            if about and about["role"] == "check":
                row = session.ask(about["task"])
                other = (
                    re.match(r"asked again by itself.*?: ([\d.]+) of", row.other) if row.status == "graded" else None
                )
                points[row.task] = max(row.points, float(other[1]) if other else 0.0)
            elif about:
                session.run(Cell("".join(cell["source"]), about["task"], about["role"]))
    finally:
        session.close()
        pool.close()
    return points


SPOILING = {
    "numpy": PATCHES["numpy"],
    "hand-over": PATCHES["hand-over"],
    "namespace": "ip = get_ipython()\n" + HOOKS["namespace"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILING)
def test_a_task_that_others_have_spoilt_is_asked_again(folder, supplies, monkeypatch, name):
    content = notebook(RIGHT | {TASK: f"# {TASK}\n{SPOILING[name]}\n{WRONG[TASK]}"})
    due = {task: points * (task != TASK) for task, points in POINTS.items()}
    assert earned(content, folder, supplies) == due
    monkeypatch.setattr(Session, "ask", Session._ask)
    assert earned(content, folder, supplies) != due


@pytest.mark.slow
def test_without_a_look_at_the_source_quiet_changes_cost_others_their_points(folder, supplies, monkeypatch):
    changes = "\n".join(PATCHES[name] for name in ("copy", "constants", "code", "toy-language"))
    content = notebook(RIGHT | {TASK: f"# {TASK}\n{changes}\n{WRONG[TASK]}"})
    due = {task: points * (task != TASK) for task, points in POINTS.items()}
    assert earned(content, folder, supplies) == due
    monkeypatch.setattr(nbval_items, "is_suspect", lambda source: False)
    assert earned(content, folder, supplies) != due


class SlowKernel:
    """Takes a minute for each cell, by a clock that the test turns."""

    def __init__(self, clock: list[float]) -> None:
        self.clock, self.ran = clock, []

    def run(self, source: str) -> Outcome:
        self.clock[0] += 60
        self.ran.append(source)
        return Outcome()

    def end(self) -> None:
        pass


@pytest.mark.parametrize(("tasks", "reached"), [(6, True), (1, False)], ids=["shares", "one time for all"])
def test_no_task_uses_up_the_time_of_the_others(monkeypatch, tasks, reached):
    clock = [0.0]
    monkeypatch.setattr(nbval_items.time, "monotonic", lambda: clock[0])
    slow_kernel = SlowKernel(clock)
    session = Session(Job(Path(), Path(), 5, type("Kernels", (), {"take": lambda self: slow_kernel})(), Limits()))
    session.tasks = tasks
    for number in range(12):
        session.run(Cell(f"first {number}", "E02.1", "extra"))
    session.run(Cell("second", "E02.2", "answer"))
    assert ("second" in slow_kernel.ran) is reached


# --- the verdict ------------------------------------------------------------------------------------------------------


class FakeKernel:
    """Answers every cell with what a forger would show."""

    def __init__(self, nonce: bool) -> None:
        self.nonce = nonce

    def run(self, source: str) -> Outcome:
        if "hand_over" not in source:
            return Outcome()
        seed, nonce = re.search(r"seed=(\d+), nonce='(\w+)'", source).groups()
        right = {"t": "tuple", "v": [{"t": "float", "v": 1 - 0.9**10}, {"t": "float", "v": 9.0}]}
        data = {"task": "E02.3", "seed": int(seed), "state": "answered", "seen": [{"value": right}]}
        return Outcome(probes=[data | {"nonce": nonce if self.nonce else "old"}])

    def end(self) -> None:
        pass


@pytest.mark.parametrize("nonce", [True, False])
def test_data_count_with_the_nonce_of_this_very_question_only(nonce):
    pool = type("Kernels", (), {"take": lambda self: FakeKernel(nonce)})()
    session = Session(Job(Path(), Path(), 5, pool, LIMITS))
    assert session._ask("E02.3").points == (POINTS["E02.3"] if nonce else 0)


def test_remembered_answers_are_right_for_the_seed_of_the_notebook_only():
    (source,) = (
        c["source"] for c in json.loads(BY_NAME["remembered-inputs"].content)["cells"] if c.get("id") == "e02-6"
    )
    names: dict = {}
    exec(source, names)
    from course_utils.checks.probing import probe_task

    assert nbval_items.judged("E02.6", probe_task("E02.6", names, 0), 0).points == POINTS["E02.6"]
    assert nbval_items.judged("E02.6", probe_task("E02.6", names, 1), 1).points == 0


def test_without_the_guard_an_error_in_the_judge_would_end_the_run(monkeypatch):
    def broken(*_):
        raise RecursionError

    monkeypatch.setattr(nbval_items, "judge_task", broken)
    row = nbval_items.judged("E02.6", {}, 1)
    assert (row.points, row.status) == (0, "ungraded") and "RecursionError" in row.message
    with pytest.raises(RecursionError):
        nbval_items._judged("E02.6", {}, 1)


def test_a_judgement_that_does_not_end_is_cut_off(monkeypatch):
    def endless(*_):
        while True:
            pass

    monkeypatch.setattr(nbval_items, "judge_task", endless)
    monkeypatch.setattr(nbval_items, "JUDGING_SECONDS", 0.2)
    row = nbval_items.judged("E02.6", {}, 1)
    assert (row.points, row.status) == (0, "ungraded") and "TimeoutError" in row.message


def test_exponents_without_bound_would_hold_up_the_judge(monkeypatch):
    data = {"t": "decimal", "v": "1e30000"}
    assert type(judging.decode(data)).__name__ == "Opaque"
    monkeypatch.setattr("course_utils.checks.plain.MAX_DIGITS", 10**6)
    assert type(judging.decode(data)).__name__ == "Decimal"


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bound", "attack"),
    [
        ("MOST_CELLS", 10**6, "format-20000-cells"),
        ("MOST_VALUES", 10**9, "format-many-values"),
        ("MOST_DIGITS", 4_300, "format-long-integer"),
    ],
)
def test_a_bound_on_files_taken_away(monkeypatch, name, bound, attack):
    data = BY_NAME[attack].content.replace(b"7" * 5_000, b"7" * 4_000).replace(b"[]," * 6_000_000, b"[]," * 4_100_000)
    with pytest.raises(reading.Unusable):
        read_notebook(data)
    monkeypatch.setattr(reading, name, bound)
    with contextlib.suppress(reading.Unusable):
        assert read_notebook(data)["cells"] is not None
        return
    assert name == "MOST_VALUES"  # then the number of cells is what is too large
