"""Cells as HTML, on the site and on slides: what an author pastes or displays is shown as itself."""

import base64

import pytest

from course_utils.staff.authoring.render import decks, website

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>A &lt; line</title><script>alert(1)</script></svg>'
TABLE_IN_LATEX = r"\begin{aligned} a &= b \\ &= c \end{aligned}"


def output(kind: str, value: str) -> dict:
    data = {kind: value, "text/plain": "<IPython.core.display.Something object>"}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def on_site_and_slides(notebook) -> list[str]:
    page = website.Page(notebook.file, "lectures/90_tiny.html", "Tiny")
    slides = "".join(slide.html for slide in decks.slides(notebook, {}))
    return ["".join(website.parts(notebook, page, {notebook.file: page}, {})), slides]


@pytest.mark.parametrize(
    "kind, value, shown",
    [
        ("text/latex", r"$\displaystyle x^2$", "<msup><mi>x</mi><mn>2</mn></msup>"),
        ("text/latex", f"$${TABLE_IN_LATEX}$$", "</mtr><mtr>"),
        ("text/latex", TABLE_IN_LATEX, "</mtr><mtr>"),
        ("text/latex", "Let $a$ be *it* and $b$ not", "<em>it</em>"),
        ("text/markdown", "**bold** and $x$", "<strong>bold</strong>"),
        (
            "image/svg+xml",
            SVG,
            f'<img alt="A &lt; line" src="data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"',
        ),
        ("image/jpeg", "/9j/", 'src="data:image/jpeg;base64,/9j/"'),
        ("text/html", "<b>1</b>", "<b>1</b>"),
    ],
)
def test_a_rich_output_is_shown_and_not_its_repr(make, kind, value, shown):
    notebook = make.notebook(make.md("title", "# T"), make.code("show", "show()", (output(kind, value),)))
    for page in on_site_and_slides(notebook):
        assert shown in page and "IPython" not in page and "<script" not in page and "$" not in page


def test_a_pasted_picture_is_shown(make):
    attached = {"attachments": {"my tree.png": {"image/png": "iVBORw0KGgo="}}}
    text = make.md("text", "Look:\n\n![a tree](attachment:my%20tree.png)") | attached
    for page in on_site_and_slides(make.notebook(make.md("title", "# T"), text)):
        assert '<img alt="a tree" src="data:image/png;base64,iVBORw0KGgo=">' in page


def test_a_pasted_picture_that_is_not_there_is_named(make):
    notebook = make.notebook(make.md("title", "# T"), make.md("text", "![a tree](attachment:tree.png)"))
    with pytest.raises(ValueError, match="attachment:tree.png is not in the cell"):
        on_site_and_slides(notebook)
