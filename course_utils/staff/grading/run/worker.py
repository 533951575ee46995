"""A process that grades, one graded copy after the other, and the handle by which the run talks to it.

    python -m course_utils.staff.grading.run.worker     reads one JSON request a line, answers with one JSON line

The worker holds the judges; the kernels that run student code are its children and share nothing with it. Should a
worker be killed, or hang, its handle starts another.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, NoReturn

import psutil

try:
    import fcntl
except ImportError:  # Windows: files are not locked there
    fcntl = None

from course_utils.staff.grading.records import Row
from course_utils.staff.grading.sandbox.isolation import MIB, Bubblewrap, Limits, LimitsOnly, Supplies, empty, remove
from course_utils.staff.grading.sandbox.processes import descendants, kill

MEMORY = 3 * 1024 * MIB  # of a worker: what it parses, reads and judges comes from strangers
LOCK = "course-grade.lock"  # in the folder of a run
GRACE = 60  # seconds that a worker may take beyond a submission's own limit


class WorkerFailed(RuntimeError):
    """The worker died or hung over a submission."""


class Closed(RuntimeError):
    """The run is being stopped: what was asked for is not known, and nothing may be concluded from that."""


class Worker:
    """The handle of one worker process. `grade` answers or raises WorkerFailed; the next call then starts anew."""

    def __init__(self, isolation: str, supplies: Supplies, limits: Limits) -> None:
        self.common = {
            "isolation": isolation,
            "package": str(supplies.package),
            "fonts": str(supplies.fonts),
            "limits": vars(limits),
        }
        self.patience = limits.total_seconds + GRACE
        self.process: subprocess.Popen | None = None
        self.closed = False

    def start(self) -> subprocess.Popen[str]:
        """Starts the process ahead of the first request: its imports then overlap with other work."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        self.process = process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.staff.grading.run.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            encoding="utf-8",
            start_new_session=True,
        )
        return process

    def grade(
        self, notebook: Path, folder: Path, seed: int, imports: tuple[str, ...] = (), ahead: bool = False
    ) -> list[Row]:
        """The rows of a graded copy, one for each task that was reached.

        folder: of this submission, in a folder of the run where kernels may have theirs. imports: modules that its
        kernels import before they are needed. ahead: another submission will follow, so that a kernel may be started
        for it.
        """
        if self.closed:
            raise Closed
        process = self.process
        if process is None or process.poll() is not None:
            process = self.start()
        alarm = threading.Timer(self.patience, self.stop)
        alarm.start()
        try:
            request = self.common | {"notebook": str(notebook), "folder": str(folder), "seed": seed}
            request |= {"imports": imports, "ahead": ahead}
            given, answer = pipes(process)
            given.write(json.dumps(request) + "\n")
            given.flush()
            return [Row(**row) for row in json.loads(answer.readline())]
        except (OSError, ValueError, TypeError):
            self.stop()
            raise (Closed if self.closed else WorkerFailed)("the grading process ended") from None
        finally:
            alarm.cancel()

    def close(self) -> None:
        """Ends the process for good."""
        self.closed = True
        self.stop()

    def stop(self) -> None:
        """Ends the process, and with it its kernels."""
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(OSError, AttributeError):
                os.killpg(process.pid, signal.SIGTERM) if hasattr(os, "killpg") else process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            process.kill()
            process.wait()
            for pipe in pipes(process):
                pipe.close()


def pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    """What goes in and what comes out of a process that was started with pipes for both."""
    assert process.stdin and process.stdout
    return process.stdin, process.stdout


def serve() -> None:
    """Answers requests until the input ends."""
    sys.modules["rfc3987_syntax"] = None  # pyright: ignore[reportArgumentType] - else jsonschema, which nbval needs, builds a grammar for 2 seconds
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")  # pytest's own words are not answers
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGTERM, _leave)
    _limit_memory()
    _tie_processes()
    from course_utils.staff.grading.run import nbval_items
    from course_utils.staff.grading.run.pool import KernelPool
    from course_utils.staff.grading.sandbox.warm import Warm

    isolations = {one.name: one for one in (LimitsOnly, Bubblewrap, Warm)}
    pool = None
    for line in sys.stdin:
        request = json.loads(line)
        folder, limits = Path(request["folder"]), Limits(**request["limits"])
        if pool is None:
            supplies = Supplies(Path(request["package"]), Path(request["fonts"]))
            pool = KernelPool(isolations[request["isolation"]], folder.parent, supplies, limits)
        pool.imports, pool.ahead = tuple(request["imports"]), request["ahead"]
        job = nbval_items.Job(Path(request["notebook"]), folder, request["seed"], pool, limits)
        try:
            rows = nbval_items.run_job(job)
        except Exception as error:  # noqa: BLE001 - one line for the operator; the run tells what it means
            print(f"course grade: a grading process ended ({type(error).__name__}: {error})", file=sys.stderr)
            _leave()
        _end_descendants(pool.spare.process.child if pool.spare else None)
        answers.write(json.dumps([asdict(row) for row in rows]) + "\n")
        answers.flush()


def _leave(*_: object) -> NoReturn:
    _end_descendants()
    os._exit(1)  # an exception would be taken for one of a cell


def _limit_memory() -> None:
    """Of what a process writes to: libraries that are only mapped, torch's above all, do not count. A kernel sets its
    own limit again (see `Limits.resource_limits`)."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has it
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if hard < 0 else min(MEMORY, hard), hard))


def _tie_processes() -> None:
    """On Linux: ends with the run, and inherits what a kernel's children leave behind, so that it can be ended."""
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None).prctl
        prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
        prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _end_descendants(spared: int | None = None) -> None:
    """Ends what a submission has left running; the child of the pid `spared` lives on, for the next kernel."""
    mine = psutil.Process().children()
    left = [p for child in mine if child.pid != spared for p in (child, *descendants(child))]
    kill(left)
    psutil.wait_procs(left, timeout=2)


@contextlib.contextmanager
def run_folder() -> Iterator[str]:
    """A folder for a run's kernels, which no other account may enter: short, since a socket's path must be.

    What runs of this account that were killed have left is taken away: a run holds the lock in its folder as long as
    it lives.
    """
    _clear_away(tempfile.gettempdir())
    with contextlib.ExitStack() as stack:
        while True:
            folder = tempfile.mkdtemp(prefix="grade-")
            with contextlib.suppress(FileNotFoundError):  # taken away by a run that begins in this very moment
                alone = stack.enter_context(sole_use(Path(folder, LOCK)))
                if alone and Path(folder, LOCK).exists():
                    break
        stack.callback(remove, Path(folder), LOCK)
        yield folder


def _clear_away(place: str) -> None:
    """Removes what killed runs have left in `place`, where other accounts may write too.

    That is folders of this account with a lock that nobody holds, or with nothing in them yet. No link is followed.
    """
    if fcntl is None:
        return
    for entry in os.scandir(place):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if not entry.name.startswith("grade-") or not entry.is_dir(follow_symlinks=False):
                continue
            folder = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            stack.callback(os.close, folder)
            about = os.fstat(folder)
            if about.st_uid != os.getuid():
                continue
            if os.listdir(folder):
                lock = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                empty(folder, LOCK)
            elif stat.S_IMODE(about.st_mode) != 0o700:
                continue
            os.rmdir(entry.path)


@contextlib.contextmanager
def sole_use(lock: Path) -> Iterator[bool]:
    """Holds a file's lock, which ends with this process, however it ends; False where another process holds it.

    Where files cannot be locked it is True. Raises FileNotFoundError where there is no folder for it.
    """
    held = True
    with contextlib.ExitStack() as stack:
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            stack.callback(os.close, file)
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        except FileNotFoundError:
            raise
        except OSError:
            pass
        yield held


if __name__ == "__main__":
    serve()
