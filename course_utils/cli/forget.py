"""Delete what the course remembers of you.

Your guesses and the verdicts of checks are kept for `course review`, on this machine only, in .course/ among your
copies. This deletes that folder. Your notebooks stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils import project
from course_utils.classroom import memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, metavar="DIR", help="where your copies are (default: work/ in the course)")


def run(args: argparse.Namespace) -> int:
    file = (args.work or project.work_folder(project.course_folder())) / memory.NAME
    try:
        print(f"Deleted: {file.parent}" if memory.forget(file) else "Nothing was kept.")
    except OSError as error:
        print(f"course forget: {error.filename} cannot be deleted ({error.strerror})", file=sys.stderr)
        return 2
    return 0
