"""Formulas as MathML: nothing is left over, names are upright, bold is bold in every font."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from course_utils.staff.authoring.formulas import mathml

SPACE = "{http://www.w3.org/1998/Math/MathML}"


def tokens(latex: str) -> list[tuple[str, str]]:
    """The tokens of a formula: (element, text)."""
    math = ElementTree.fromstring(mathml(latex))
    return [(node.tag.removeprefix(SPACE), node.text or "") for node in math.iter() if not list(node)]


@pytest.mark.parametrize(
    "latex", [r"\arg\max_\theta", r"\operatorname{arg\,max}_\theta", r"\operatorname*{arg\,max}_\theta"]
)
def test_arg_max_is_one_upright_word(latex):
    assert tokens(latex) == [("mo", "arg max"), ("mi", "θ")]


def test_names_of_functions_are_words_and_letters_are_letters():
    assert tokens(r"\log\Pr(x)") == [("mo", "log"), ("mo", "Pr"), ("mo", "("), ("mi", "x"), ("mo", ")")]
    assert tokens(r"\operatorname{nll}(x)")[0] == ("mo", "nll")


def test_a_sign_stands_close_to_its_number_and_infinity_is_one():
    assert tokens(r"-\infty") == [("mo", "−"), ("mi", "∞")]  # the first of its row: a sign without being told
    for latex, signs in ((r"(-\infty)", 1), ("x = -1", 1), ("f(x, -y)", 1), ("a - b", 0), ("f(x) - 1", 0)):
        assert mathml(latex).count('<mo form="prefix">&#x02212;</mo>') == signs, latex


def test_bold_letters_need_no_mathematical_font():
    math = mathml(r"\mathbf{x}_{<j} \mathbf{W}")
    assert re.findall(r'<mi mathvariant="normal" class="bold">(.)</mi>', math) == ["x", "W"]
    assert not re.search(r"&#x1D4[0-3]", math)


def test_display_and_inline():
    assert 'display="block"' in mathml("x", display=True) and 'display="inline"' in mathml("x")


def rows(latex: str) -> list[list[str]]:
    """The cells of a formula's one table, row by row."""
    (table,) = ElementTree.fromstring(mathml(latex)).iter(f"{SPACE}mtable")
    return [["".join(cell.itertext()) for cell in row] for row in table]


@pytest.mark.parametrize("name", ["aligned", "align", "align*", "split"])
def test_aligned_keeps_its_rows_and_columns(name):
    assert rows(rf"\begin{{{name}}} a &= b \\ &= c \end{{{name}}}") == [["a", "=b"], ["", "=c"]]


@pytest.mark.parametrize("name", ["gathered", "gather", "gather*"])
def test_gathered_keeps_its_rows(name):
    assert rows(rf"\begin{{{name}}} a = b \\ c \end{{{name}}}") == [["a=b"], ["c"]]


def test_rows_with_all_that_latex_lets_one_write():
    assert rows(r"\begin{aligned}[t] a &= b \\[4pt] c &= d \end{aligned}") == [["a", "=b"], ["c", "=d"]]
    assert rows(r"\begin{alignedat}{2} a &= b & c &= d \end{alignedat}") == [["a", "=b", "c", "=d"]]
    assert rows(r"\left\{\begin{aligned} a &= b \\ c &= \log d \end{aligned}\right.")[1] == ["c", "=logd"]
    assert rows(r"\begin{pmatrix} a & b \\ c & \end{pmatrix}") == [["a", "b"], ["c", ""]]


@pytest.mark.parametrize(
    "latex", [r"a \\ b", r"\begin{rcases} a \\ b \end{rcases}", r"\begin{eqnarray} a &=& b \end{eqnarray}"]
)
def test_rows_that_would_be_lost_are_refused(latex):
    with pytest.raises(ValueError, match="put its rows into aligned"):
        mathml(latex)


@pytest.mark.parametrize("latex", [r"\foo x", r"a \unknowncommand{b}"])
def test_what_would_be_shown_as_latex_is_refused(latex):
    with pytest.raises(ValueError, match="no MathML for the formula"):
        mathml(latex)
