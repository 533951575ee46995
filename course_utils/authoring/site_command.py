"""Turn the course into a website: a folder of pages that need no server and no network.

The student edition has lectures, exercises and what there is to look up, but no solutions and no notes for the teacher;
the instructor edition has all of it. Put the folder on any web server, hand it out as an archive, or open its
index.html as it lies on the disk.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

DEFAULT = "site"
OURS = "search-index.js"  # a folder that holds this file was written by this command


class OperatorError(Exception):
    """The command was called in a way that cannot work; its text says how to call it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from course_utils.authoring.website import EDITIONS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n"
        "  course site                                       pages for students, in the folder site/\n"
        "  course site --edition instructor --out teaching-site\n"
        "  course site --pdf                                 and each lecture as a PDF to hand out"
    )
    parser.add_argument("--edition", choices=EDITIONS, default="student", help="for whom (default: student)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"where it goes (default: {DEFAULT}); what it was before is replaced"
    )
    parser.add_argument("--pdf", action="store_true", help="print each lecture to a PDF too; needs Chromium or Chrome")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the project's folder (default: this one)")


def run(args: argparse.Namespace) -> int:
    """0 when the site is whole, 1 where a link leads nowhere, 2 where it cannot work as called."""
    from course_utils.authoring.browser import NoBrowser

    out = args.out or args.root / DEFAULT
    try:
        if not (args.root / "notebooks").is_dir():
            raise OperatorError(f"no notebooks below {args.root}: start this command in the project's folder")
        problems, count = make(args.root, out, args.edition, args.pdf)
    except (OperatorError, NoBrowser) as error:
        print(error, file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"{error}; change it, then call this again", file=sys.stderr)
        return 1
    for problem in problems:
        print(problem)
    print(f"{count} pages, {args.edition} edition: open {(out / 'index.html').as_posix()}")
    return 1 if problems else 0


def make(root: Path, out: Path, edition: str, pdf: bool) -> tuple[list[str], int]:
    """Writes the site; returns what is wrong with it and how many pages it has.

    An interrupted run leaves `out` as it was.
    """
    from course_utils.authoring import website

    refuse_others(out)
    files = website.website(root, edition, pdf)
    pages = [url for url in files if url.endswith(".html")]
    printed = {website.pdf_of(url): url for url in pages if url.startswith("lectures/")} if pdf else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        draft = Path(temporary) / "site"
        for url, text in files.items():
            (draft / url).parent.mkdir(parents=True, exist_ok=True)
            (draft / url).write_text(text, encoding="utf-8", newline="\n")
        if printed:
            print_lectures(draft, printed)
        if out.exists():
            shutil.rmtree(out)
        draft.rename(out)
    return website.broken_links(files, set(printed)) + website.leftover_formulas(files), len(pages)


def refuse_others(out: Path) -> None:
    """OperatorError where `out` holds what this command has not written."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / OURS).is_file()):
        raise OperatorError(f"{out} is there already and is no site of this course: choose another folder with --out")


def print_lectures(site: Path, printed: dict[str, str]) -> None:
    """Prints pages of a site that lies on the disk; printed: address of the PDF -> address of the page."""
    from course_utils.authoring.browser import browser, print_page

    number = '<div style="font-size: 8px; width: 100%; text-align: center"><span class="pageNumber"></span></div>'
    with browser() as running:
        for pdf, url in printed.items():
            print(f"printing {pdf}", flush=True)
            print_page(
                running,
                site / url,
                site / pdf,
                display_header_footer=True,
                header_template="<p></p>",
                footer_template=number,
            )
