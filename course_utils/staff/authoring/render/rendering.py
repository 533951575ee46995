"""Cells and Markdown as HTML: what the site and the slides have in common.

Markdown goes through mistune, formulas become MathML, code is coloured by Pygments' classes. A prediction becomes
its question with an answer to open behind each option: a page has no kernel, but it can still be asked.
"""

import base64
import html
import mimetypes
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from mistune import HTMLRenderer, Markdown
from mistune.plugins import import_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_utils.classroom.predicting import Question
from course_utils.notebooks import NBVAL, blanked, is_turn, joined, solved, source, tags
from course_utils.staff.authoring.formulas import TAG, mathml, one_formula
from course_utils.staff.authoring.lints.figures import alt_of
from course_utils.staff.authoring.lints.prose import ATTACHMENT, prediction

HREF = re.compile(r"""(<a\b[^>]*\bhref=)(["'])(.*?)\2""")

PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
PLUGINS = ("strikethrough", "table", "url", "task_lists", "def_list", "math")
LONG = 15  # elements of MathML: a formula within a line that a phone may have to scroll

LOADER = PackageLoader("course_utils.staff.authoring.render")
TEMPLATES = Environment(
    loader=LOADER,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)
Resolve = Callable[[str], str | None]  # where a link leads on the page that is made; None where to nowhere


def filled(template: str, **values: object) -> str:
    """A template of templates/ with these values in it, which are escaped unless they are Markup."""
    return TEMPLATES.get_template(template).render(**values)


def plainly_filled(template: str, **values: object) -> str:
    """A template that gives no HTML: nothing is escaped."""
    return TEMPLATES.overlay(autoescape=False).get_template(template).render(**values)


def asset(name: str) -> str:
    """A style or script of templates/, as it stands."""
    return LOADER.get_source(TEMPLATES, name)[0]


def slug(text: str) -> str:
    """The anchor of a heading: slug("A product") is "a-product". Anchors of JupyterLab and GitHub give the same."""
    return re.sub(r"[\W_]+", "-", text).strip("-").lower()


class Renderer(HTMLRenderer):
    """Markdown to HTML. `resolve` says where links lead, `folder` is where the pictures lie."""

    def __init__(self, resolve: Resolve, folder: Path, anchors: bool) -> None:
        super().__init__(escape=False)
        self.resolve, self.folder, self.anchors = resolve, folder, anchors

    def heading(self, text: str, level: int, **attrs: object) -> str:
        if not self.anchors:
            return f"<h{level}>{text}</h{level}>\n"
        name = slug(html.unescape(TAG.sub("", text)))
        link = f'<a class="anchor" href="#{name}" aria-label="link to this section">#</a>' if level > 1 else ""
        return f'<h{level} id="{name}">{text}{link}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        leads = self.resolve(html.unescape(url))
        return text if leads is None else f'<a href="{html.escape(leads)}">{text}</a>'

    def block_html(self, html: str) -> str:
        return self.with_links(super().block_html(html))

    def inline_html(self, html: str) -> str:
        return self.with_links(super().inline_html(html))

    def with_links(self, page: str) -> str:
        return HREF.sub(lambda found: f'{found[1]}"{html.escape(self.resolve(html.unescape(found[3])) or "#")}"', page)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("data:"):
            return f'<img alt="{html.escape(text)}" src="{html.escape(url)}">'
        if ATTACHMENT.match(url):
            raise ValueError(f"the picture {url} is not in the cell: paste it again")
        kind = mimetypes.guess_type(url)[0]
        data = base64.b64encode((self.folder / url).read_bytes()).decode("ascii")
        return f'<img alt="{html.escape(text)}" src="data:{kind};base64,{data}">'

    def block_code(self, code: str, info: str | None = None) -> str:
        return python(code) if info == "python" else f"<pre><code>{html.escape(code)}</code></pre>\n"

    def inline_math(self, body: str) -> str:
        math = mathml(body)
        return f'<span class="formula">{math}</span>' if math.count("</m") > LONG else math

    def block_math(self, body: str) -> str:
        return f'<p><span class="formula block">{mathml(body, display=True)}</span></p>\n'

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>{text}</table></div>\n'


def markdown(text: str, resolve: Resolve = str, folder: Path = Path(), anchors: bool = False) -> str:
    """Markdown as HTML. ValueError for a formula that MathML cannot show."""
    renderer = Renderer(resolve, folder, anchors)
    return str(Markdown(renderer, plugins=[import_plugin(name) for name in PLUGINS])(text))


def text_of(cell: dict) -> str:
    """The Markdown of a cell, with the pictures that were pasted into it."""

    def pasted(found: re.Match) -> str:
        kinds = cell.get("attachments", {}).get(unquote(found[1]))
        return data_uri(*next(iter(kinds.items()))) if kinds else found[0]

    return ATTACHMENT.sub(pasted, source(cell))


def data_uri(kind: str, data: str | list[str]) -> str:
    """A picture as an address, from how a notebook holds it: SVG as text, all else in base64."""
    text = joined(data)
    if kind == "image/svg+xml":
        text = base64.b64encode(text.encode("utf-8")).decode("ascii")
    return f"data:{kind};base64,{text}"


def python(code: str) -> str:
    """Code in colours; without what it says to the tests."""
    body = highlight(NBVAL.sub("", code), PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code>{body}</code></pre>\n'


def outputs(cell: dict) -> list[str]:
    """The outputs of a code cell, each as HTML."""
    return [output(one) for one in cell.get("outputs", [])]


def output(one: dict) -> str:
    """An output as HTML: the richest of its forms. A picture in an <img>, where the scripts of an SVG do not run."""
    data = one.get("data", {})
    if "text/html" in data:
        return f'<div class="output figure">{joined(data["text/html"])}</div>\n'
    for kind in PICTURES:
        if kind in data:
            image = f'<img alt="{html.escape(alt_of(data))}" src="{data_uri(kind, data[kind])}">'
            return f'<div class="output figure">{image}</div>\n'
    if "text/markdown" in data:
        return f'<div class="output">{markdown(joined(data["text/markdown"]))}</div>\n'
    if "text/latex" in data:
        return f'<div class="output">{latex(joined(data["text/latex"]))}</div>\n'
    text = joined(one.get("text", data.get("text/plain", "")))
    return f'<pre class="output">{html.escape(text.rstrip())}</pre>\n'


def latex(text: str) -> str:
    """LaTeX as IPython shows it: one formula, or text with formulas in it."""
    formula = one_formula(text)
    return f'<span class="formula block">{mathml(formula, display=True)}</span>' if formula else markdown(text)


def question(asked: Question) -> str:
    """A question with its options; each opens and says whether it is right and why."""
    verdicts = {key: "Right" if key == asked.answer else "Not it" for key in asked.options}
    options = "".join(
        f"<details><summary><b>{key}</b> {inline(text)}</summary>{markdown(f'**{verdicts[key]}.** {asked.why[key]}')}"
        "</details>"
        for key, text in asked.options.items()
    )
    return f'<div class="question"><p class="label">Predict</p>{markdown(asked.text)}{options}</div>\n'


def inline(text: str, resolve: Resolve = str) -> str:
    """A line of Markdown without the paragraph around it."""
    return re.sub(r"^<p>(.*)</p>\s*$", r"\1", markdown(text, resolve), flags=re.DOTALL)


def code_cell(cell: dict) -> str:
    """A code cell with its outputs, or the question that it asks; where it is the reader's turn, a solution to open."""
    asked = prediction(cell)
    if asked:
        return question(asked)
    if is_turn(cell):
        solution = python(solved(source(cell))) + "".join(outputs(cell))
        return f"{python(blanked(source(cell)))}<details><summary>A solution</summary>{solution}</details>\n"
    label = (
        '<p class="label">Measured when the course was built; yours will differ</p>' if "measured" in tags(cell) else ""
    )
    return python(source(cell)) + label * bool(cell.get("outputs")) + "".join(outputs(cell))


def plain(page: str) -> str:
    """The words of a piece of HTML, for the search."""
    return " ".join(html.unescape(TAG.sub(" ", re.sub(r"<math.*?</math>", " ", page, flags=re.DOTALL))).split())
