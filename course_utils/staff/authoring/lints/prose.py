"""Text: the numbers that it quotes, its headings, its links."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from course_utils.classroom.predicting import Question, questions
from course_utils.notebooks import joined, source, tags
from course_utils.staff.authoring.formulas import mathml, one_formula
from course_utils.staff.authoring.lints.figures import IMAGE, MARKDOWN_IMAGE, alt
from course_utils.staff.authoring.lints.numbers import evidence, nearby, quoted, shown, values
from course_utils.staff.authoring.notebook_files import Notebook, lessons, read
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.authoring.sections import FENCED, HEADING, headings, section_around

CODE_SPAN = re.compile(r"(`+)[^`].*?\1")
HTML_HEADING = re.compile(r"<h[1-6]\b", re.IGNORECASE)
FORMULAS = [re.compile(r"(?<!\\)\$\$(.+?)\$\$", re.DOTALL), re.compile(r"(?<!\\)\$([^$]+?)\$")]
NOT_PROSE = [
    FENCED,
    re.compile(r"<!--.*?-->", re.DOTALL),
    *FORMULAS,
    CODE_SPAN,
    re.compile(r"(?<=\])\([^)\s]*\)"),  # where a link leads
    re.compile(r"<[^>]+>"),
]
LINK = re.compile(r"\]\(<?([^)>\s]+)>?(?: +\"[^\"]*\")?\)|<a [^>]*href=[\"']([^\"']+)")
PREDICTION = re.compile(r"""^predict\(["'](\d\d)\.(\w+)["']""", re.MULTILINE)
ATTACHMENT = re.compile(r"attachment:([^)\s\"'>]+)")  # a picture that was pasted into the cell, by its name
ELSEWHERE = re.compile(r"[a-z]+:|//")


def prose(text: str) -> str:
    """Markdown without formulas, code, comments, tags and addresses."""
    for pattern in NOT_PROSE:
        text = pattern.sub(" ", text)
    return text


def prose_numbers(notebook: Notebook) -> list[Problem]:
    """Every number that a lecture's prose quotes occurs, rounded to the digits written, in code or outputs near it."""
    problems = []
    for at, cell in enumerate(notebook.cells if notebook.folder == "notebooks" else []):
        text = prose(source(cell)) if cell["cell_type"] == "markdown" else ""
        numbers = [number for number in quoted(text) if number.wants_evidence]
        known = evidence(nearby(notebook, at)) if numbers else set()
        problems += [
            notebook.problem(cell, f"{number.text} is in no output and no code cell near this text")
            for number in numbers
            if not any(map(number.is_rounded, known))
        ]
    return problems


def prediction(cell: dict) -> Question | None:
    """The question that a cell asks with `predict`, None where it asks none."""
    found = PREDICTION.search(source(cell)) if cell["cell_type"] == "code" and "predict" in tags(cell) else None
    return questions(found[1])[found[2]] if found else None


def right_answers(notebook: Notebook) -> list[Problem]:
    """Every number in the right answer to a prediction is in an output of its section: there the reader finds it."""
    problems = []
    for at, cell in enumerate(notebook.cells if notebook.folder == "notebooks" else []):
        asked = prediction(cell)
        if asked:
            known = values(text for near in section_around(notebook, at) for text in shown(near))
            problems += [
                notebook.problem(cell, f"no output of its section shows {number.text}, which its right answer says")
                for number in quoted(prose(asked.options[asked.answer]))
                if not any(map(number.is_rounded, known))
            ]
    return problems


def heading_levels(notebook: Notebook) -> list[Problem]:
    """One heading of level 1, at the top; then no level is skipped on the way down; none in HTML or in an output."""
    found = list(headings(notebook))
    problems = [
        notebook.problem(notebook.cells[found[at].index] if found else None, fault)
        for at, fault in level_faults([heading.level for heading in found])
    ]
    for cell in notebook.cells:
        outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
        pages = [joined(data.get("text/html", "")) + joined(data.get("text/markdown", "")) for data in outputs]
        if any(HEADING.search(FENCED.sub("", page)) or HTML_HEADING.search(page) for page in pages):
            problems.append(notebook.problem(cell, "a heading in its output: write it in a markdown cell"))
        elif cell["cell_type"] == "markdown" and HTML_HEADING.search(CODE_SPAN.sub("", FENCED.sub("", source(cell)))):
            problems.append(notebook.problem(cell, "a heading in HTML: write it as #, ##, ..."))
    return problems


def level_faults(levels: list[int]) -> Iterator[tuple[int, str]]:
    """(which heading, what is wrong with its level); a text without headings has its fault at 0."""
    above = 0
    for at, level in enumerate(levels):
        if level > above + 1:
            yield at, f"heading level {level} comes below level {above}"
        if level == 1 and above > 0:
            yield at, "a second heading of level 1"
        above = level
    if not levels:
        yield 0, "has no heading"


def pages(root: Path) -> list[Problem]:
    """The written pages of the project: headings in order, a text for every picture, links that lead somewhere."""
    problems = []
    for path in sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("teaching/*.md")]):
        text, file = FENCED.sub("", path.read_text(encoding="utf-8")), path.relative_to(root).as_posix()
        faults = [fault for _, fault in level_faults([len(marks) for marks, _ in HEADING.findall(text)])]
        if MARKDOWN_IMAGE.search(text) or not all(map(alt, IMAGE.findall(text))):
            faults.append("a picture without a text that says what it shows")
        folder = posixpath.dirname(file)
        for target in inner_links(text):
            name, _, section = unquote(target).partition("#")
            if name and not is_there(root, posixpath.normpath(posixpath.join(folder, name)), section):
                faults.append(f"the link {target} leads nowhere")
        problems += [Problem(file, "", fault, "change it") for fault in faults]
    return problems


def formulas(notebook: Notebook) -> list[Problem]:
    """Every formula can be shown as MathML, on the site and on slides, those of outputs too."""
    problems = []
    for cell, text in [*((cell, source(cell)) for cell in notebook.markdown_cells), *shown_formulas(notebook)]:
        text = CODE_SPAN.sub("", FENCED.sub("", text))
        for pattern in FORMULAS:
            for found in pattern.finditer(text):
                try:
                    mathml(found[1])
                except ValueError as error:
                    problems.append(notebook.problem(cell, f"{error}"))
            text = pattern.sub(" ", text)
    return problems


def shown_formulas(notebook: Notebook) -> Iterator[tuple[dict, str]]:
    """(cell, text) of the outputs in Markdown and LaTeX."""
    for cell in notebook.code_cells:
        for output in cell["outputs"]:
            for mime in ("text/markdown", "text/latex"):
                text = joined(output.get("data", {}).get(mime, ""))
                formula = one_formula(text)
                yield cell, f"$${formula}$$" if formula else text


def links(notebook: Notebook) -> list[Problem]:
    """Links to files and sections of the course lead somewhere, and pasted pictures are there."""
    return [
        notebook.problem(cell, f"the picture {found[0]} is not in the cell: paste it again")
        for cell in notebook.markdown_cells
        for found in ATTACHMENT.finditer(CODE_SPAN.sub("", FENCED.sub("", source(cell))))
        if unquote(found[1]) not in cell.get("attachments", {})
    ] + [
        notebook.problem(cell, f"the link {target} leads nowhere")
        for cell in notebook.markdown_cells
        for target in inner_links(FENCED.sub("", source(cell)))
        if not resolves(notebook, target)
    ]


def inner_links(text: str) -> list[str]:
    """Where the links of a text lead, those to other sites left out."""
    targets = [found[1] or found[2] for found in LINK.finditer(CODE_SPAN.sub("", text))]
    return [target for target in targets if not ELSEWHERE.match(target)]


def ways_on(notebook: Notebook) -> list[Problem]:
    """A lecture links to its exercise, an exercise to its lecture, and both to the next lecture."""
    known = lessons(notebook.root, "notebooks")
    number = f"{int(notebook.lesson[:2]) + 1:02}_"
    following = [lesson for lesson in known if lesson.startswith(number)]
    if notebook.folder == "notebooks":
        twins = [f"exercises/{notebook.lesson}"] if notebook.lesson in lessons(notebook.root, "solutions") else []
        wanted = twins + following
    else:
        wanted = [f"../{lesson}" for lesson in [notebook.lesson, *following] if lesson in known]
    text = "\n".join(map(source, notebook.markdown_cells))
    linked = {(found[1] or found[2]).partition("#")[0] for found in LINK.finditer(text)}
    return [notebook.problem(None, f"has no link to {way}.ipynb") for way in wanted if f"{way}.ipynb" not in linked]


def resolves(notebook: Notebook, target: str) -> bool:
    path, _, section = unquote(target).partition("#")
    if not path:
        return has_section(notebook, section)
    return any(is_there(notebook.root, file, section) for file in readings(notebook, path))


def is_there(root: Path, file: str, section: str) -> bool:
    """Whether a file of the project exists and, for a notebook, has the section (any, where none is named)."""
    if not (root / file).exists() or not section:
        return (root / file).exists()
    folder, _, name = file.rpartition("/")
    try:
        return not name.endswith(".ipynb") or has_section(read(root, folder, name[:-6]), section)
    except ValueError:  # not a notebook, which is its own problem
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
