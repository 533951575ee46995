"""Figures can be read by everyone: a text for those who do not see them, contrast for those who see little."""

import html
import re
from collections.abc import Iterable

from course_utils.authoring.notebook_files import Notebook, joined, source
from course_utils.authoring.problems import Problem

IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"\balt=([\"'])(.*?)\1", re.DOTALL | re.IGNORECASE)
MARKDOWN_IMAGE = re.compile(r"!\[\s*\]\(")
STYLE = re.compile(r"\bstyle=\"([^\"]*)\"")
RULE = re.compile(r"(?:^|;)\s*([a-z-]+)\s*:\s*(#\w+|\w+)\s*(?=;|$)")  # colours as #0072B2 or by name
LINE_CONTRAST, TEXT_CONTRAST = 3.0, 4.5  # on white; WCAG 2.2, 1.4.11 and 1.4.3


def alt_texts(notebook: Notebook) -> list[Problem]:
    """Every picture has a text in its place: <img alt> in HTML and the same as "Figure: ..." in plain text."""
    problems = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            page, plain = joined(data.get("text/html", "")), joined(data.get("text/plain", ""))
            images = IMAGE.findall(page)
            if "image/png" in data and not (images and plain == f"Figure: {alt(images[0])}"):
                problems.append(notebook.problem(cell, 'show the figure with `figure(fig, alt="what it shows")`'))
            elif not all(map(alt, images)):
                problems.append(notebook.problem(cell, "an <img> without alt text"))
    for cell in notebook.markdown_cells:
        if MARKDOWN_IMAGE.search(source(cell)) or not all(map(alt, IMAGE.findall(source(cell)))):
            problems.append(notebook.problem(cell, "a picture without a text that says what it shows"))
    return problems


def alt(image: str) -> str:
    """The alt text of an <img> tag, "" where it has none."""
    found = ALT.search(image)
    return html.unescape(found[2]).strip() if found else ""


def html_contrast(notebook: Notebook) -> list[Problem]:
    """Text on a coloured ground sets its own colour too, and can be read: JupyterLab's themes are light and dark."""
    from course_utils.plots import style

    problems = []
    for cell in notebook.cells:
        pages = [joined(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]
        for rules in (dict(RULE.findall(found[1])) for page in pages for found in STYLE.finditer(page)):
            ground, text = rules.get("background", rules.get("background-color")), rules.get("color")
            if ground and not text:
                problems.append(notebook.problem(cell, f"text on {ground} has no colour of its own"))
            elif ground and text and style.contrast(text, ground) < TEXT_CONTRAST:
                contrast = style.contrast(text, ground)
                fault = f"{text} on {ground} has contrast {contrast:.2f}, at least {TEXT_CONTRAST} is needed"
                problems.append(notebook.problem(cell, fault))
    return problems


def palette_contrast(lines: Iterable[str] | None = None, texts: Iterable[str] | None = None) -> list[Problem]:
    """The colours of lines stand out from white by 3 to 1, those of text by 4.5 to 1 (default: the course's style)."""
    from course_utils.plots import style

    wanted = [
        (style.CYCLE if lines is None else lines, LINE_CONTRAST, "lines"),
        ((style.INK, style.MUTED) if texts is None else texts, TEXT_CONTRAST, "text"),
    ]
    problems = []
    for colours, least, use in wanted:
        for colour in colours:
            contrast = style.contrast(colour, "#FFFFFF")
            if contrast < least:
                text = f"{colour} for {use} has contrast {contrast:.2f} on white, at least {least} is needed"
                remedy = "take a darker colour, then `course build --force`"
                problems.append(Problem("course_utils/plots/style.py", "", text, remedy))
    return problems
