"""Check your own exercises from the terminal.

  course check        what is done in each exercise in work/, and which lecture or task is next (runs nothing)
  course check 01     runs your answers of exercise 01 and lists the points by task
  course check my/folder/01_chain_rule.ipynb

A notebook that you renamed is found by what stands in it. Open questions count as open until you have written
something; then `course check 01` says what a person looks for who marks them.

The saved file counts: save the notebook first (Ctrl+S). Your answers are put into a fresh copy of the exercise, which
is run from top to bottom, so that a result does not depend on the order in which you ran your cells. Your file is
only read.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from course_utils import project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "a number (01), or the path of a notebook; without it: an overview"
    parser.add_argument("--work", type=Path, metavar="DIR", help="where your copies are (default: work/ in the course)")
    parser.add_argument("exercise", nargs="?", metavar="EXERCISE", help=text)


def run(args: argparse.Namespace) -> int:
    from course_utils.staff.grading.run.self_check import Unreadable, check_one, overview

    try:
        root = project.course_folder()
        if args.work:
            os.environ["COURSE_WORK"] = str(args.work)
        return check_one(args.exercise, root) if args.exercise else overview(root)
    except (Unreadable, LookupError) as reason:
        print(f"course check: {reason}", file=sys.stderr)
        return 2
