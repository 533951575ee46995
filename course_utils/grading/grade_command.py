"""Grade submissions: notebooks in, a gradebook and a feedback page for every student out.

  course grade submissions/ --out report/
  course grade download.zip --out report/ --exercise 01 --roster students.csv --jobs 4

SUBMISSIONS is a folder (or a zip file) with
  <student>/<exercise>.ipynb                 or nbgrader's <student>/<assignment>/<exercise>.ipynb,
  or what Canvas or Moodle let you download (all submissions, folder or zip).
Only notebooks are read. Each answer is put into the solved notebook of solutions/, run with fresh random inputs, and
judged outside the process that runs the student's code. What the student's notebook says of its own points has no
weight.

REPORT gets
  results.csv     student,exercise,task,points,max_points,status,message: a row for every task, whatever happened
                  status: graded, missing, error, timeout, memory, invalid (the file could not be used)
  gradebook.csv   a row for each student; manual_max are the points of open questions, which you give
  feedback/       a page for each student and exercise, to hand back
  run.json        versions, seed, limits, seconds, files that were not recognised

A run that was stopped goes on where it was: give the same command again. The same folder keeps its seed, so nothing
is graded twice unless it has changed; another --seed, or a new folder, grades on other inputs.

Exit status: 0 when every submission has its rows, however bad it was; 2 for a mistake in this command.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from course_utils.grading.isolation import MIB, Bubblewrap, Limits, LimitsOnly, Unavailable, find_sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "submissions", type=Path, metavar="SUBMISSIONS", help="folder or zip file with what was handed in"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="REPORT", help="folder for the report; made if not there"
    )
    parser.add_argument(
        "--exercise", metavar="NAME", help="grade only this one (01, or 01_chain_rule); else all that occur"
    )
    parser.add_argument(
        "--roster", type=Path, metavar="CSV", help="student,name,deadline: who is missing and who is late is then said"
    )
    parser.add_argument(
        "--jobs", type=_positive, default=1, metavar="N", help="how many notebooks to run at a time (1)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="S", help="of the random inputs; without it a fresh one, kept in run.json"
    )
    usual = Limits()
    parser.add_argument(
        "--cpu-seconds", type=_positive, default=int(usual.cpu_seconds), metavar="S",
        help=f"CPU time of a cell ({usual.cpu_seconds:g}); by the clock it may take a minute, or six times as long",
    )  # fmt: skip
    parser.add_argument(
        "--memory",
        type=_positive,
        default=usual.memory // MIB,
        metavar="MB",
        help=f"of one process ({usual.memory // MIB})",
    )
    parser.add_argument(
        "--unsafe-no-sandbox", action="store_true",
        help="run the students' code with limits on time and memory only: it can read and change what you can",
    )  # fmt: skip


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return number


def run(args: argparse.Namespace) -> int:
    from course_utils.grading.worker import run_folder

    with run_folder() as folder:
        try:
            isolation = LimitsOnly.name if args.unsafe_no_sandbox else _sandbox(Path(folder))
            return _grade(args, isolation, Path(folder))
        except (ValueError, LookupError, Unavailable) as mistake:
            print(f"course grade: {mistake}", file=sys.stderr)
            return 2
        except OSError as error:
            print(f"course grade: {error}; what is graded is kept, the same command goes on", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on where this run was", file=sys.stderr)
            return 130


def _sandbox(folder: Path) -> str:
    try:
        find_sandbox(folder)
    except Unavailable as reason:
        raise Unavailable(
            f"{reason}\n  (--unsafe-no-sandbox grades without it: only for code that you trust)"
        ) from None
    return Bubblewrap.name


def _grade(args: argparse.Namespace, isolation: str, folder: Path) -> int:
    from course_utils.grading.run import Order, grade

    limits = Limits(cpu_seconds=args.cpu_seconds, wall_seconds=max(60, 6 * args.cpu_seconds), memory=args.memory * MIB)
    order = Order(args.submissions, args.out, args.exercise, args.roster, args.seed, args.jobs, isolation, limits)
    if isolation == LimitsOnly.name:
        print("no sandbox: students' code runs with limits on time and memory only", file=sys.stderr)
    records = grade(order, folder, _progress())
    print(f"{len(records)} graded: {args.out / 'results.csv'}, {args.out / 'gradebook.csv'}, {args.out / 'feedback'}")
    lost = [f"{record.student}/{record.exercise}" for record in records if record.lost]
    if lost:
        print(
            f"NOT graded, since the grading process ended twice: {', '.join(lost)}; see above, and run again",
            file=sys.stderr,
        )
    return 0


def _progress():
    """On a terminal one line that is written over; else silence."""
    started = time.monotonic()

    def show(done: int, total: int, record) -> None:
        if sys.stderr.isatty():
            left = (time.monotonic() - started) / done * (total - done)
            line = f"{done} of {total}, about {left / 60:.0f} min left: {record.student}"
            print(f"\r{line[:78]:<78}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show
