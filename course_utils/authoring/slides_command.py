"""Turn lectures into slides: each becomes one HTML file that needs no network.

Arrow keys move on, S opens the notes of teaching/ and the minutes of each section in a window of their own, ? lists the
other keys. Printed from the browser, each slide is a page; printed from the window of the notes, a slide and its notes
are. The slides show the outputs that are stored in the lecture: build it first.
"""

import argparse
import sys
from pathlib import Path

DEFAULT = "slides"


class OperatorError(Exception):
    """The command was called in a way that cannot work; its text says how to call it."""


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
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the project's folder (default: this one)")


def run(args: argparse.Namespace) -> int:
    """0 when all decks are there, 1 where a lecture cannot be shown, 2 where it cannot work as called."""
    from course_utils.authoring.browser import NoBrowser

    try:
        make(args.root, selected(args.root, args.lessons), args.out or args.root / DEFAULT, args.pdf)
    except (OperatorError, NoBrowser) as error:
        print(error, file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"{error}; change it, then call this again", file=sys.stderr)
        return 1
    return 0


def selected(root: Path, names: list[str]) -> list[str]:
    """The lectures that are meant; OperatorError for a name that means none."""
    from course_utils.authoring.notebook_files import lessons

    everything = lessons(root, "notebooks")
    if not everything:
        raise OperatorError(f"no lectures below {root}: start this command in the project's folder")
    chosen = set()
    for name in names:
        stem = Path(name).stem
        found = {lesson for lesson in everything if stem and lesson.startswith(stem)}
        if not found:
            raise OperatorError(f"no lecture {name!r}; there are: {', '.join(everything)}")
        chosen |= found
    return [lesson for lesson in everything if lesson in chosen or not names]


def make(root: Path, lessons: list[str], out: Path, pdf: bool) -> None:
    from course_utils.authoring import decks
    from course_utils.authoring.notebook_files import write

    for lesson in lessons:
        try:
            write(out / f"{lesson}.html", decks.deck(root, lesson).encode("utf-8"))
        except (ValueError, LookupError, OSError) as error:
            raise ValueError(f"notebooks/{lesson}.ipynb: {error}") from error
        print((out / f"{lesson}.html").as_posix(), flush=True)
    if pdf:
        print_decks(out, lessons)


def print_decks(out: Path, lessons: list[str]) -> None:
    """NN.pdf, a slide on each page, and NN_notes.pdf, slides with their notes."""
    from course_utils.authoring.browser import browser, print_page

    with browser() as running:
        for lesson in lessons:
            for name, query in ((f"{lesson}.pdf", ""), (f"{lesson}_notes.pdf", "?notes")):
                print_page(running, out / f"{lesson}.html", out / name, query=query)
                print((out / name).as_posix(), flush=True)
