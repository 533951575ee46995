"""Figures can be read by everyone: a text for those who do not see them, contrast for those who see little."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

from course_utils.notebooks import joined, source
from course_utils.staff.authoring.notebook_files import PICTURE_TYPES, Notebook
from course_utils.staff.authoring.problems import Problem

IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"\balt=([\"'])(.*?)\1", re.DOTALL | re.IGNORECASE)
SVG_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title>", re.DOTALL)
MARKDOWN_IMAGE = re.compile(r"!\[\s*\]\(")
RULE = re.compile(r"(?:^|;)\s*([a-z-]+)\s*:\s*([^;]+?)\s*(?=;|$)")
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
VOID = ("br", "hr", "img", "input", "wbr", "col")  # elements that hold nothing


def alt_texts(notebook: Notebook) -> list[Problem]:
    """Every picture has a text in its place: <img alt> in HTML and the same as "Figure: ..." in plain text.

    An SVG that is displayed by itself has it in its <title>.
    """
    problems = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            page, plain = joined(data.get("text/html", "")), joined(data.get("text/plain", ""))
            images = IMAGE.findall(page)
            if "image/svg+xml" in data and not alt_of(data):
                problems.append(notebook.problem(cell, "give the <svg> a <title> that says what it shows"))
            elif data.keys() & PICTURE_TYPES and not (images and plain == f"Figure: {alt(images[0])}"):
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


def alt_of(data: dict) -> str:
    """The alt text of an output that is a picture, from its forms; "" where it has none."""
    title = SVG_TITLE.search(joined(data.get("image/svg+xml", "")))
    if title:
        return html.unescape(title[1]).strip()
    plain = joined(data.get("text/plain", ""))
    return plain.removeprefix("Figure: ") if plain.startswith("Figure: ") else ""


def html_contrast(notebook: Notebook) -> list[Problem]:
    """Coloured text stands on a ground of its own, from which it stands out; no ground speaks without words.

    JupyterLab's themes are light and dark: a colour without a ground is unreadable on one of them.
    """
    problems = []
    for cell in notebook.cells:
        pages = [joined(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]
        for page in [*pages, source(cell)] if cell["cell_type"] == "markdown" else pages:
            problems += [notebook.problem(cell, fault) for fault in colour_faults(page)]
    return problems


def colour_faults(page: str) -> list[str]:
    """What is wrong with the inline colours of a piece of HTML; each fault once."""
    reader = ColourReader()
    reader.feed(page)
    reader.close()
    return list(dict.fromkeys(reader.faults))


class ColourReader(HTMLParser):
    """Follows ground and text colour down the elements, as a browser does."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", "", "", False)]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        rules = dict(RULE.findall(dict(attrs).get("style") or ""))
        ground = rules.get("background", rules.get("background-color", ""))
        above = self.open[-1]
        if tag not in VOID:
            element = Element(tag, ground or above.ground, rules.get("color", above.colour), bool(ground))
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while any(element.tag == tag for element in self.open[1:]):
            element = self.open.pop()
            self.open[-1].says |= element.says
            if element.paints and not element.says:
                self.faults.append(f"a ground of {element.ground} without a word: colour alone says nothing to some")
            if element.tag == tag:
                break

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        here = self.open[-1]
        here.says = True
        try:
            if here.ground and not here.colour:
                self.faults.append(f"text on {here.ground} has no colour of its own")
            elif here.colour and not here.ground:
                self.faults.append(f"text in {here.colour} has no ground of its own")
            elif here.colour and contrast(here.colour, here.ground) < TEXT_CONTRAST:
                ratio = f"{contrast(here.colour, here.ground):.2f}, at least {TEXT_CONTRAST} is needed"
                self.faults.append(f"{here.colour} on {here.ground} has contrast {ratio}")
        except ValueError:
            self.faults.append(f"{here.colour} on {here.ground}: write colours as #RRGGBB, so that they can be checked")


@dataclass
class Element:
    """An open element: the ground and the colour of text in it, whether it paints this ground, whether it has text."""

    tag: str
    ground: str
    colour: str
    paints: bool
    says: bool = False


def contrast(colour: str, ground: str) -> float:
    """WCAG's contrast ratio. ValueError for what is no colour."""
    from course_utils.plots import style

    return style.contrast(colour, ground)


def palette_contrast(colours: Iterable[str] | None = None) -> list[Problem]:
    """The colours of lines and text stand out from white by 4.5 to 1 (default: those of the course's style).

    Lines need only 3 to 1, but the words beside a line take its colour.
    """
    from course_utils.plots import style

    return [
        Problem(
            "course_utils/plots/style.py",
            "",
            f"{colour} has contrast {contrast(colour, '#FFFFFF'):.2f} on white, at least {TEXT_CONTRAST} is needed",
            "take a darker colour, then `course build --force`",
        )
        for colour in ((*style.CYCLE, style.INK, style.MUTED) if colours is None else colours)
        if contrast(colour, "#FFFFFF") < TEXT_CONTRAST
    ]
