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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path

import course_utils
from course_utils.notebooks import write_whole
from course_utils.staff.grading.intake import finding, manifest, marks, roster
from course_utils.staff.grading.intake.finding import File, Found, NoSubmissions
from course_utils.staff.grading.intake.late import LateRule
from course_utils.staff.grading.intake.manifest import Entry, Manifest
from course_utils.staff.grading.intake.reading import Unusable, read_notebook
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import graft, place
from course_utils.staff.grading.place.pristine import Exercise
from course_utils.staff.grading.records import LOST, UNGRADED, Record, Row, Store, fingerprint
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


class Doubtful(ValueError):
    """What was handed in looks wrong as a whole; the text says how, and what goes on all the same."""


@dataclass(frozen=True)
class Order:
    """What the operator asks for."""

    source: Path
    out: Path
    exercise: str | tuple[str, ...] | None = None  # None: all that occur
    roster: Path | None = None
    seed: int | None = None
    jobs: int = 1
    isolation: str = "limits only"
    limits: Limits = Limits()
    root: Path | None = None  # of the course; None: where it is found
    manual: Path | None = None
    formats: tuple[str, ...] = ()
    dask: str | None = None
    zone: tzinfo | None = None  # of times that tell none; None: this machine's
    force: bool = False  # to go on where the intake looks wrong
    late: LateRule | None = None  # what lateness costs, as a column of its own


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

    Raises NoSubmissions, NoExercise, BadRoster, BadMarks, BadReport or Doubtful for the operator's mistakes, and
    nothing for a submission's.
    """
    started = time.time()
    plan = Plan.made(order)
    doubt = plan.doubt()
    given = marks.read(order.manual, plan.students, plan.exercises.values()) if order.manual and not doubt else None
    _make(order)
    with sole_use(order.out / STATE / "lock") as alone:
        if not alone:
            raise BadReport(f"another run is writing to {order.out}: wait until it has ended, or name another folder")
        plan.manifest.write(order.out)
        if doubt:
            raise Doubtful(doubt)
        order = replace(order, seed=_seed(order))
        store = Store(order.out / STATE)
        records, seconds = _grade_all(order, plan, store, folder, progress)
        about = _about(order, plan, records, seconds) | {"seconds": round(time.time() - started, 3)}
        graded = Graded(
            records, plan.exercises, about, plan.enrolled, given, plan.platform,
            counted=plan.counted, aside=plan.aside(), notes=plan.notes(), own=plan.own, late=plan.late(),
            paths={who: entry.file.path for who, entry in plan.files.items()},
        )  # fmt: skip
        return Finished(graded, report.write(order.out, graded, order.formats))


def dry_run(order: Order) -> tuple[list[str], str]:
    """Reads everything, writes manifest.csv and grades nothing: the manifest in lines, and a doubt that would stop.

    Raises what `grade` raises, but for Doubtful.
    """
    plan = Plan.made(order)
    _make(order)
    plan.manifest.write(order.out)
    return [*plan.manifest.shown(), *plan.notes()], plan.doubt()


def _make(order: Order) -> None:
    """Makes the report's folder."""
    state = order.out / STATE
    if order.out.exists() and (not order.out.is_dir() or (any(order.out.iterdir()) and not state.is_dir())):
        raise BadReport(f"{order.out} is there already and is no report of `course grade`: name a new folder")
    if order.out.resolve().is_relative_to(order.source.resolve()):
        raise BadReport("the report cannot lie among the submissions: name a folder beside them")
    try:
        order.out.parent.mkdir(parents=True, exist_ok=True)
        for folder in (order.out, state):  # points and answers are nobody else's: others do not look in
            folder.mkdir(mode=0o700, exist_ok=True)
        owner = state.lstat().st_uid
    except OSError as error:
        raise BadReport(f"the report cannot be written to {order.out}: {error}") from None
    if state.is_symlink() or (hasattr(os, "getuid") and owner != os.getuid()):
        raise BadReport(f"{state} belongs to another account, who could have written points into it: name a new folder")
    state.chmod(0o700)


def _seed(order: Order) -> int:
    """The seed that is asked for, or that of the run to continue, or a fresh one; kept for the next run."""
    path, seed = order.out / STATE / "seed", order.seed
    try:
        if seed is None:
            seed = int(path.read_text(encoding="utf-8")) if path.exists() else secrets.randbelow(2**31)
        write_whole(path, str(seed))
    except ValueError:
        raise BadReport(
            f"{path} is damaged: it holds no seed. Give one (--seed), or delete the file for a new one"
        ) from None
    except OSError as error:
        raise BadReport(f"the report cannot be written to {order.out}: {error}") from None
    return seed


class Plan:
    """Who is graded on what. Of files only what the manifest needs is kept; those that count are read again in turn."""

    def __init__(self, order: Order, enrolled: dict[str, roster.Enrolled], found: Found) -> None:
        self.order, self.enrolled = order, enrolled
        self.own = roster.own_table(order.roster) if order.roster else None
        shelf = manifest.Shelf(order.root)
        asked = (order.exercise,) if isinstance(order.exercise, str) else order.exercise
        wanted = dict.fromkeys(pristine.load(name, order.root).name for name in asked or ())
        self.wanted = list(wanted) or None
        known_as = dict.fromkeys(found.students) | {file.student: file.platform for file in found.files}
        teams = roster.teams(known_as, enrolled)
        one_each = {student: known for student, known in known_as.items() if student not in teams}
        self.matched = roster.match(one_each, enrolled)
        files = [one for file in [*found.files, *found.beside] for one in self._owned(file, teams)]
        self.platform = {file.student: file.platform for file in files if file.platform and file.student}
        students = set(self.matched.values()).union(*teams.values())
        self.students = sorted(students | set(enrolled))
        self.manifest = Manifest(
            manifest.decide((manifest.look(file, shelf) for file in files), self.wanted),
            {self.matched.get(student, student): folder for student, folder in found.renamed.items()},
        )
        self.files = self.manifest.graded()
        names = self.wanted or sorted({name for _, name in self.files})
        if not names:  # then those whose lecture or solution was handed in: their students are told what to hand in
            names = sorted({entry.exercise for entry in self.manifest.entries if entry.exercise})
        if not names:
            raise NoSubmissions(
                f"no notebook in {order.source} is of an exercise of this course; --exercise says which one is meant"
            )
        self.exercises = {name: shelf.exercise(name) for name in names}
        self.counted = manifest.counted(self.manifest, self.students, self.wanted) or names
        self.doubts = manifest.doubts(self.manifest, students, enrolled)
        self._aside, self._ignored = self.manifest.aside(names), self.manifest.ignored()

    def _owned(self, file: File, teams: dict[str, list[str]]) -> list[File]:
        """The file as its student's, or as that of each member of a team, whose number on a platform is nobody's."""
        if file.student not in teams:
            return [replace(file, student=self.matched.get(file.student, ""))]
        team = file.platform and file.platform._replace(name="", number="")
        return [replace(file, student=member, platform=team) for member in teams[file.student]]

    @classmethod
    def made(cls, order: Order) -> Plan:
        """The plan for an order: the roster is read first, then what was handed in."""
        enrolled = roster.read(order.roster, pristine.names(order.root)) if order.roster else {}
        return cls(order, enrolled, finding.find(order.source))

    @property
    def ignored(self) -> list[str]:
        """The files that are of no exercise, below their students."""
        return ["/".join(filter(None, (one.file.student, *one.file.parts))) for one in self._ignored]

    def doubt(self) -> str:
        """Why nothing should be graded, in a line; "" where all looks well, and with --force."""
        if not self.doubts or self.order.force:
            return ""
        said = ". Also, ".join(self.doubts)
        return f"{said}. Nothing was graded; {self.order.out / manifest.FILE} lists every file, and --force goes on"

    def notes(self) -> tuple[str, ...]:
        """What the operator should know of the intake, a line each."""
        alone = manifest.alone(self.manifest, self.students)
        few = [name for name in self.exercises if name not in self.counted]
        lines = [f"{name}: handed in by {who} alone, of {len(self.students)} students" for name, who in alone.items()]
        if few:
            lines.append(f"fewer than a tenth handed in, so not part of max: {', '.join(few)} (--exercise counts them)")
        if self.manifest.renamed:
            which = ", ".join(f"{name!r} is the folder {folder}" for name, folder in self.manifest.renamed.items())
            lines.append(f"folders whose names look the same ({len(self.manifest.renamed)}): {which}")
        if self.own:
            lines.append(f"the roster is a table of {self.own.door.capitalize()}'s: {len(self.enrolled)} students")
        zone = roster.zone_said(self.enrolled, self.order.zone)
        lines += [zone] if zone else []
        return (*lines, *(f"gone on with --force, although {doubt}" for doubt in self.doubts if self.order.force))

    def late(self) -> dict[tuple[str, str], float | None] | None:
        """By student and exercise, the share of the points that lateness costs by the operator's rule."""
        rule = self.order.late
        return {who: self._cost(rule, *who, entry.file) for who, entry in self.files.items()} if rule else None

    def _cost(self, rule: LateRule, student: str, exercise: str, file: File) -> float | None:
        """None where a platform says "late", and nobody how late."""
        enrolled = self.enrolled.get(student)
        deadline = enrolled.due(exercise) if enrolled else None
        if deadline is None:
            return None if file.late else 0.0
        return rule.cost(roster.delay(file.modified, deadline, self.order.zone))

    def aside(self) -> dict[str, list[str]]:
        """By student, the files that were not graded though they are of an exercise, each with the reason."""
        return {student: [_with_reason(entry) for entry in entries] for student, entries in self._aside.items()}

    def handed_in(self) -> list[tuple[str, Exercise]]:
        return [(student, exercise) for exercise in self.exercises.values() for student in self.students]

    def open(self, student: str, exercise: Exercise) -> HandedIn:
        """Reads what a student handed in for an exercise."""
        entry = self.files.get((student, exercise.name))
        if entry is None:
            return HandedIn(student, exercise, problem=self._no_file(student, exercise))
        file, enrolled = entry.file, self.enrolled.get(student)
        deadline = enrolled.due(exercise.name) if enrolled else None
        notes = [roster.lateness(file.modified, deadline, file.late, self.order.zone)]
        try:
            data = file.read()
            digest = hashlib.sha256(data).hexdigest()
            notebook = read_notebook(data)
        except Unusable as reason:
            note = "; ".join(filter(None, notes))
            return HandedIn(student, exercise, file, problem=str(reason), digest=f"unusable: {reason}", note=note)
        version = notebook["course"].get("version")
        if isinstance(version, str) and version != exercise.version:
            notes.append(f"version {version[:20]} of the exercise, graded with {exercise.version}")
        return HandedIn(student, exercise, file, notebook, digest=digest, note="; ".join(filter(None, notes)))

    def _no_file(self, student: str, exercise: Exercise) -> str:
        """That there is no file for an exercise, and what is there in its place."""
        aside = [one for one in self._aside.get(student, []) if one.exercise == exercise.name]
        aside.sort(key=lambda one: one.kind, reverse=True)  # the solution before the lecture: it was perhaps worked in
        if aside:
            return f"no file for this exercise ({_with_reason(aside[0])})"
        others = ["/".join(one.file.parts) for one in self._ignored if one.file.student == student]
        said = f" (not recognised: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''})" if others else ""
        return f"no file for this exercise{said}"


def _with_reason(entry: Entry) -> str:
    return f"{'/'.join(entry.file.parts)}: {entry.reason}"


def _grade_all(order: Order, plan: Plan, store: Store, folder: Path, progress: Progress) -> tuple[list[Record], dict]:
    """All records, with the seconds of each that was graded now; records of an earlier, killed run are taken over.

    What the machine may be to blame for is graded once more when all else is done, one after the other, with nothing
    beside it.
    """
    free: queue.SimpleQueue[Worker | RemoteWorker] = queue.SimpleQueue()
    todo = plan.handed_in()
    records, seconds, again = [], {}, []

    def keep(record: Record, took: float | None) -> None:
        records.append(record)
        if took is not None:
            seconds[record.student, record.exercise] = round(took, 3)
        progress(len(records), len(todo), record, took is not None)

    with _workers(order, folder) as workers:
        for worker in workers:
            free.put(worker)
        threads, alone = ThreadPoolExecutor(len(workers)), len(workers) == 1
        try:
            turns = {
                threads.submit(
                    _one, order, plan.open, store, free, folder / f"n{i}", i + len(workers) < len(todo), alone, *who
                ): who
                for i, who in enumerate(todo)
            }
            for turn in as_completed(turns):
                record, took = turn.result()
                if record.settled(alone):
                    keep(record, took)
                else:
                    again.append(turns[turn])
            for i, who in enumerate(sorted(again, key=todo.index)):
                keep(*_one(order, plan.open, store, free, folder / f"again{i}", False, True, *who))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.close()
            threads.shutdown(wait=True)
    return records, seconds


@contextlib.contextmanager
def _workers(order: Order, folder: Path) -> Iterator[Sequence[Worker | RemoteWorker]]:
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
    alone: bool,
    student: str,
    exercise: Exercise,
) -> tuple[Record, float | None]:
    """One student's exercise: from the store, or graded now by a free worker (then with the seconds it took).

    `ahead`: the worker will have others to grade after it. `alone`: no other worker grades beside it.
    """
    handed = open_file(student, exercise)
    rules = (exercise.fingerprint, order.seed, order.isolation, to_json(order.limits), course_utils.__version__)
    mark = fingerprint(handed.digest, handed.problem, *rules)
    file = "/".join(handed.file.parts) if handed.file else ""
    record = store.get(student, exercise.name, mark)
    if record:
        return replace(record, file=file, note=handed.note), None
    started = time.time()
    rows = _without_running(handed) or _run(order.seed or 0, handed, workers, folder, ahead)
    took = time.time() - started
    record = Record(student, exercise.name, mark, rows, file, handed.note, round(took, 3))
    if record.settled(alone):
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
    write_whole(copy, json.dumps(graft(exercise.solution, handed.notebook or {}, exercise.stubs)))
    worker = workers.get()
    try:
        rows = _with_retry(lambda: worker.grade(copy, folder, seed, exercise.imports, ahead), folder)
    finally:
        workers.put(worker)
        shutil.rmtree(folder, ignore_errors=True)
    reached = {row.task: row for row in rows}
    return tuple(reached.get(task.id) or Row(task.id, 0.0, task.max_points, UNGRADED, LOST) for task in exercise.tasks)


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
        "ungraded": sorted(f"{r.student}/{r.exercise}" for r in records if r.ungraded),
        "ignored": sorted(plan.ignored),
    }
