"""Writes the site and the decks to the disk, and prints them to PDF where that is asked for."""

import shutil
import tempfile
from pathlib import Path

from course_utils.notebooks import named, write_whole
from course_utils.staff.authoring.notebook_files import lessons
from course_utils.staff.authoring.render import decks, website
from course_utils.staff.authoring.render.browser import browser, print_page

OURS = "search-index.js"  # a folder that holds this file was written by `course site`


class OperatorError(Exception):
    """The command was called in a way that cannot work; its text says how to call it."""


def make_site(root: Path, out: Path, edition: str, pdf: bool) -> tuple[list[str], int]:
    """Writes the site; returns what is wrong with it and how many pages it has.

    An interrupted run leaves `out` as it was.
    """
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


def selected(root: Path, names: list[str]) -> list[str]:
    """The lectures that are meant; OperatorError for a name that means none."""
    everything = lessons(root, "notebooks")
    if not everything:
        raise OperatorError(f"no lectures below {root}: start this command in the project's folder")
    chosen = set()
    for name in names:
        found = named(Path(name).stem, everything)
        if not found:
            raise OperatorError(f"no lecture {name!r}; there are: {', '.join(everything)}")
        chosen |= set(found)
    return [lesson for lesson in everything if lesson in chosen or not names]


def make_decks(root: Path, lessons: list[str], out: Path, pdf: bool) -> None:
    for lesson in lessons:
        try:
            write_whole(out / f"{lesson}.html", decks.deck(root, lesson).encode("utf-8"))
        except (ValueError, LookupError, OSError) as error:
            raise ValueError(f"notebooks/{lesson}.ipynb: {error}") from error
        print((out / f"{lesson}.html").as_posix(), flush=True)
    if pdf:
        print_decks(out, lessons)


def print_decks(out: Path, lessons: list[str]) -> None:
    """NN.pdf, a slide on each page, and NN_notes.pdf, slides with their notes."""
    with browser() as running:
        for lesson in lessons:
            for name, query in ((f"{lesson}.pdf", ""), (f"{lesson}_notes.pdf", "?notes")):
                print_page(running, out / f"{lesson}.html", out / name, query=query)
                print((out / name).as_posix(), flush=True)
