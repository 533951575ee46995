"""Turn lectures into slides: each becomes one HTML file that needs no network.

Arrow keys move on, S opens the notes of teaching/ and the minutes of each section in a window of their own, ? lists the
other keys. Printed from the browser, each slide is a page; printed from the window of the notes, a slide and its notes
are. The slides show the outputs that are stored in the lecture: build it first.
"""

import argparse
import sys
from pathlib import Path

from course_utils import project

DEFAULT = "slides"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n"
        "  course slides 01          the deck of lecture 01: slides/01_chain_rule.html\n"
        "  course slides             the decks of all lectures\n"
        "  course slides 01 --pdf    and as PDF, once as slides and once with the notes"
    )
    parser.add_argument("lessons", nargs="*", metavar="NN", help="01 or 01_chain_rule (default: all lectures)")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where they go (default: {DEFAULT})")
    parser.add_argument("--pdf", action="store_true", help="print each to PDF too; needs Chromium or Chrome")
    parser.add_argument("--root", type=Path, help="the project's folder (default: where the course is)")


def run(args: argparse.Namespace) -> int:
    """0 when all decks are there, 1 where a lecture cannot be shown, 2 where it cannot work as called."""
    from course_utils.staff.authoring.render.browser import NoBrowser
    from course_utils.staff.authoring.render.publish import OperatorError, make_decks, selected

    try:
        root = args.root or project.course_folder()
        make_decks(root, selected(root, args.lessons), args.out or root / DEFAULT, args.pdf)
    except (OperatorError, project.NoCourse, NoBrowser) as error:
        print(error, file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"{error}; change it, then call this again", file=sys.stderr)
        return 1
    return 0
