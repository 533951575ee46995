"""A pytest plugin: the cells of a graded copy as nbval's items, with the points decided outside the kernel.

It collects with nbval's own `IPyNbFile` and `IPyNbCell`. A check item does not compare stored outputs: it asks the
kernel to hand over what the answer returns on fresh inputs, and lets the task's judge decide, in this process. Points
come from the report hook of this plugin and from nowhere else; a check that never got there has no result.
"""

from __future__ import annotations

import contextlib
import random
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from course_utils.checks.cells import LONGEST
from course_utils.checks.plain import Malformed, decode
from course_utils.checks.probing import load_probe
from course_utils.staff.grading.intake.reading import NOT_RUN
from course_utils.staff.grading.place.suspicion import is_suspect
from course_utils.staff.grading.records import UNGRADED, Row
from course_utils.staff.grading.run.pool import KernelPool
from course_utils.staff.grading.sandbox.isolation import Limits
from course_utils.staff.grading.sandbox.kernel import Kernel, Outcome
from course_utils.staff.grading.sandbox.process import NotStarted
from course_utils.staff.judging.judging import Seen, Verdict, judge_task, show
from course_utils.staff.judging.registry import load_judge

ASK = (
    "from course_utils.checks.probing import hand_over as _ask\n"
    "_ask({task!r}, seed={seed}, nonce={nonce!r}, cells={cells!r})"
)
ENDED = {
    "timeout": "did not end within the time limit ({limits.cpu_seconds:g} CPU seconds, {limits.wall_seconds:g} in all)",
    "memory": "took more memory than the limit of {megabytes} MB",
    "output": "printed more than the limit of {megabytes_out} MB",
    "died": "ended the Python process (exit, kill or crash)",
}
JUDGING_SECONDS = (
    20.0  # of the processor, for one task: no honest answer takes a tenth of that, nor torch's import half
)
DEAF_SECONDS = 10  # of the processor, after which a judgement that goes on is ended with its process
STATUS = {"timeout": "timeout", "memory": "memory"}  # of what ended a kernel; everything else is an error
# Parts of pytest that have no work here; two of them collect all garbage of the process at each session's end.
NOT_NEEDED = (
    "cacheprovider",
    "unraisableexception",
    "threadexception",
    "doctest",
    "junitxml",
    "logging",
    "faulthandler",
)
RAISED = "the answer cell raised"
UNREADABLE = "what came back could not be read"
TWICE = "not deterministic: asked a second time, it came to more points (other cells, or chance, play a part)"
NO_MEMORY = re.compile(r"MemoryError|can't allocate memory|bad_alloc")


LATE = Outcome(ended="timeout", by_clock=True)  # of what does not even begin: the time of its submission is over


@dataclass(frozen=True)
class Job:
    """One graded copy to run: where it may write, and where its kernels come from."""

    notebook: Path
    folder: Path
    seed: int
    pool: KernelPool
    limits: Limits


class NotFull(Exception):
    """A task earned less than its points; the text is the message."""


class GradingPlugin:
    """Collects one graded copy; `results` fills with the results of its tasks."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.results: list[Row] = []
        self.reason = ""  # why pytest ended early

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo) -> None:
        self.reason = str(excinfo.value)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo) -> None:
        self.reason = repr(excinfo.value)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if file_path == self.job.notebook:
            return GradedFile.from_parent(parent, path=file_path, job=self.job, results=self.results)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator:
        report = yield
        if call.when == "call" and isinstance(item, GradedCell) and item.result is not None:
            self.results.append(item.result)
        return report


class GradedFile(IPyNbFile):
    """A graded copy. Its one session outlives the death of kernels."""

    def __init__(self, *args, job: Job, results: list[Row], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.job, self.results = job, results
        self.session_of_cells = Session(job)

    def setup(self) -> None:
        """Starts no kernel in the notebook's folder, as nbval would: the session starts its own when it needs one."""

    def teardown(self) -> None:
        settled = {row.task: row for row in self.session_of_cells.ask_again(self.results)}
        self.results[:] = [settled.get(row.task, row) for row in self.results]
        self.session_of_cells.close()

    def collect(self) -> Iterator[GradedCell]:  # pyright: ignore[reportIncompatibleMethodOverride]
        items = list(super().collect())
        self.session_of_cells.tasks = sum(item.cell.metadata["grading"]["role"] == "check" for item in items)
        for item in items:
            yield GradedCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )


class GradedCell(IPyNbCell):
    """A code cell of a graded copy, run in the session's kernel; a check passes when its task earns full points."""

    result: Row | None = None

    def setup(self) -> None:
        """nbval marks what follows a timeout as expected to fail; here every cell stands for itself."""

    def runtest(self) -> None:
        about = self.cell.metadata["grading"]
        session = self.parent.session_of_cells
        if about["role"] == "last":
            session.last.append(Cell(self.cell.source, "", "last"))
            return
        if about["role"] != "check":
            outcome = session.run(Cell(self.cell.source, about["task"], about["role"]))
            if outcome.ended or outcome.error:
                raise NotFull(outcome.ended or outcome.error)
            return
        if "missing" in about:
            result = nothing(about["task"], "missing", about["missing"])
        else:
            result = session.ask(about["task"])
        self.result = result
        if result.points < result.max_points:
            raise NotFull(result.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        return f"{self.name}: {excinfo.value}"


@dataclass(frozen=True)
class Cell:
    """A cell to run: its source, the task that it belongs to ("": none), and its role (see `graft`)."""

    source: str
    task: str
    role: str

    @property
    def pristine(self) -> bool:
        """Whether it is ours: such a cell fails only where a student's cell has broken something before."""
        return self.role in ("given", "reset")

    def marked(self) -> str:
        """Its source; that of an answer names its task, wherever the marker of its first line has gone."""
        return f"{self.source}\n# {self.task}" if self.role == "answer" else self.source

    @property
    def suspect(self) -> bool:
        """Whether it is a student's and may have spoilt the kernel for what follows."""
        return not self.pristine and is_suspect(self.source)


class Session:
    """Runs the cells of one graded copy in order, in one kernel, and in a new one after each death.

    After a death the cells so far are run again without the one that killed the kernel; results that were reached stay.

    A cell may also spoil the kernel for the tasks that follow: by replacing functions of Python, numpy or the course,
    or by a thread that ends the process later. Where something points to that (`doubt`), or a cell of another task does
    more than compute (see `suspicion`), a task that did not earn its points is asked a second time in a new kernel, in
    which nothing has run but our cells, its own, and those of others that do nothing but compute.

    Each of the `tasks` has its share of the time that is left when its turn comes: none can use up that of the others.
    """

    def __init__(self, job: Job, deadline: float | None = None) -> None:
        self.job = job
        self.kernel: Kernel | None = None
        self.cells: list[Cell] = []  # all that were run, in order
        self.last: list[Cell] = []  # the student's below the last check: they run only where a name is missing
        self.done: list[Cell] = []  # those that a new kernel has to run again
        self.answers: dict[str, Outcome] = {}  # what running the answer cell of a task came to
        self.not_run = ""  # what is said of the last cell that was too long to be run
        self.doubt = False  # whether what ran before may be to blame for what goes wrong now
        self.deadline = deadline or time.monotonic() + job.limits.total_seconds
        self.tasks = 1
        self.until: dict[str, float] = {}  # when the share of a task ends

    def run(self, cell: Cell) -> Outcome:
        """Runs a cell that is no check."""
        self.cells.append(cell)
        late = not cell.pristine and time.monotonic() > self._until(cell.task)
        outcome = LATE if late else self._in_kernel(cell.source)
        self.doubt |= outcome.ended == "died" or (cell.pristine and bool(outcome.ended or outcome.error))
        if outcome.error_text.startswith(NOT_RUN):
            self.not_run = outcome.error_text
        if not outcome.ended:
            self.done.append(cell)
        elif cell.pristine:
            self.done = _without_killer([*self.done, cell], cell)
        if cell.role == "answer":
            self.answers[cell.task] = outcome
        return outcome

    def ask(self, task: str) -> Row:
        """Asks the kernel for what the task's answer returns, and judges it here; a second time where in doubt."""
        result = self._ask(task)
        if result.points == result.max_points or time.monotonic() > self._until(task):
            return result
        others = [cell for cell in self.done if not cell.pristine and cell.task != task]
        lacking = result.status == "memory" or bool(NO_MEMORY.search(result.message))
        if not (self.doubt or any(cell.suspect for cell in others) or (lacking and others)):
            return result
        helpers = [] if lacking else [cell for cell in others if not cell.suspect]
        alone = Session(self.job, self._until(task))
        for cell in self.cells:
            if cell.task in ("", task) or cell in helpers:
                alone.run(cell)
        settled = of_two(result, alone._ask(task), "by itself, in a new kernel")
        if settled.points > result.points:
            self.close()
            self.kernel, self.done, self.answers, self.doubt = alone.kernel, alone.done, alone.answers, False
            return settled
        alone.close()
        self.doubt = False
        if alone.doubt:  # by its own cells alone: they shall spoil nothing for the others
            self.close()
            self.done = [cell for cell in self.done if cell.pristine or cell.task != task]
        return settled

    def ask_again(self, results: list[Row]) -> list[Row]:
        """Asks those tasks again, after all cells, for which a name was missing that a later cell of the student has.

        The student ran them in another order than that of the notebook, and was right. Returns what has changed.
        """
        tasks = [row.task for row in results if (name := _missing_name(row)) and self._comes_later(name, row.task)]
        for cell in self.last if tasks else []:
            self._in_kernel(cell.source)
        settled = []
        for task in tasks:
            for cell in [cell for cell in self.cells if cell.task == task]:
                self.run(cell)
            before = next(row for row in results if row.task == task)
            settled.append(of_two(before, self._ask(task), "after the cells below it"))
        return settled

    def _comes_later(self, name: str, task: str) -> bool:
        """Whether a cell of the student that stands below this task has the name in it."""
        at = max((index for index, cell in enumerate(self.cells) if cell.task == task), default=len(self.cells))
        below = [cell for cell in self.cells[at + 1 :] if not cell.pristine] + self.last
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", cell.source) for cell in below)

    def _ask(self, task: str) -> Row:
        answer = self.answers.get(task, Outcome())
        if answer.ended or time.monotonic() > self._until(task):
            return self._ended(task, "the answer cell", answer if answer.ended else LATE)
        nonce = secrets.token_hex(16)
        own = [cell for cell in self.cells if cell.task == task and not cell.pristine]
        cells = [cell.marked() for cell in own if len(cell.source) < LONGEST]
        outcome = self._in_kernel(ASK.format(task=task, seed=self.job.seed, nonce=nonce, cells=cells))
        if outcome.ended:
            self.doubt |= outcome.ended == "died"
            return self._ended(task, "your answer", outcome)
        handed = [data for data in outcome.probes if data.get("nonce") == nonce]
        if len(handed) != 1:
            self.doubt = True
            said = _said(outcome) if outcome.error else "nothing came back, or more than once"
            return nothing(task, "error", f"the answer could not be asked ({said})")
        result = judged(task, handed[0], self.job.seed)
        self.doubt |= result.message.startswith(UNREADABLE)
        unasked = handed[0].get("state") != "answered"
        if unasked and answer.error and not result.message.startswith(RAISED):
            said = answer.error_text if answer.error_text.startswith(NOT_RUN) else f"{RAISED} {_said(answer)}"
            return replace(result, status="error", message=said)
        if self.not_run and result.points < result.max_points:  # the answer may rest on what stands there
            result = replace(result, message=f"{result.message} (further up, {self.not_run})")
        if result.status == "memory":
            self._end_kernel()  # what the answer still holds is not the next task's burden
        return result

    def _until(self, task: str) -> float:
        """When the share of a task ends; it begins when first asked for."""
        now = time.monotonic()
        return self.until.setdefault(task, now + (self.deadline - now) / max(self.tasks - len(self.until), 1))

    def close(self) -> None:
        self._end_kernel()

    def _in_kernel(self, source: str) -> Outcome:
        if time.monotonic() > self.deadline:
            return LATE
        if self.kernel is None:
            self._revive()
        if self.kernel is None:
            return LATE
        outcome = self.kernel.run(source)
        if outcome.ended:
            self._end_kernel()
        return outcome

    def _revive(self) -> None:
        """A new kernel in which all that was done is done again; a cell that kills it now is left out from then on.

        Should one of our own cells be where it dies, those of the student's that may be to blame are left out.
        """
        waiting = list(self.done)
        self.done = []
        while time.monotonic() < self.deadline:
            self.kernel = self.kernel or self._new_kernel()
            if not waiting:
                return
            cell = waiting.pop(0)
            if not self.kernel.run(cell.source).ended:
                self.done.append(cell)
                continue
            self.doubt = True
            waiting, self.done = _without_killer([*self.done, cell, *waiting], cell), []
            self._end_kernel()

    def _new_kernel(self) -> Kernel:
        try:
            return self.job.pool.take()
        except (NotStarted, OSError) as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)

    def _end_kernel(self) -> None:
        if self.kernel is not None:
            self.kernel.end()
            self.kernel = None

    def _ended(self, task: str, what: str, outcome: Outcome) -> Row:
        limits, why = self.job.limits, outcome.ended
        said = ENDED[why].format(limits=limits, megabytes=limits.memory // 2**20, megabytes_out=limits.output // 2**20)
        return replace(nothing(task, STATUS.get(why, "error"), f"{what} {said}"), by_clock=outcome.by_clock)


def _without_killer(cells: list[Cell], killer: Cell) -> list[Cell]:
    """The cells without the one at which the kernel died; where that one is ours, without those of the student's that
    may have spoilt it, or at last without all of theirs."""
    if not killer.pristine or all(cell.pristine for cell in cells):
        return [cell for cell in cells if cell is not killer]
    suspect = any(cell.suspect for cell in cells)
    return [cell for cell in cells if (not cell.suspect if suspect else cell.pristine)]


def _said(outcome: Outcome) -> str:
    """The exception of a cell; a syntax error names the line, not the file that IPython makes of the cell."""
    return re.sub(r"\(\d+\.py, line (\d+)\)", r"(line \1)", f"{outcome.error}: {outcome.error_text}")


def _missing_name(row: Row) -> str:
    """The name that was not defined when this went wrong, or ""."""
    found = row.points < row.max_points and re.search(r"NameError: name '(\w+)' is not defined", row.message)
    return found[1] if found else ""


def nothing(task: str, status: str, message: str) -> Row:
    """No points, and why."""
    return Row(task, 0.0, float(load_judge(task).points), status, message)


def of_two(first: Row, second: Row, how: str) -> Row:
    """What counts where a task was asked twice: the run from top to bottom, if it came to a verdict at all.

    Were it the better one, an answer that can tell the second asking from the first could give two guesses. An asking
    that ended in an error, a limit or a dead kernel is no guess: then the second is made the only one.
    """
    if second.points <= first.points:
        return first
    if first.status == "graded":
        return replace(first, message=f"{first.message}; {TWICE}", other=_in_brief(second, f"asked again {how}"))
    return replace(second, other=_in_brief(first, f"asked again {how}; from top to bottom"))


def _in_brief(row: Row, how: str) -> str:
    return f"{how}: {row.points:g} of {row.max_points:g}, {row.message or 'right'}"


def judged(task: str, data: dict, seed: int) -> Row:
    """The judge's verdict on a probe's data, as a result. Whatever the data are, they end no run.

    A judge that fails, or is late, says nothing about the answer: the task is then not graded.
    """
    try:
        with time_limit(JUDGING_SECONDS):
            return _judged(task, data, seed)
    except Exception as error:  # noqa: BLE001 - the data may come from an attack: any kind of error may be its aim
        return nothing(task, UNGRADED, f"not graded yet: the judge of this task failed ({type(error).__name__})")


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeoutError after so many seconds of the processor (in the main thread of a system that has timers).

    What does not come back to Python, and so cannot be interrupted, ends this process not much later.
    """

    def late(*_: object) -> None:
        raise TimeoutError

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    import resource

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    last = int(time.process_time() + seconds) + DEAF_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (last if hard == resource.RLIM_INFINITY else min(last, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _judged(task: str, data: dict, seed: int) -> Row:
    verdict = judge_task(task, data, seed)
    status, points = verdict.status, min(max(verdict.points, 0.0), verdict.max_points)
    if not verdict.right and _without_memory(data):
        status = "memory"
    elif status == "missing" and data.get("state") != "stub" and verdict.message == "not answered yet":
        verdict = replace(verdict, message=f"not answered yet: there is no function {load_probe(task).function}")
    returned = "" if verdict.right else what_came_back(task, data, seed, verdict)
    known = verdict.misconception or ""
    return Row(task, points, verdict.max_points, status, verdict.message, verdict.call, returned, known)


def _without_memory(data: dict) -> bool:
    seen = data.get("seen")
    errors = (
        [f"{one.get('error')}: {one.get('message')}" for one in seen if isinstance(one, dict)]
        if isinstance(seen, list)
        else []
    )
    return any(NO_MEMORY.search(error) for error in errors)


def what_came_back(task: str, data: dict, seed: int, verdict: Verdict) -> str:
    """What the failing call (or the only one) returned or raised, as text; "" where the verdict is about several."""
    probe = load_probe(task)
    calls = [case.call(probe.function) for case in probe.cases(random.Random(seed))]
    if verdict.call not in calls and len(calls) != 1:
        return ""
    try:
        one = Seen.read(data["seen"][calls.index(verdict.call) if verdict.call in calls else 0])
        value = decode(one.items["shown"]) if "shown" in one.items else one.value
    except (Malformed, KeyError, IndexError, TypeError):
        return ""
    return f"{one.error}: {one.message}" if one.error else show(value)


def run_job(job: Job) -> list[Row]:
    """Runs one graded copy in a pytest session of its own; raises for what is not the fault of the submission."""
    plugin = GradingPlugin(job)
    configuration = job.folder / "pytest.ini"  # so that no configuration of the machine is found
    configuration.write_text("[pytest]\n", encoding="utf-8")
    options = ["-q", "--capture=no", "-p", "nbval.plugin", "-c", str(configuration)]
    options += [word for name in NOT_NEEDED for word in ("-p", f"no:{name}")]
    options += ["--rootdir", str(job.folder), "--noconftest", str(job.notebook)]
    status = pytest.main(options, plugins=[plugin])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest could not run the graded copy: {plugin.reason or f'status {status}'}")
    return plugin.results
