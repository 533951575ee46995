"""Turn the course into a website: a folder of pages that need no server and no network.

The student edition has lectures, exercises and what there is to look up, but no solutions and no notes for the teacher;
the instructor edition has all of it. Put the folder on any web server, hand it out as an archive, or open its
index.html as it lies on the disk.
"""

import argparse
import sys
from pathlib import Path

from course_utils import project

DEFAULT = "site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n"
        "  course site                                       pages for students, in the folder site/\n"
        "  course site --edition instructor --out teaching-site\n"
        "  course site --pdf                                 and each lecture as a PDF to hand out"
    )
    parser.add_argument(
        "--edition", choices=("student", "instructor"), default="student", help="for whom (default: student)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"where it goes (default: {DEFAULT}); what it was before is replaced"
    )
    parser.add_argument("--pdf", action="store_true", help="print each lecture to a PDF too; needs Chromium or Chrome")
    parser.add_argument("--root", type=Path, help="the project's folder (default: where the course is)")


def run(args: argparse.Namespace) -> int:
    """0 when the site is whole, 1 where a link leads nowhere, 2 where it cannot work as called."""
    from course_utils.staff.authoring.render.browser import NoBrowser
    from course_utils.staff.authoring.render.publish import OperatorError, make_site

    try:
        root = args.root or project.course_folder()
        out = args.out or root / DEFAULT
        if not (root / "notebooks").is_dir():
            raise OperatorError(f"no notebooks below {root}: start this command in the project's folder")
        problems, count = make_site(root, out, args.edition, args.pdf)
    except (OperatorError, project.NoCourse, NoBrowser) as error:
        print(error, file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"{error}; change it, then call this again", file=sys.stderr)
        return 1
    for problem in problems:
        print(problem)
    print(f"{count} pages, {args.edition} edition: open {(out / 'index.html').as_posix()}")
    return 1 if problems else 0
