"""LaTeX formulas as MathML, which every browser shows without a script.

latex2mathml does the work. What it leaves to the fonts or spaces badly is mended here: bold letters as bold letters
(not every machine has a font with the mathematical ones), names of functions upright and spaced, a sign and infinity
without the space of operators, rows of the environments that it does not know.
"""

import html
import re
import unicodedata

FUNCTIONS = "log|exp|max|min|Pr|softmax|sup|inf"
OPERATOR = re.compile(r"\\operatorname\*?\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
ARG = re.compile(r"\\arg\s*\\(max|min)(?![a-zA-Z])")
UPRIGHT = re.compile(rf'<m[oi](?: movablelimits="true")?>({FUNCTIONS})</m[oi]>(?=(<m(?:sub|sup|row)>)*(<mo\b)?)')
LETTER = re.compile(r"<mi>&#x(1D4[0-3][0-9A-F]);</mi>")  # the bold alphabet of Unicode
SIGN = re.compile(r"(?<=&#x000(?:28|3D|2C);</mo>)<mo>&#x02212;</mo>")  # a minus after ( = , takes nothing away
# Environments of rows by the names that latex2mathml knows; their numbers of columns and places are not needed here.
ROWS = re.compile(r"\\(begin|end)\{(?:(align(?:ed)?(?:at)?)|gather(?:ed)?)\*?\}(?:\[[tcb]\]|(?<=at\})\{\d+\})?")
SPACED_ROW = re.compile(r"\\\\\s*\[[^\]]*\]")  # a row with more space below it
EMPTY_END = re.compile(r"&\s*(?=\\end\b)")  # a last cell without content, with which its row would be lost
ONE = re.compile(r"\s*(?:\$\$?([^$]+)\$\$?|\\\[(.+)\\\]|(\\begin\{.+\}))\s*", re.DOTALL)
TAG = re.compile(r"<[^>]*>")


def mathml(latex: str, display: bool = False) -> str:
    """The formula as a <math> element. ValueError where a part of it would be shown as LaTeX."""
    from latex2mathml.converter import convert

    source = OPERATOR.sub(r"\\operatorname{\1}", ARG.sub(r"\\operatorname{arg\\,\1}", latex.strip()))
    source = ROWS.sub(lambda found: rf"\{found[1]}{{{'align*' if found[2] else 'eqalign'}}}", source)
    source = EMPTY_END.sub("&{}", SPACED_ROW.sub(r"\\\\", source))
    names: list[str] = []

    def named(found: re.Match) -> str:  # a name is one word to the reader, and one token here
        names.append(found[1].replace(r"\,", " ").replace("\\", "").strip())
        return rf"\text{{operator{len(names) - 1}}}"

    try:
        result = convert(OPERATOR.sub(named, source), display="block" if display else "inline")
    except Exception as error:  # latex2mathml raises many kinds, none of them documented
        raise ValueError(f"no MathML for the formula {latex!r}: {type(error).__name__}") from error
    for number, name in enumerate(names):
        result = result.replace(f"<mtext>operator{number}</mtext>", operator(html.escape(name), "0.167em"))
    result = UPRIGHT.sub(lambda found: operator(found[1], "0" if found[3] or found[1] == "Pr" else "0.167em"), result)
    result = LETTER.sub(bold, result)
    result = SIGN.sub('<mo form="prefix">&#x02212;</mo>', result).replace("<mo>&#x0221E;</mo>", "<mi>&#x0221E;</mi>")
    if 'linebreak="newline"' in result or "<mi>&</mi>" in result:
        raise ValueError(f"no MathML for the formula {latex!r}: put its rows into aligned, gathered or cases")
    left = html.unescape(TAG.sub("", result))
    if "\\" in left or "operator" in left:
        raise ValueError(f"no MathML for the formula {latex!r}: it keeps {left[left.find(chr(92)) :][:20]!r}")
    return result


def one_formula(text: str) -> str | None:
    """The formula that an output in LaTeX is, without what delimits it; None where it is a text with formulas."""
    found = ONE.fullmatch(text)
    return next(filter(None, found.groups())) if found else None


def operator(name: str, after: str) -> str:
    """A name that is set upright, with a thin space before it and this much behind it."""
    return f'<mo lspace="0.167em" rspace="{after}">{name}</mo>'


def bold(letter: re.Match) -> str:
    plain = unicodedata.normalize("NFKD", chr(int(letter[1], 16)))
    return f'<mi mathvariant="normal" class="bold">{plain}</mi>'
