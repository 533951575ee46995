"""A grading run: everything that was handed in, graded by a few workers, written down as a report."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import queue
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import course_utils
from course_utils.notebooks import write_whole
from course_utils.staff.grading.intake import marks, roster, submissions
from course_utils.staff.grading.intake.submissions import File, Unusable
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import graft, place
from course_utils.staff.grading.place.pristine import Exercise
from course_utils.staff.grading.records import LOST, Record, Row, Store, fingerprint
from course_utils.staff.grading.report import report
from course_utils.staff.grading.report.graded import Changes, Graded
from course_utils.staff.grading.run.cluster import Cluster, RemoteWorker
from course_utils.staff.grading.run.worker import Worker, WorkerFailed, sole_use
from course_utils.staff.grading.sandbox.isolation import Limits, Supplies, to_json

LITTLE_ROOM = 256 * 1024  # bytes: with less, no grading process can work
STATE = ".state"  # in the report's folder: what a killed run needs to continue
PACKAGES = ("nbval", "pytest", "jupyter_client", "ipykernel", "ipython", "numpy", "torch")


class BadReport(ValueError):
    """The report cannot be written where the operator wants it; the text says why."""


@dataclass(frozen=True)
class Order:
    """What the operator asks for."""

    source: Path
    out: Path
    exercise: str | None = None
    roster: Path | None = None
    seed: int | None = None
    jobs: int = 1
    isolation: str = "limits only"
    limits: Limits = Limits()
    root: Path | None = None  # of the course; None: where it is found
    manual: Path | None = None
    formats: tuple[str, ...] = ()
    dask: str | None = None


@dataclass(frozen=True)
class HandedIn:
    """One student's exercise: the file that counts (None: there is none), its content or why it has none, and notes."""

    student: str
    exercise: Exercise
    file: File | None = None
    notebook: dict | None = None
    problem: str = ""
    digest: str = ""
    note: str = ""


@dataclass(frozen=True)
class Finished:
    """A run that is over: what it graded, and what is different from the report before, if there was one."""

    graded: Graded
    changes: Changes | None


Progress = Callable[[int, int, Record, bool], None]  # done, all, the last record, whether it was graded just now


def grade(order: Order, folder: Path, progress: Progress = lambda done, total, record, now: None) -> Finished:
    """Grades everything and writes the report. `folder` is temporary, for the kernels.

    Raises NoSubmissions, NoExercise, BadRoster, BadMarks or BadReport for the operator's mistakes, and nothing for a
    submission's.
    """
    started = time.time()
    enrolled = roster.read(order.roster) if order.roster else {}
    students, files = submissions.find(order.source)
    plan = Plan(order, enrolled, students, files)
    given = marks.read(order.manual, plan.students, plan.exercises.values()) if order.manual else None
    _make(order)
    with sole_use(order.out / STATE / "lock") as alone:
        if not alone:
            raise BadReport(f"another run is writing to {order.out}: wait until it has ended, or name another folder")
        order = replace(order, seed=_seed(order))
        store = Store(order.out / STATE)
        records, seconds = _grade_all(order, plan, store, folder, progress)
        about = _about(order, plan, records, seconds) | {"seconds": round(time.time() - started, 3)}
        graded = Graded(records, plan.exercises, about, enrolled, given, plan.platform)
        return Finished(graded, report.write(order.out, graded, order.formats))


def _make(order: Order) -> None:
    """Makes the report's folder."""
    state = order.out / STATE
    if order.out.exists() and (not order.out.is_dir() or (any(order.out.iterdir()) and not state.is_dir())):
        raise BadReport(f"{order.out} is there already and is no report of `course grade`: name a new folder")
    if order.out.resolve().is_relative_to(order.source.resolve()):
        raise BadReport("the report cannot lie among the submissions: name a folder beside them")
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadReport(f"the report cannot be written to {order.out}: {error}") from None


def _seed(order: Order) -> int:
    """The seed that is asked for, or that of the run to continue, or a fresh one; kept for the next run."""
    path = order.out / STATE / "seed"
    try:
        seed = order.seed
        if seed is None:
            seed = int(path.read_text(encoding="utf-8")) if path.exists() else secrets.randbelow(2**31)
        write_whole(path, str(seed))
    except (OSError, ValueError) as error:
        raise BadReport(f"the report cannot be written to {order.out}: {error}") from None
    return seed


class Plan:
    """Who is graded on what. Files are looked into one at a time, when their turn comes."""

    def __init__(self, order: Order, enrolled: dict, students: list[str], files: list[File]) -> None:
        self.order, self.enrolled, self.ignored = order, enrolled, []
        known = pristine.names(order.root)
        wanted = [pristine.load(order.exercise, order.root).name] if order.exercise else None
        known_as = dict.fromkeys(students) | {file.student: file.platform for file in files}
        matched = roster.match(known_as, enrolled)
        files = [replace(file, student=matched[file.student]) for file in files]
        self.platform = {file.student: file.platform for file in files if file.platform}
        self.students = sorted(set(matched.values()) | set(enrolled))
        self.files: dict[tuple[str, str], list[File]] = {}
        for file in files:
            name = self._recognise(file, known) or self._only_file(file, files, wanted)
            if name and (wanted is None or name in wanted):
                self.files.setdefault((file.student, name), []).append(file)
            else:
                self.ignored.append((file.student, "/".join(file.parts)))
        names = wanted or sorted({name for _, name in self.files})
        if not names:
            raise submissions.NoSubmissions(
                f"no notebook in {order.source} is of an exercise of this course; --exercise says which one is meant"
            )
        self.exercises = {name: pristine.load(name, order.root) for name in names}

    def _recognise(self, file: File, known: list[str]) -> str | None:
        try:
            notebook = submissions.read_notebook(file.read())
        except Unusable:
            notebook = {}
        return submissions.by_metadata(notebook, known) or submissions.by_name(file.name, known)

    def _only_file(self, file: File, files: list[File], wanted: list[str] | None) -> str | None:
        """Where one exercise is graded, the only file of a student is meant for it, whatever it is called."""
        others = [other for other in files if other.student == file.student]
        return wanted[0] if wanted and len(others) == 1 else None

    def handed_in(self) -> list[tuple[str, Exercise]]:
        return [(student, exercise) for exercise in self.exercises.values() for student in self.students]

    def open(self, student: str, exercise: Exercise) -> HandedIn:
        """Reads what a student handed in for an exercise."""
        candidates = self.files.get((student, exercise.name), [])
        if not candidates:
            others = [name for owner, name in self.ignored if owner == student]
            said = f" (not recognised: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''})" if others else ""
            return HandedIn(student, exercise, problem=f"no file for this exercise{said}")
        file = submissions.newest(candidates, exercise.name)
        enrolled = self.enrolled.get(student)
        notes = [roster.lateness(file.modified, enrolled.deadline if enrolled else None, file.late)]
        try:
            data = file.read()
            digest = hashlib.sha256(data).hexdigest()
            notebook = submissions.read_notebook(data)
        except Unusable as reason:
            note = "; ".join(filter(None, notes))
            return HandedIn(student, exercise, file, problem=str(reason), digest=f"unusable: {reason}", note=note)
        version = notebook["course"].get("version")
        if isinstance(version, str) and version != exercise.version:
            notes.append(f"version {version[:20]} of the exercise, graded with {exercise.version}")
        return HandedIn(student, exercise, file, notebook, digest=digest, note="; ".join(filter(None, notes)))


def _grade_all(order: Order, plan: Plan, store: Store, folder: Path, progress: Progress) -> tuple[list[Record], dict]:
    """All records, with the seconds of each that was graded now; records of an earlier, killed run are taken over."""
    free: queue.SimpleQueue[Worker | RemoteWorker] = queue.SimpleQueue()
    todo = plan.handed_in()
    records, seconds = [], {}
    with _workers(order, folder) as workers:
        for worker in workers:
            free.put(worker)
        threads = ThreadPoolExecutor(len(workers))
        try:
            turns = [
                threads.submit(
                    _one, order, plan.open, store, free, folder / f"n{i}", i + len(workers) < len(todo), *who
                )
                for i, who in enumerate(todo)
            ]
            for turn in as_completed(turns):
                record, took = turn.result()
                records.append(record)
                if took is not None:
                    seconds[record.student, record.exercise] = round(took, 3)
                progress(len(records), len(todo), record, took is not None)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.close()
            threads.shutdown(wait=True)
    return records, seconds


@contextlib.contextmanager
def _workers(order: Order, folder: Path) -> Iterator[list[Worker | RemoteWorker]]:
    """What grades: processes of this machine, or those of a Dask cluster."""
    if order.dask is None:
        supplies = Supplies.make(folder / "supplies")
        yield [Worker(order.isolation, supplies, order.limits) for _ in range(order.jobs)]
        return
    cluster = Cluster(order.dask, order.isolation, order.limits)
    try:
        yield cluster.handles
    finally:
        cluster.close()


def _one(
    order: Order,
    open_file: Callable,
    store: Store,
    workers: queue.SimpleQueue,
    folder: Path,
    ahead: bool,
    student: str,
    exercise: Exercise,
) -> tuple[Record, float | None]:
    """One student's exercise: from the store, or graded now by a free worker (then with the seconds it took).

    `ahead`: the worker will have others to grade after it.
    """
    handed = open_file(student, exercise)
    rules = (exercise.fingerprint, order.seed, order.isolation, to_json(order.limits), course_utils.__version__)
    mark = fingerprint(handed.digest, handed.problem, *rules)
    file = "/".join(handed.file.parts) if handed.file else ""
    record = store.get(student, exercise.name, mark)
    if record:
        return replace(record, file=file, note=handed.note), None
    started = time.time()
    rows = _without_running(handed) or _run(order.seed, handed, workers, folder, ahead)
    took = time.time() - started
    record = Record(student, exercise.name, mark, rows, file, handed.note, round(took, 3))
    if not record.lost:
        store.put(record)
    return record, took


def _without_running(handed: HandedIn) -> tuple[Row, ...]:
    """The rows of a file that is missing, unusable or without an answer; none where there is something to run."""
    exercise = handed.exercise
    if handed.notebook is None:
        reasons = dict.fromkeys(exercise.stubs, handed.problem)
    else:
        reasons = place(exercise.solution, handed.notebook, exercise.stubs).missing
    if len(reasons) < len(exercise.tasks):
        return ()
    status = "invalid" if handed.file and handed.problem else "missing"
    return tuple(Row(task.id, 0.0, task.max_points, status, reasons[task.cell]) for task in exercise.tasks)


def _run(seed: int, handed: HandedIn, workers: queue.SimpleQueue, folder: Path, ahead: bool) -> tuple[Row, ...]:
    """The rows that a worker finds; a task that it did not come to has no points."""
    exercise = handed.exercise
    folder.mkdir()
    copy = folder / "graded.ipynb"
    write_whole(copy, json.dumps(graft(exercise.solution, handed.notebook, exercise.stubs)))
    worker = workers.get()
    try:
        rows = _with_retry(lambda: worker.grade(copy, folder, seed, exercise.imports, ahead), folder)
    finally:
        workers.put(worker)
        shutil.rmtree(folder, ignore_errors=True)
    reached = {row.task: row for row in rows}
    return tuple(reached.get(task.id) or Row(task.id, 0.0, task.max_points, "error", LOST) for task in exercise.tasks)


def _with_retry(grade_copy: Callable[[], list[Row]], folder: Path) -> list[Row]:
    """A worker may be killed through no fault of the submission: a second one then tries.

    Raises OSError where `folder`, in which they work, has no room left: then all would end.
    """
    for _ in range(2):
        with contextlib.suppress(WorkerFailed):
            return grade_copy()
    if shutil.disk_usage(folder).free < LITTLE_ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.parent))
    return []


def _about(order: Order, plan: Plan, records: list[Record], seconds: dict) -> dict:
    """run.json: what produced this report."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    graded = [
        {"student": r.student, "exercise": r.exercise, "file": r.file, "seconds": seconds.get((r.student, r.exercise))}
        for r in sorted(records, key=lambda r: (r.student, r.exercise))
    ]
    return {
        "course_utils": course_utils.__version__,
        "python": platform.python_version(),
        "packages": installed,
        "seed": order.seed,
        "isolation": order.isolation,
        "limits": to_json(order.limits),
        "jobs": order.jobs,
        "exercises": {name: exercise.fingerprint for name, exercise in plan.exercises.items()},
        "submissions": graded,
        "lost": [f"{r.student}/{r.exercise}" for r in records if r.lost],
        "ignored": [f"{student}/{name}" for student, name in sorted(plan.ignored)],
    }
