"""The whole course as a folder of pages that need no server and no network.

`website` plans the pages (which files of the project are shown, and where), renders each, and writes them with the
style, the search and its index. `broken_links` reads what was written and says what leads nowhere.
"""

import html
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from markupsafe import Markup

from course_utils import __version__, notebooks
from course_utils.staff.authoring.lints.prose import ELSEWHERE, readings
from course_utils.staff.authoring.notebook_files import DEVICES, Notebook, lessons, read
from course_utils.staff.authoring.render import live, rendering
from course_utils.staff.authoring.sections import HEADING, headings, title
from course_utils.staff.authoring.teaching_notes import Note, notes
from course_utils.staff.judging.registry import total_points

EDITIONS = ("student", "instructor")
KINDS = {"notebooks": "lectures", "exercises": "exercises", "solutions": "solutions"}  # folder here -> folder there
WORDS = {"lectures": "Lecture", "exercises": "Exercise", "solutions": "Solution", "teaching": "For the teacher"}
FOR_INSTRUCTORS = (
    *("solutions/", "teaching/", "docs/architecture.md", "docs/coverage.md", "docs/decisions/", "docs/grading.md"),
    "docs/kill_matrix.md",
)


@dataclass
class Page:
    """A page of the site: the file of the project that it shows, and its address in the site."""

    file: str  # notebooks/01_chain_rule.ipynb
    url: str  # lectures/01_chain_rule.html
    title: str
    body: str = ""
    sections: list[tuple[str, str, str]] = field(default_factory=list)  # anchor, heading, its HTML: for the search

    @property
    def kind(self) -> str:
        return self.url.partition("/")[0]

    @property
    def lesson(self) -> str:
        return Path(self.file).stem

    def to(self, url: str) -> str:
        """Another address of the site, as a link on this page."""
        return posixpath.relpath(url, posixpath.dirname(self.url) or ".")


def website(root: Path, edition: str, pdf: bool = False) -> dict[str, str]:
    """The site's files, address -> text. With `pdf`, lectures link to what `print_lectures` makes of them.

    ValueError where a page cannot be made, with its file.
    """
    pages = {page.file: page for page in planned(root, edition)}
    for page in pages.values():
        try:
            fill(root, page, pages, edition)
        except (ValueError, LookupError, OSError) as error:
            raise ValueError(f"{page.file}: {error}") from error
    files = {page.url: layout(root, page, pages, edition, pdf) for page in pages.values()}
    files["index.html"] = index(root, pages, edition)
    index_of_words = json.dumps(list(entries(pages.values())), ensure_ascii=False, separators=(",", ":"))
    files["search-index.js"] = f"window.courseIndex = {index_of_words};\n"
    files["course.css"] = "".join(map(rendering.asset, ("colours.css", "dark.css", "course.css")))
    files["search.js"] = rendering.asset("search.js")
    return files | live.files(edition, set(files))


# ---- which pages ---------------------------------------------------------------------------------------------------


def planned(root: Path, edition: str) -> Iterator[Page]:
    """The pages of an edition, in the order of the course."""
    for folder, there in KINDS.items():
        for lesson in lessons(root, folder):
            notebook = read(root, folder, lesson)
            name = title(notebook)  # a solution has the title of its exercise
            name = f"Solution of {name[0].lower()}{name[1:]}" if folder == "solutions" else name
            yield from wanted(edition, Page(notebook.file, f"{there}/{lesson}.html", name))
    for folder in ("teaching", "docs", "docs/decisions"):
        for path in sorted((root / folder).glob("*.md")):
            heading = HEADING.search(path.read_text(encoding="utf-8"))
            name = heading[2] if heading else path.stem
            yield from wanted(edition, Page(f"{folder}/{path.name}", f"{folder}/{path.stem}.html", name))


def wanted(edition: str, page: Page) -> Iterator[Page]:
    if edition == "instructor" or not page.file.startswith(FOR_INSTRUCTORS):
        yield page


# ---- what stands on them -------------------------------------------------------------------------------------------


def fill(root: Path, page: Page, pages: dict[str, Page], edition: str) -> None:
    if not page.file.endswith(".ipynb"):
        text = (root / page.file).read_text(encoding="utf-8")
        resolve = lambda link: leads(page, pages, link, relative(page.file, link))  # noqa: E731
        body = rendering.markdown(text, resolve, (root / page.file).parent, anchors=True)
    else:
        notebook = read(root, page.file.partition("/")[0], page.lesson)
        if edition == "student":
            cells = [cell for cell in notebook.cells if notebooks.FOR_INSTRUCTORS not in notebooks.tags(cell)]
            notebook = replace(notebook, content=notebook.content | {"cells": cells})
        told = notes(root, page.lesson) if edition == "instructor" and page.kind == "lectures" else {}
        body = "".join(parts(notebook, page, pages, told))
    page.body = different_anchors(body)
    page.sections = list(cut(page.body))


def different_anchors(body: str) -> str:
    """The second heading of the same words gets another anchor: "values-2"."""
    seen: dict[str, int] = {}

    def named(found: re.Match) -> str:
        seen[found[1]] = seen.get(found[1], 0) + 1
        return found[0].replace(f'"{found[1]}"', f'"{found[1]}-{seen[found[1]]}"') if seen[found[1]] > 1 else found[0]

    return re.sub(r'(?<=<h[1-6]) id="([^"]*)"', named, body)


def parts(notebook: Notebook, page: Page, pages: dict[str, Page], told: dict[str, Note]) -> Iterator[str]:
    """The cells as HTML; below the heading of a section what the teacher is told about it."""

    def resolve(link: str) -> str | None:
        path = unquote(link).partition("#")[0]
        return leads(page, pages, link, readings(notebook, path) if path else [notebook.file])

    first = {heading.index: heading.text for heading in headings(notebook) if heading.level <= 2}
    for index, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "markdown":
            made = rendering.markdown(rendering.text_of(cell), resolve, notebook.path.parent, anchors=True)
            note = told.get(first.get(index, "")) if first.get(index) else None
            if note:
                head, end, rest = made.partition("</h2>\n")
                made = head + end + note_html(note, page, pages) + rest
            yield made
        else:
            yield f'<div class="cell" id="cell-{cell["id"]}">{rendering.code_cell(cell)}</div>\n'


def note_html(note: Note, page: Page, pages: dict[str, Page]) -> str:
    file = f"teaching/{page.lesson}.md"
    text = rendering.markdown(note.text, lambda link: leads(page, pages, link, relative(file, link)))
    minutes = f" · {note.minutes} minutes" if note.minutes else ""
    return f'<details class="note"><summary>For the teacher{minutes}</summary>{text}</details>\n'


def relative(file: str, link: str) -> list[str]:
    """The file of the project that a link in `file` means; the file itself for a link within it."""
    path = unquote(link).partition("#")[0]
    return [posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file]


def leads(page: Page, pages: dict[str, Page], link: str, files: list[str] | Iterator[str]) -> str | None:
    """A link of the project as one of the site; None where this edition does not show what it leads to."""
    if ELSEWHERE.match(link):
        return link
    section = unquote(link).partition("#")[2]
    anchor = f"#{rendering.slug(section)}" if section else ""
    for file in files:
        if file == page.file:
            return anchor or posixpath.basename(page.url)
        if file in pages:
            return page.to(pages[file].url) + anchor
        if file == "README.md":
            return page.to("index.html")
    return None


def cut(body: str) -> Iterator[tuple[str, str, str]]:
    """(anchor, heading, HTML) of each section of a page; what stands before the first heading belongs to it."""
    marks = list(re.finditer(r'<h([1-6]) id="([^"]*)">(.*?)</h\1>', body, re.DOTALL))
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        heading = rendering.plain(re.sub(r'<a class="anchor".*?</a>', "", mark[3]))
        yield mark[2], heading, body[mark.end() : after.start() if after else len(body)]


def entries(pages: Iterable[Page]) -> Iterator[list[str]]:
    """What the search knows of each section: address, page, heading, words."""
    for page in pages:
        for number, (anchor, heading, body) in enumerate(page.sections):
            yield [f"{page.url}#{anchor}" if number else page.url, page.title, heading, rendering.plain(body)]


# ---- around them ---------------------------------------------------------------------------------------------------


def layout(root: Path, page: Page, pages: dict[str, Page], edition: str, pdf: bool) -> str:
    alike = [other for other in pages.values() if other.kind == page.kind]
    at = alike.index(page)
    twins = [
        (WORDS[other.kind], page.to(other.url), other is page)
        for other in pages.values()
        if other.kind in WORDS and other.lesson == page.lesson
    ]
    if pdf and page.kind == "lectures":
        twins.append(("PDF", page.to(pdf_of(page.url)), False))
    return rendering.filled(
        "page.html",
        page=page,
        body=Markup(page.body),
        contents=[(anchor, heading) for anchor, heading in contents(page.body)],
        twins=twins if len(twins) > 1 else [],
        before=alike[at - 1] if at else None,
        after=alike[at + 1] if at + 1 < len(alike) else None,
        up=page.to("."),
        edition=edition,
        version=__version__,
    )


def contents(body: str) -> Iterator[tuple[str, str]]:
    """(anchor, heading) of the sections and tasks of a page."""
    for found in re.finditer(r'<h([23]) id="([^"]*)">(.*?)</h\1>', body, re.DOTALL):
        if found[1] == "2" or re.match(r"E\d\d\.", found[3]):
            yield found[2], rendering.plain(re.sub(r'<a class="anchor".*?</a>', "", found[3]))


def index(root: Path, pages: dict[str, Page], edition: str) -> str:
    rows = []
    for lesson in lessons(root, "notebooks"):
        lecture = read(root, "notebooks", lesson)
        minutes = [lecture.course["minutes"]]
        if lesson in lessons(root, "exercises"):
            minutes.append(read(root, "exercises", lesson).course["minutes"])
        found = {kind: page for page in pages.values() if page.lesson == lesson and (kind := page.kind) in WORDS}
        row = {"title": found["lectures"].title, "pages": found, "minutes": minutes}
        rows.append(row | {"points": total_points(lesson[:2]), "device": DEVICES[lecture.course["device"]]})
    alike = [page for page in pages.values() if page.kind in ("docs", "teaching") and not of_a_lesson(page, pages)]
    reading = [page for page in alike if page.url.count("/") == 1]  # the decisions are on their own list
    return rendering.filled(
        "index.html",
        rows=rows,
        reading=reading,
        edition=edition,
        version=__version__,
        up=".",
    )


def of_a_lesson(page: Page, pages: dict[str, Page]) -> bool:
    return f"notebooks/{page.lesson}.ipynb" in pages


def pdf_of(url: str) -> str:
    """Where the PDF of a lecture lies: pdf_of("lectures/01_chain_rule.html") is "pdf/01_chain_rule.pdf"."""
    return f"pdf/{Path(url).stem}.pdf"


# ---- whether all links lead somewhere ------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects the ids of a page and what it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if name := given.get("id"):
            self.ids.append(name)
        target = given.get("href") or given.get("src")
        if target:
            (self.links if tag == "a" else self.loads).append(target)


def broken_links(files: dict[str, str], others: Set[str] = frozenset()) -> list[str]:
    """What leads nowhere within the site, and what would be loaded from elsewhere; `others` lie in it besides."""
    read = {url: Reader(text) for url, text in files.items() if url.endswith(".html")}
    problems = []
    for url, page in read.items():
        twice = sorted(name for name, times in Counter(page.ids).items() if times > 1)
        problems += [f"{url}: two places have the id {name}" for name in twice]
        for target in page.links + page.loads:
            if target.startswith("data:"):
                continue
            if ELSEWHERE.match(target):
                if target in page.loads:
                    problems.append(f"{url}: loads {target} from the network")
                continue
            path, _, anchor = unquote(target).partition("#")
            at = posixpath.normpath(posixpath.join(posixpath.dirname(url), path)) if path else url
            if at not in files and at not in others:
                problems.append(f"{url}: the link {target} leads nowhere")
            elif anchor and anchor not in read[at].ids:
                problems.append(f"{url}: the link {target} leads to no section of {at}")
    return problems


def leftover_formulas(files: dict[str, str]) -> list[str]:
    r"""Formulas that a page shows as LaTeX: $...$ or a command like \log outside code."""
    problems = []
    for url, text in files.items():
        if not url.endswith(".html"):
            continue
        words = re.sub(r"<(pre|code|script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
        words = html.unescape(re.sub(r"<[^>]*>", " ", words))
        for found in re.finditer(r"\\[a-zA-Z]{2,}|\$[^$]{1,80}\$", words):
            problems.append(f"{url}: a formula was left over: {found[0]}")
    return problems
