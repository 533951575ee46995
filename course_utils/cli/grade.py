"""Grade submissions: notebooks in, a gradebook and a feedback page for every student out.

  course grade submissions/ --out report/ --dry-run      what would be graded, on one screen; grades nothing
  course grade submissions/ --out report/
  course grade download.zip --out report/ --exercise 01 --roster students.csv --jobs 4
  course grade submissions/ --out report/ --manual open_questions.csv --format canvas
  course grade canvas.zip --out report/ --roster gradebook.csv --format canvas     fills in Canvas's own gradebook
  course grade --gradescope-autograder autograder.zip --exercise 01

SUBMISSIONS is a folder (or a zip file) with
  <student>/<exercise>.ipynb                 or nbgrader's <student>/<assignment>/<exercise>.ipynb,
  or what Canvas, Moodle, Gradescope, Brightspace, Blackboard or Sakai let you download (all submissions, folder or
  zip), or clones of GitHub Classroom or GitLab, or a zip file for each student.
Only notebooks are read. Each answer is put into the solved notebook of solutions/, run with fresh random inputs, and
judged outside the process that runs the student's code. What the student's notebook says of its own points has no
weight.

Which file counts: the exercise, never its lecture or solution (the metadata say which it is, else the cells). Of
several files of a student for one exercise: with answers before without; then the platform's last attempt, the newest,
the one whose name sorts last. The others are set aside, and the summary says so. The run stops (--force goes on) where
what was handed in looks wrong: a "student" who is a folder of students, a notebook at the top that nobody owns, nobody
of the roster among the students, more than a tenth of the notebooks of no exercise of this course.

REPORT gets
  index.html      begin here: points by task, the commonest mistakes, tasks that nobody solved, who is missing or late
  feedback/       a page for each student and exercise, to hand back
  gradebook.csv   a row for each student; manual_max are the points of open questions, which you give
  results.csv     student,exercise,task,points,max_points,status,message: a row for every task, whatever happened
                  status: graded, missing, error, timeout, memory, invalid (the file could not be used), ungraded
                  (the grader itself failed: no points and no zero; the same command tries again)
  manifest.csv    path,student,exercise,kind,taken_as,reason: every file, what it is and what it was taken for
  changes.csv     what differs from the report that was there before: after another --seed, or new submissions
  run.json        versions, seed, limits, seconds, files that were not recognised

Tables that you may hand in (comma or semicolon, first line as shown):
  --roster        student,name,deadline      2026-11-30 18:00, or a date: the end of that day. An offset (+02:00) or Z
                  is kept, else the zone is that of --timezone, or this machine's. Who handed in nothing is missing, who
                  was later is late (it costs no points: that is yours to decide). deadline_01_chain_rule is the
                  deadline of that exercise; what comes in under the name of a group is its members'. Columns id,
                  login, email, section are used by --format. A platform's own gradebook will do as it is.
  --late          '10% a day, at most 50%' (hour, day, week; each begun): what that costs, in a column late of
                  gradebook.csv. It is taken off nowhere.
  --manual        student,task,points,comment    your points for open questions: they go to the gradebook (manual,
                  final), the feedback pages and the exports. A row that cannot be right stops the run before it begins.
  --format        canvas: canvas.csv, for Grades > Import. moodle: moodle/<exercise>.csv, the assignment's grading
                  worksheet, also good for Grades > Import > CSV. gradescope: a results.json for each submission.
                  brightspace, blackboard: brightspace.csv, blackboard.csv. sakai: sakai/<exercise>/grades.csv.
                  If the roster is that platform's gradebook, it is filled in, and nothing else in it changes. Pages go
                  back as <platform>/<exercise>_feedback.zip (not gradescope, blackboard).
                  Who handed in nothing for an exercise has a blank there, and no zero

  --dask          the address of a Dask scheduler: its workers run the submissions, each in a sandbox there. They need
                  this package in the same version, and bubblewrap. The report is the same, byte for byte.

A run that was stopped goes on where it was: give the same command again. The same folder keeps its seed, so nothing
is graded twice unless it has changed; another --seed, or a new folder, grades on other inputs.

Students' code runs in a sandbox (bubblewrap, on Linux): no network, nothing of yours to see or change. Where there is
none, the command refuses and says what to install.

Exit status: 0 when every submission was graded, however bad it was; 1 where the grader itself failed at one (ungraded);
2 for a mistake in this command, or where what was handed in looks wrong.
docs/grading.md tells more.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.staff.grading.sandbox.isolation import (
    MIB,
    Bubblewrap,
    Limits,
    LimitsOnly,
    Unavailable,
    find_sandbox,
    prove_hidden,
)

if TYPE_CHECKING:
    from course_utils.staff.grading.records import Record
    from course_utils.staff.grading.run.run import Order


FORMATS = ("canvas", "moodle", "gradescope", "brightspace", "blackboard", "sakai")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "submissions", type=Path, nargs="?", metavar="SUBMISSIONS", help="folder or zip file with what was handed in"
    )
    parser.add_argument("--out", type=Path, metavar="REPORT", help="folder for the report; made if not there")
    parser.add_argument(
        "--exercise", action="append", metavar="NAME",
        help="grade only this one (1, 01, or 01_chain_rule); may be given more than once; else all that occur",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be graded, write REPORT/manifest.csv, and grade nothing"
    )
    parser.add_argument(
        "--gradescope-autograder", type=Path, metavar="OUT.zip",
        help="grade nothing here: write an autograder for Gradescope, for the exercises of --exercise",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="go on where what was handed in looks wrong")
    parser.add_argument(
        "--roster", type=Path, metavar="CSV", help="student,name,deadline: who is missing and who is late is then said"
    )
    parser.add_argument(
        "--timezone", metavar="ZONE", help="of deadlines that tell none (Europe/Berlin, +02:00); else this machine's"
    )
    parser.add_argument(
        "--late", metavar="RULE", help="'10%% a day, at most 50%%': what lateness costs, as a column of gradebook.csv"
    )
    parser.add_argument(
        "--manual", type=Path, metavar="CSV", help="student,task,points[,comment]: what you gave for open questions"
    )
    parser.add_argument(
        "--format", action="append", choices=FORMATS, default=[], dest="formats",
        help="write the gradebook in this form too; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=_positive, default=1, metavar="N", help="how many notebooks to run at a time (1)"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="grade on a Dask cluster (tcp://host:8786), as many at a time as it can take"
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
        "--warm",
        action="store_true",
        help="fork kernels that have imported what the notebooks need: several times as fast where that is torch",
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
    from course_utils.staff.grading.run.worker import run_folder

    with run_folder() as folder:
        try:
            if args.warm and (args.unsafe_no_sandbox or args.dask):
                raise ValueError("--warm is a way to make sandboxes on this machine: leave out --dask and --unsafe-...")
            if args.gradescope_autograder:
                return _autograder(args)
            if not (args.submissions and args.out):
                raise ValueError("it needs SUBMISSIONS and --out REPORT (or --gradescope-autograder OUT.zip)")
            if args.dry_run:
                return _look(args)
            if args.unsafe_no_sandbox or args.dask:  # the sandbox of a cluster stands on its machines: they are asked
                isolation = LimitsOnly.name if args.unsafe_no_sandbox else Bubblewrap.name
            else:
                isolation = _sandbox(Path(folder), args)
            return _grade(args, isolation, Path(folder))
        except (ValueError, LookupError, Unavailable) as mistake:
            print(f"course grade: {mistake}", file=sys.stderr)
            return 2
        except OSError as error:
            print(f"course grade: {_told(error)}. What is graded is kept: the same command goes on", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on where this run was", file=sys.stderr)
            return 130


def _told(error: OSError) -> str:
    """A fault of the machine in a line: what it is, and of which file."""
    copying = isinstance(error, shutil.Error)  # of the supplies, into the folder for temporary files
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or (copying and os.strerror(errno.ENOSPC) in str(error)):
        where = tempfile.gettempdir() if copying else error.filename
        return f"the disk is full{f' ({where})' if where else ''}, make room"
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _sandbox(folder: Path, args: argparse.Namespace) -> str:
    from course_utils.staff.grading.run.run import STATE

    secrets = {"the submissions": args.submissions, "the report": args.out, "the seed": args.out / STATE}
    secrets |= {what: path for what, path in (("the roster", args.roster), ("your points", args.manual)) if path}
    try:
        find_sandbox(folder)
    except Unavailable as reason:
        aside = "or, only for code that you trust, grade without it: --unsafe-no-sandbox"
        raise Unavailable(reason.finding, f"{reason.remedy};\n  {aside}") from None
    prove_hidden(folder, secrets)
    if not args.warm:
        return Bubblewrap.name
    from course_utils.staff.grading.sandbox.warm import Warm, try_warm

    try_warm(folder)
    return Warm.name


def _autograder(args: argparse.Namespace) -> int:
    from course_utils.staff.grading.run.autograder import pack

    isolation = LimitsOnly.name if args.unsafe_no_sandbox else Bubblewrap.name
    limits = Limits(cpu_seconds=args.cpu_seconds, memory=args.memory * MIB)
    names = pack(args.gradescope_autograder, tuple(args.exercise or ()), isolation, limits)
    print(f"an autograder of {', '.join(names)}: {args.gradescope_autograder}. It holds the solutions: keep it secret")
    return 0


def _look(args: argparse.Namespace) -> int:
    from course_utils.staff.grading.run.run import Doubtful, dry_run

    lines, doubt = dry_run(_order(args, LimitsOnly.name))
    for line in [*lines, f"every file: {args.out / 'manifest.csv'}"]:
        print(line)
    if doubt:
        raise Doubtful(doubt)
    return 0


def _order(args: argparse.Namespace, isolation: str) -> Order:
    from course_utils.staff.grading.intake.late import late_rule
    from course_utils.staff.grading.intake.roster import zone_named
    from course_utils.staff.grading.run.run import Order

    limits = Limits(cpu_seconds=args.cpu_seconds, memory=args.memory * MIB)
    return Order(
        args.submissions, args.out, tuple(args.exercise or ()), args.roster, args.seed, args.jobs, isolation, limits,
        manual=args.manual, formats=tuple(dict.fromkeys(args.formats)), dask=args.dask,
        zone=zone_named(args.timezone) if args.timezone else None, force=args.force,
        late=late_rule(args.late) if args.late else None,
    )  # fmt: skip


def _grade(args: argparse.Namespace, isolation: str, folder: Path) -> int:
    from course_utils.staff.grading.report.summary import summary
    from course_utils.staff.grading.run.run import grade

    order = _order(args, isolation)
    if isolation == LimitsOnly.name:
        print("no sandbox: students' code runs with limits on time and memory only", file=sys.stderr)
    finished = grade(order, folder, Progress())
    for line in summary(args.out, finished.graded, finished.changes):
        print(line)
    ungraded = finished.graded.about["ungraded"]
    if ungraded:
        print(
            f"NOT graded, since the grader itself failed, also at a second try with nothing beside it: "
            f"{', '.join(ungraded)}. Their points are blank; the same command tries these again",
            file=sys.stderr,
        )
    return 1 if ungraded else 0


class Progress:
    """How far the run is and how long it will take: a line that is written over, or in a log a line a minute."""

    def __init__(self) -> None:
        self.started = self.told = time.monotonic()
        self.graded = 0

    def __call__(self, done: int, total: int, record: Record, now: bool) -> None:
        """After each record; `now`: it was graded by this run, and not taken over from one that was stopped."""
        self.graded += now
        moment = time.monotonic()
        terminal = sys.stderr.isatty()
        if terminal or moment - self.told > 60:
            self.told = moment
            line = f"{done} of {total}, {self.left(total - done, moment)}{record.student}"
            words = f"\r{line[:78]:<78}" if terminal else line
            print(words, end="" if terminal and done < total else "\n", file=sys.stderr, flush=True)

    def left(self, remaining: int, moment: float) -> str:
        """The time that is left, by the pace of what this run has graded itself; "" before it has graded any."""
        if not self.graded or not remaining:
            return ""
        seconds = (moment - self.started) / self.graded * remaining
        return f"about {seconds / 60:.0f} min left: " if seconds > 90 else f"about {seconds:.0f} s left: "
