"""The solved notebooks as namespaces and sources, for the tests of the checks."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import signal
import time
import warnings
from pathlib import Path

import torch  # noqa: F401 - its first import takes seconds, which should count to no answer

from course_utils.checks import registry
from course_utils.checks.probing import probe_task
from course_utils.staff.judging.judging import Verdict, judge_task

ROOT = Path(__file__).parents[2]
TASKS = [task for lesson in registry.lessons() for task in registry.tasks(lesson)]


class Hung(BaseException):
    """The answer did not come back in time; not an Exception, so that no probe catches it."""


@functools.cache
def cells(lesson: str) -> dict[str, str]:
    """The code cells of the solved notebook of a lesson, by cell id."""
    (path,) = (ROOT / "solutions").glob(f"{lesson}_*.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"}


@functools.cache
def lecture_cells(lecture: str, without: str) -> dict[str, str]:
    """The code cells of a lecture ("09_real_model"), by cell id; those with the tag `without` are left out."""
    notebook = json.loads((ROOT / "notebooks" / f"{lecture}.ipynb").read_text(encoding="utf-8"))
    return {
        cell["id"]: "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and without not in cell["metadata"].get("tags", [])
    }


def answer_source(task: str) -> str:
    """The source of the answer cell of a task."""
    return cells(registry.lesson_of(task))[task.lower().replace(".", "-")]


@functools.cache
def base_namespace(lesson: str) -> dict:
    """The names that the notebook defines outside its answers and checks."""
    import matplotlib

    matplotlib.use("agg")
    ids = {task.lower().replace(".", "-") for task in registry.tasks(lesson)}
    namespace: dict = {"__name__": "__main__"}
    for cell, source in cells(lesson).items():
        if cell not in ids and not cell.endswith("-check"):
            run(source, namespace)
    return namespace


def run(source: str, namespace: dict) -> dict:
    """Executes a cell quietly in a namespace."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, "<cell>", "exec"), namespace)  # noqa: S102
    return namespace


def names(task: str, source: str | None = None) -> dict:
    """What the notebook defines once the answer cell of `task` (or `source` in its place) has run."""
    return run(source or answer_source(task), dict(base_namespace(registry.lesson_of(task))))


def verdict(task: str, namespace: dict, seed: int = 0, seconds: float = 20, explain: bool = True) -> Verdict:
    """Probe and judge as the grader has them: what lies between goes through JSON."""
    with time_limit(seconds):
        data = probe_task(task, namespace, seed)
    return judge_task(task, json.loads(json.dumps(data, allow_nan=False)), seed, explain)


@contextlib.contextmanager
def time_limit(seconds: float):
    """Raises Hung after so many seconds of the processor, as a busy machine makes no answer wrong, or ten times as many
    by the clock, for one that only waits (where the system has timers)."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    begun, last = time.process_time(), time.monotonic() + 10 * seconds

    def hung(*_):
        left = seconds - (time.process_time() - begun)
        if left <= 0 or time.monotonic() > last:
            raise Hung
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.1))

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
