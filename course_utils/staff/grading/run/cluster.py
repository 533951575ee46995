"""A grading run on a Dask cluster: each of its workers runs graded copies just as this machine would.

What travels is the graded copy and, back, the rows; the sandbox stands on the machine of the Dask worker, which needs
the same version of this package and, as here, bubblewrap. A submission whose Dask worker dies is given to another.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

import course_utils
from course_utils.notebooks import text_bytes
from course_utils.staff.grading.records import Row
from course_utils.staff.grading.run.worker import Closed, Worker, run_folder
from course_utils.staff.grading.sandbox.isolation import (
    PACKAGE,
    Bubblewrap,
    Limits,
    Supplies,
    Unavailable,
    find_sandbox,
    prove_hidden,
)

PATIENCE = 10  # seconds for a scheduler to answer


class BadCluster(ValueError):
    """The cluster cannot be used; the text says why and what to do."""


class Cluster:
    """The operator's end: gives out handles, as many as keep the cluster busy, that work like a local `Worker`."""

    def __init__(self, address: str, isolation: str, limits: Limits) -> None:
        """Connects, and asks every worker whether it can grade. Raises BadCluster."""
        try:
            from distributed import Client
        except ImportError:
            raise BadCluster(
                "--dask needs dask: pip install 'course_utils[cluster]', or pip install distributed"
            ) from None
        self.rules = (isolation, asdict(limits))
        try:
            self.client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise BadCluster(f"no Dask scheduler answers at {address} ({reason})") from None
        try:
            self._check(address)
        except BaseException:
            self.client.close()
            raise

    def _check(self, address: str) -> None:
        threads: dict[str, int] = self.client.nthreads()  # pyright: ignore[reportAssignmentType]
        if not threads:
            raise BadCluster(
                f"the Dask cluster at {address} has no workers yet: start `dask worker {address}` somewhere"
            )
        asked = self.client.run(refusal, own_version(), self.rules[0], on_error="return")
        refusals: dict[str, str] = asked  # pyright: ignore[reportAssignmentType] - nothing here is awaited
        said = [f"{where}: {why}" for where, why in sorted(refusals.items()) if why]
        if said:
            raise BadCluster("not every worker of the cluster can grade:\n  " + "\n  ".join(map(str, said)))
        self.handles = [RemoteWorker(self) for _ in range(2 * sum(threads.values()))]

    def close(self) -> None:
        """Lets go of the cluster; what it started for this run ends."""
        with contextlib.suppress(Exception):  # a cluster that is gone needs no tidying up
            self.client.run(leave, on_error="return")
        self.client.close()


class RemoteWorker:
    """One of the submissions that are under way on the cluster at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.closed = cluster, False

    def grade(self, notebook: Path, folder: Path, seed: int, imports: tuple[str, ...], ahead: bool) -> list[Row]:
        """As Worker.grade; no rows where every Dask worker that had this submission died."""
        from distributed import CancelledError, KilledWorker

        text = notebook.read_text(encoding="utf-8")
        try:
            future = self.cluster.client.submit(grade_here, *self.cluster.rules, text, seed, imports, ahead, pure=False)
            return [Row(**row) for row in future.result()]
        except KilledWorker:
            return []
        except (CancelledError, OSError):
            if self.closed:
                raise Closed from None
            raise BadCluster("the Dask cluster is gone. What is graded is kept: the same command goes on") from None

    def close(self) -> None:
        self.closed = True


# --- what runs on a Dask worker ---------------------------------------------------------------------------------------


class WorkerPool:
    """What a Dask worker keeps between submissions: a folder, the supplies, and a grading process for each thread."""

    def __init__(self, isolation: str, limits: dict) -> None:
        self.ending = contextlib.ExitStack()
        self.folder = self.ending.enter_context(run_folder())
        self.supplies = Supplies.make(Path(self.folder) / "supplies")
        self.rules, self.limits = (isolation, limits), Limits(**limits)
        self.workers: dict[int, Worker] = {}

    def worker(self) -> Worker:
        return self.workers.setdefault(threading.get_ident(), Worker(self.rules[0], self.supplies, self.limits))

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.ending.close()


_pool: WorkerPool | None = None
_lock = threading.Lock()


def own_version() -> str:
    """The version of this package, with a digest of its code: judges that differ would give other points."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + text_bytes(path) + b"\0")
    return f"{course_utils.__version__} ({digest.hexdigest()[:8]})"


def refusal(version: str, isolation: str) -> str:
    """Why this machine cannot grade, or ""."""
    if own_version() != version:
        return f"{socket.gethostname()} has course_utils {own_version()}, and the run is of {version}: install the same"
    if isolation == Bubblewrap.name:
        with run_folder() as folder:
            try:
                find_sandbox(Path(folder))
                prove_hidden(Path(folder), {})
            except Unavailable as reason:
                return f"{socket.gethostname()}: {reason}"
    return ""


def grade_here(isolation: str, limits: dict, copy: str, seed: int, imports: tuple[str, ...], ahead: bool) -> list[dict]:
    """Runs a graded copy on this machine; the rows as plain data."""
    global _pool
    with _lock:
        if _pool is None or _pool.rules != (isolation, limits):
            leave()
            _pool = WorkerPool(isolation, limits)
        pool = _pool
    with tempfile.TemporaryDirectory(dir=pool.folder, prefix="n", ignore_cleanup_errors=True) as folder:
        notebook = Path(folder) / "graded.ipynb"
        notebook.write_text(copy, encoding="utf-8")
        return [asdict(row) for row in pool.worker().grade(notebook, Path(folder), seed, imports, ahead)]


def leave() -> None:
    """Ends what this machine has started for a run."""
    global _pool
    pool, _pool = _pool, None
    if pool is not None:
        pool.close()
