"""Start a new lesson, or with --task a new task in a lesson.

A new lesson is small, complete and passes the build, to be written over: a lecture with a prediction and a figure, a
solution with one task (the exercise follows from it), a page for teaching, the task's probe, judge and known mistakes,
and a card. CONTRIBUTING.md goes on from there.
"""

import argparse
import sys
from pathlib import Path

from course_utils import project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NN_name", help="its number and name, as in 13_calibration")
    parser.add_argument("--task", metavar="FUNCTION", help="add a task to this lesson, which asks for such a function")
    parser.add_argument("--points", type=int, default=2, help="what the new task is worth (default: 2)")
    parser.add_argument("--title", help="its title (default: made from the name)")
    parser.add_argument("--root", type=Path, help="the project's folder (default: where the course is)")


def run(args: argparse.Namespace) -> int:
    """0 when the lesson or the task is laid out, 2 where it cannot be."""
    from course_utils.staff.authoring.build.new_lesson import OperatorError, add_task, lay_out

    try:
        root = args.root or project.course_folder()
        if args.task:
            print(add_task(root, args.name, args.task, args.points))
            return 0
        written = lay_out(root, args.name, args.title)
    except (OperatorError, project.NoCourse, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for file in written:
        print(f"  {file}")
    print(f"Next: `python3 course.py build {args.name[:2]}`, and CONTRIBUTING.md for what to write where.")
    return 0
