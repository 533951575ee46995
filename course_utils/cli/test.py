"""Run the tests of the course: the package, the notebooks, the checks with all their wrong answers, the generated
files, the grading, and a student's first lesson in a real browser.

With --quick, under 3 minutes: everything but the tests marked slow (every mutant of every task, setting up and grading
from end to end), the browser, and the solutions' notebooks, whose answers the tests of the checks prove anyway.

What comes after -- goes to pytest:   course test -- -k log_space -x
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from course_utils import project

FOLDERS = ("tests", "notebooks", "solutions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="the tests that take less than 3 minutes together")
    parser.add_argument("--jobs", type=int, default=None, help="worker processes (default: one a core, at most 4)")
    parser.add_argument(
        "--require",
        default="",
        metavar="TOOLS",
        help="browser, sandbox, nbgrader, joined by commas: a test that is skipped for lack of one of these fails",
    )
    parser.add_argument("pytest", nargs="*", metavar="-- PYTEST ARGUMENTS", help="what comes after -- goes to pytest")


def run(args: argparse.Namespace) -> int:
    root = project.course_folder()
    if not (root / "tests").is_dir():
        print(f"course test: the tests are not in {root}: go into a clone of the course's repository", file=sys.stderr)
        return 2
    # Notebooks run as `course build` ran them: figures inline, nothing from a hub.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment["HF_HUB_OFFLINE"] = "1"
    jobs = min(os.cpu_count() or 1, 4) if args.jobs is None else args.jobs
    # Workers that each take every core for torch wait for each other most of the time.
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // max(1, jobs))))
    return subprocess.call(pytest_command(root, args.quick, jobs, args.require, args.pytest), cwd=root, env=environment)


def pytest_command(root: Path, quick: bool, jobs: int, require: str, others: list[str]) -> list[str]:
    """The one pytest session that runs everything, the notebooks' cells (nbval) among it."""
    folders = [name for name in FOLDERS if (root / name).is_dir() and not (quick and name == "solutions")]
    command = [sys.executable, "-m", "pytest", *folders, "--nbval-lax", "--nbval-current-env", "-rs"]
    if jobs > 1:
        # The cells of a notebook belong together: loadfile keeps them on one worker, and in order.
        command += ["--numprocesses", str(jobs), "--dist", "loadfile"]
    if quick:
        command += ["-m", "not slow and not browser"]
    if require:
        command += ["--require", require]
    return command + others
