"""Text: the numbers that it quotes, its headings, its links."""

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from course_utils.authoring.lints.numbers import evidence, quoted
from course_utils.authoring.notebook_files import Notebook, read, source
from course_utils.authoring.problems import Problem
from course_utils.authoring.sections import FENCED, headings

NOT_PROSE = [
    FENCED,
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"(?<!\\)\$\$.+?\$\$", re.DOTALL),
    re.compile(r"(?<!\\)\$[^$]+?\$"),
    re.compile(r"(`+)[^`].*?\1"),
    re.compile(r"(?<=\])\([^)\s]*\)"),  # where a link leads
    re.compile(r"<[^>]+>"),
]
LINK = re.compile(r"\]\(<?([^)>\s]+)>?(?: +\"[^\"]*\")?\)|<a [^>]*href=[\"']([^\"']+)")
ELSEWHERE = re.compile(r"[a-z]+:|//")


def prose(text: str) -> str:
    """Markdown without formulas, code, comments, tags and addresses."""
    for pattern in NOT_PROSE:
        text = pattern.sub(" ", text)
    return text


def prose_numbers(notebook: Notebook) -> list[Problem]:
    """Every number that a lecture's prose quotes occurs, rounded to the digits written, in its code or outputs."""
    if notebook.folder != "notebooks":
        return []
    known = evidence(notebook.cells)
    return [
        notebook.problem(cell, f"{number.text} is in no output and no code cell of this notebook")
        for cell in notebook.markdown_cells
        for number in quoted(prose(source(cell)))
        if number.wants_evidence and not any(map(number.is_rounded, known))
    ]


def heading_levels(notebook: Notebook) -> list[Problem]:
    """One heading of level 1, at the top; then no level is skipped on the way down."""
    problems, above = [], 0
    for heading in headings(notebook):
        cell = notebook.cells[heading.index]
        if heading.level > above + 1:
            problems.append(notebook.problem(cell, f"heading level {heading.level} comes below level {above}"))
        if heading.level == 1 and above > 0:
            problems.append(notebook.problem(cell, "a second heading of level 1"))
        above = heading.level
    return problems if above else [notebook.problem(None, "has no heading")]


def links(notebook: Notebook) -> list[Problem]:
    """Links to files and sections of the course lead somewhere."""
    problems = []
    for cell in notebook.markdown_cells:
        for found in LINK.finditer(re.sub(r"`[^`]*`", "", FENCED.sub("", source(cell)))):
            target = found[1] or found[2]
            if not ELSEWHERE.match(target) and not resolves(notebook, target):
                problems.append(notebook.problem(cell, f"the link {target} leads nowhere"))
    return problems


def resolves(notebook: Notebook, target: str) -> bool:
    path, _, section = unquote(target).partition("#")
    if not path:
        return has_section(notebook, section)
    for file in readings(notebook, path):
        if (notebook.root / file).is_file():
            folder, _, name = file.rpartition("/")
            if not section:
                return True
            return name.endswith(".ipynb") and has_section(read(notebook.root, folder, name[:-6]), section)
    return False


def readings(notebook: Notebook, path: str) -> Iterator[str]:
    """The file of the project that a link means, read in the project and read in a student's work/ folder.

    There lectures lie in work/ and exercises in work/exercises/.
    """
    yield posixpath.normpath(f"{notebook.folder}/{path}")
    at = "" if notebook.folder == "notebooks" else "exercises/"
    in_work = posixpath.normpath(f"{at}{path}")
    yield in_work if "/" in in_work else f"notebooks/{in_work}"


def has_section(notebook: Notebook, section: str) -> bool:
    """Whether a heading has this anchor, in the spelling of JupyterLab or of GitHub."""
    return anchor(section) in {anchor(heading.text) for heading in headings(notebook)}


def anchor(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()
