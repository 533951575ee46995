"""The grader against plain nbval, nbgrader and otter-grader: the same submissions, one after the other in each round.

    python benchmarks/grading.py 02 09              # these exercises, 30 submissions each, three rounds
    python benchmarks/grading.py 02 --rounds 1 --submissions 10
    python benchmarks/grading.py 02 --otter PATH    # the Python of a virtual environment with otter-grader

The submissions are the solved exercise, some with wrong answers: all right, right in part, nothing right. Every
engine is a command of its own, pinned to one core (two jobs: to two); what it needs once for an exercise (nbgrader's
release, otter's archive) is made before and not timed. nbgrader and otter run on the same notebooks with the same
checks; of all of them only this grader has a sandbox. Submissions a minute are by the clock; CPU seconds are those of
all processes of a command (control groups count them, so root is needed), and hold on a busy machine too. Ratios are
medians over rounds of ratios within a round; memory is the largest sum of resident memory over all processes.

The table goes to benchmarks/README.md with --write.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from course_utils.notebooks import source, task_of
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.pristine import Exercise

MARK = "grading"
ROOT = Path(__file__).parent.parent


@dataclass
class Field:
    """The submissions of one exercise, laid out for every engine."""

    exercise: Exercise
    folder: Path
    count: int
    students: list[str] = field(default_factory=list)

    def lay_out(self) -> None:
        """in/<student>/<name>.ipynb, and the same in nbgrader's course and, flat, for nbval and otter."""
        name = self.exercise.name
        for index in range(self.count):
            student = f"s{index:03}"
            self.students.append(student)
            text = json.dumps(submission(self.exercise, index))
            for path in (f"in/{student}/{name}.ipynb", f"course/submitted/{student}/ps/{name}.ipynb",
                         f"flat/{student}.ipynb"):  # fmt: skip
                target = self.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        source = self.folder / "course" / "source" / "ps" / f"{name}.ipynb"
        source.parent.mkdir(parents=True)
        source.write_text(json.dumps(self.exercise.solution), encoding="utf-8")


def submission(exercise: Exercise, index: int) -> dict:
    """The solved notebook; in every third one answer returns None, in every fifth all of them do."""
    solved = json.loads(json.dumps(exercise.solution))
    answers = [task.cell for task in exercise.tasks]
    wrong = answers if index % 5 == 4 else [answers[index % len(answers)]] if index % 3 == 2 else []
    for cell in solved["cells"]:
        if cell["id"] in wrong:
            name = re.search(r"^def (\w+)", source(cell), re.M)[1]
            cell["source"] = f"# {task_of(cell['id'])}\ndef {name}(*given):\n    return None"
    return solved


@dataclass(frozen=True)
class Engine:
    """A command that grades all submissions of a field. `prepare` is not timed, `clean` makes it run anew."""

    name: str
    command: Callable[[Field], list[list[str]]]
    cores: int = 1
    prepare: Callable[[Field], None] = lambda field: None
    clean: Callable[[Field], None] = lambda field: None


def course(jobs: int, *options: str) -> Engine:
    def command(field: Field) -> list[list[str]]:
        words = [sys.executable, "-m", "course_utils.cli", "grade", "in", "--out", "out", "--jobs", str(jobs)]
        return [[*words, "--exercise", field.exercise.name, "--seed", "1", *options]]

    label = "course grade" + (f", {jobs} jobs" if jobs > 1 else "") + "".join(f" {option}" for option in options)
    return Engine(label, command, jobs, clean=lambda field: shutil.rmtree(field.folder / "out", ignore_errors=True))


def nbval() -> Engine:
    words = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider",
             "-p", "no:xdist", "-p", "no:randomly", "--rootdir", "flat", "flat"]  # fmt: skip
    return Engine("pytest --nbval-lax", lambda field: [words])


def nbgrader() -> Engine:
    words = [sys.executable, "-m", "nbgrader"]

    def prepare(field: Field) -> None:
        (field.folder / "course" / "nbgrader_config.py").write_text("c = get_config()\n")
        release = [*words, "generate_assignment", "ps", "--force"]
        subprocess.run(release, cwd=field.folder / "course", env=environment(), check=True, capture_output=True)

    def clean(field: Field) -> None:
        shutil.rmtree(field.folder / "course" / "autograded", ignore_errors=True)

    where = "--CourseDirectory.root=course"
    return Engine("nbgrader autograde", lambda field: [[*words, "autograde", "ps", where]], 1, prepare, clean)


def otter(python: Path) -> Engine:
    """otter's local run, a command for each submission; its tests call the notebook's own checks."""

    def prepare(field: Field) -> None:
        (field.folder / "otter").mkdir()
        with zipfile.ZipFile(field.folder / "autograder.zip", "w") as archive:
            archive.writestr("otter_config.json", json.dumps({"show_stdout": False, "pdf": False}))
            for task in field.exercise.tasks:
                code = (
                    f">>> import contextlib, io\n>>> with contextlib.redirect_stdout(io.StringIO()):\n"
                    f"...     points = check({task.id!r})\n>>> points == {task.max_points}\nTrue"
                )
                case = {"code": code, "hidden": False, "locked": False}
                suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
                test = {"name": task.cell.replace("-", "_"), "points": task.max_points, "suites": [suite]}
                archive.writestr(f"tests/{test['name']}.py", f"OK_FORMAT = True\n\ntest = {test!r}\n")

    def command(field: Field) -> list[list[str]]:
        words = [str(python), "-m", "otter", "run", "-a", "autograder.zip", "-o", "otter", "--no-logo"]
        return [[*words, f"flat/{student}.ipynb"] for student in field.students]

    return Engine("otter run", command, 1, prepare)


def has_otter(python: Path | None) -> bool:
    if python is None:
        return False
    found = subprocess.run([str(python), "-c", "import otter, course_utils"], capture_output=True, check=False)
    return found.returncode == 0


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    seconds: float  # by the clock
    cpu: float  # seconds, of all processes
    memory: int  # bytes


def measure(engine: Engine, field: Field, log: Path) -> Run:
    """Runs the commands of an engine one after the other on its cores."""
    engine.clean(field)
    memory, started = 0, time.perf_counter()
    with cpu_account() as account:

        def place() -> None:
            os.sched_setaffinity(0, cores(engine.cores))
            account.enter()

        for words in engine.command(field):
            with log.open("ab") as file:
                process = subprocess.Popen(
                    words, cwd=field.folder, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                    env=environment(), preexec_fn=place,
                )  # fmt: skip
                memory = max(memory, peak_memory(process))
            if process.returncode not in (0, 1):  # pytest says 1 where an answer is wrong
                raise SystemExit(f"{engine.name} ended with status {process.returncode}; see {log}")
        return Run(time.perf_counter() - started, account.seconds(), memory)


class Account:
    """The CPU seconds of processes and all that they start, as Linux counts them for a control group (v1 or v2)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def enter(self) -> None:
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def seconds(self) -> float:
        if (self.folder / "cpuacct.usage").exists():
            return int((self.folder / "cpuacct.usage").read_text()) / 1e9
        return int(re.search(r"usage_usec (\d+)", (self.folder / "cpu.stat").read_text())[1]) / 1e6


class NoAccount:
    """Where there are no control groups to be made: nothing is known of CPU seconds."""

    def enter(self) -> None:
        pass

    def seconds(self) -> float:
        return float("nan")


@contextlib.contextmanager
def cpu_account() -> Iterator[Account | NoAccount]:
    """Counts from zero. Making a control group needs root, or a share of the tree that is one's own."""
    for top in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        folder = Path(top) / f"grading-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            account = Account(folder)
            account.seconds()
            yield account
        except (OSError, TypeError):
            continue
        finally:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return
    yield NoAccount()


def environment() -> dict[str, str]:
    """For every engine the same: one thread, byte code kept, this interpreter's programs (nbgrader calls some)."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", "PATH": path}


def cores(count: int) -> set[int]:
    return set(sorted(ALL_CORES)[:count])


ALL_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def peak_memory(process: subprocess.Popen) -> int:
    """Waits for the process; the largest sum of resident memory of it and its descendants, looked at as it runs."""
    head, largest = psutil.Process(process.pid), 0
    while process.poll() is None:
        now = 0
        with contextlib.suppress(psutil.Error):
            for one in [head, *head.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    now += one.memory_info().rss
        largest = max(largest, now)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25)
    return largest


def compare(name: str, engines: list[Engine], count: int, rounds: int, folder: Path) -> str:
    """The table of one exercise."""
    field = Field(pristine.load(name), folder, count)
    field.lay_out()
    for engine in engines:
        engine.prepare(field)
    runs: dict[str, list[Run]] = {engine.name: [] for engine in engines}
    for turn in range(rounds):
        for engine in engines:
            run = measure(engine, field, folder / "log.txt")
            runs[engine.name].append(run)
            told = f"{name} round {turn + 1}: {engine.name}: {run.seconds:.1f} s, {run.cpu:.1f} CPU s"
            print(told, file=sys.stderr, flush=True)
    lines = [
        f"#### Exercise {field.exercise.name}, {count} submissions, {rounds} rounds", "",
        "| grader | cores | submissions/min | × nbgrader | × nbval | CPU s each | × nbgrader | × nbval | peak MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for engine in engines:
        own = runs[engine.name]
        cells = [engine.name, engine.cores]
        for kind, unit in (("seconds", lambda value: 60 * count / value), ("cpu", lambda value: value / count)):
            values = [getattr(run, kind) for run in own]
            cells.append(f"{unit(statistics.median(values)):.2f}")
            for other in ("nbgrader autograde", "pytest --nbval-lax"):
                cells.append(ratio([getattr(run, kind) for run in runs.get(other, [])], values))
        cells.append(f"{max(run.memory for run in own) / 1e6:.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def ratio(theirs: list[float] | None, ours: list[float]) -> str:
    """The median over rounds of the ratio within a round."""
    return f"{statistics.median(a / b for a, b in zip(theirs, ours, strict=True)):.2f}" if theirs else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="+", metavar="EXERCISE", help="02, or 02_beginnings_and_ends")
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--otter", type=Path, metavar="PYTHON", help="of an environment with otter-grader")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="engines whose name contains one of these")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    args = parser.parse_args()
    engines = [course(1), course(2), course(1, "--warm"), nbval(), nbgrader()]
    notes = []
    if has_otter(args.otter):
        engines.append(otter(args.otter.absolute()))
    else:
        notes.append("otter-grader is not installed here (--otter) and left out.")
    if len(ALL_CORES) < 2:
        engines = [engine for engine in engines if engine.cores == 1]
        notes.append("One core only: two jobs are left out.")
    engines = [e for e in engines if not args.only or any(word in e.name for word in args.only)]
    tables = []
    for name in args.exercises:
        with tempfile.TemporaryDirectory(prefix="grading-") as folder:
            tables.append(compare(name, engines, args.submissions, args.rounds, Path(folder)))
            print(tables[-1], flush=True)
    notes.append(
        f"Python {platform.python_version()}, {len(ALL_CORES)} cores, load {os.getloadavg()[0]:.1f} at the end."
    )
    print("\n".join(notes))
    if args.write:
        write(tables, notes)


def write(tables: list[str], notes: list[str]) -> None:
    path = ROOT / "benchmarks" / "README.md"
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {MARK}:begin -->", f"<!-- {MARK}:end -->"
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2] if rest else "\n"
    body = "\n".join([begin, "### Measured", "", *tables, " ".join(notes), end])
    path.write_text(f"{before.rstrip()}\n\n{body}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
