"""What the pages of a report share: their frame and style, and our own markdown as HTML."""

from __future__ import annotations

import re
from html import escape

from course_utils.staff.grading.plain_text import plain

# Every text colour has a contrast of more than 4.5:1 on what is behind it.
STYLE = """
:root { color-scheme: light }
* { box-sizing: border-box }
body { font: 1rem/1.55 system-ui, sans-serif; color: #1c1c1c; background: #fff; margin: 0 auto; padding: 1rem }
body { max-width: 48rem; overflow-wrap: break-word } body.wide { max-width: 68rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 .2rem } h2 { font-size: 1.15rem; margin: 0 }
body.wide h2 { margin: 2.2rem 0 .3rem }
p { margin: .5rem 0 } a { color: #0a4f9c } a:focus-visible { outline: 3px solid #0a4f9c; outline-offset: 2px }
.quiet { color: #555 } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100%; margin: .8rem 0 }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #767676 } th.number { text-align: right }
td, th { padding: .3rem .8rem .3rem 0; vertical-align: top } td { border-bottom: 1px solid #e0e0e0 }
td:last-child, th:last-child { padding-right: 0 }
.bar { display: block; height: .6rem; min-width: 5rem; background: #e4e4e4; border-radius: .3rem; overflow: hidden }
.bar i { display: block; float: left; height: 100%; background: #00664b } .bar i.some { background: #d99a00 }
.note { border-left: .35rem solid #7a4f00; background: #fff6e0; padding: .4rem .8rem; margin: .8rem 0 }
section { border: 1px solid #c8c8c8; border-left: .4rem solid; border-radius: .3rem }
section { padding: .8rem 1rem; margin: 1rem 0; break-inside: avoid }
section.full { border-left-color: #00664b; padding: .4rem 1rem } section.part { border-left-color: #d99a00 }
section.none { border-left-color: #a03000 } section.open { border-left-color: #0a4f9c }
.head { display: flex; flex-wrap: wrap; gap: .1rem 1rem; justify-content: space-between; align-items: baseline }
.full .head h2 { font-size: 1rem; font-weight: 500 } .points { font-weight: 600; white-space: nowrap }
.full .points { color: #00664b } .part .points { color: #7a4f00 } .none .points { color: #a03000 }
.label { font-size: .9rem; color: #555; margin: .7rem 0 .2rem }
pre, code { font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; font-size: .92rem }
pre { background: #f3f3f3; padding: .5rem .7rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
code { background: #f3f3f3; padding: 0 .2rem } details { margin: .5rem 0 } details p { margin: .3rem 0 .3rem 1.1rem }
summary { cursor: pointer; color: #0a4f9c } sup, sub { line-height: 0 }
@media (max-width: 34rem) { .wide table { display: block; overflow-x: auto } td, th { padding-right: .5rem } }
@media print {
  body, body.wide { max-width: none; padding: 0; font-size: 10.5pt }
  pre, code { background: none } pre { border: 1px solid #999 } a { color: inherit }
  details::details-content { content-visibility: visible; height: auto; display: block } .screen { display: none }
  .bar, .bar i, .note { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
""".strip()

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>
{style}
</style></head>
<body{kind}>
{body}
</body>
</html>
"""

# The little TeX that hints use; a formula with anything else is shown as it was written.
SYMBOLS = {
    r"\infty": "∞", r"\cdot": " · ", r"\log": "log ", r"\Pr": "Pr", r"\sum": "Σ", r"\mid": " | ", r"\dots": "…",
    r"\ldots": "…", r"\times": " × ", r"\leq": " ≤ ", r"\geq": " ≥ ", r"\neq": " ≠ ", r"\approx": " ≈ ", r"\,": " ",
    r"\;": " ", r"\quad": " ", r"\to": " → ", r"\pi": "π", r"\epsilon": "ε", r"\varepsilon": "ε", r"\{": "{",
    r"\}": "}", r"\exp": "exp ", r"\max": "max ", r"\min": "min ", r"\le": " ≤ ", r"\ge": " ≥ ",
}  # fmt: skip


def frame(title: str, parts: list[str], wide: bool = False) -> str:
    """A whole page that needs nothing else and runs no script. `parts` is HTML, `title` plain text."""
    kind = ' class="wide"' if wide else ""
    return PAGE.format(title=escape(title), style=STYLE, kind=kind, body="\n".join(filter(None, parts)))


def told(text: str) -> str:
    """A text that may hold what a student wrote, as HTML: one line, nothing in it is markup."""
    return escape(plain(text))


def sentence(text: str) -> str:
    """A message as a sentence: a capital at its beginning, unless it begins with code, and a full stop."""
    text = plain(text)
    first = text.split(" ")[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return escape(text if text.endswith((".", "!", "?", ":")) else f"{text}.")


def bar(full: float, some: float = 0.0) -> str:
    """A bar, filled to these shares (0 to 1) of full and of partial marks; for the eye only, the numbers stand by."""
    some_part = f'<i class="some" style="width:{100 * some:.1f}%"></i>' if some else ""
    return f'<span class="bar" aria-hidden="true"><i style="width:{100 * full:.1f}%"></i>{some_part}</span>'


def paragraphs(markdown: str) -> str:
    """Our own markdown as HTML: paragraphs and blocks of code."""
    blocks = re.split(r"^```\w*\n(.*?)^```$", markdown.strip(), flags=re.M | re.S)
    html = []
    for index, block in enumerate(blocks):
        if index % 2:
            html.append(f"<pre>{escape(block.rstrip())}</pre>")
        else:
            html += [f"<p>{inline(part)}</p>" for part in re.split(r"\n\s*\n", block) if part.strip()]
    return "".join(html)


def inline(markdown: str) -> str:
    """Our own markdown as HTML: code, bold, emphasis and simple formulas; everything else as text."""
    pieces = re.split(r"(`[^`]+`|\$[^$]+\$)", " ".join(markdown.split()))
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    if len(piece) > 2 and piece[0] == piece[-1] and piece[0] in "`$":
        return f"<code>{escape(piece[1:-1], quote=False)}</code>" if piece[0] == "`" else formula(piece[1:-1])
    text = escape(piece, quote=False)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<em>\1</em>", text)


def formula(tex: str) -> str:
    """A simple formula in TeX as HTML; one that is not simple as its source."""
    text = escape(tex, quote=False)
    text = re.sub(r"\\math(?:bf|bb)\{(\w+)\}", r"<b>\1</b>", text)
    text = re.sub(r"\\(?:operatorname|text|mathrm)\{([^{}]*)\}", r"\1 ", text)
    for command in sorted(SYMBOLS, key=len, reverse=True):
        text = re.sub(re.escape(command) + (r"(?![A-Za-z])" if command[-1].isalpha() else ""), SYMBOLS[command], text)
    for mark, tag in (("^", "sup"), ("_", "sub")):
        text = re.sub(re.escape(mark) + r"(?:\{([^{}]*)\}|(\w))", rf"<{tag}>\1\2</{tag}>", text)
    if re.search(r"[\\{}^]", text):
        return f"<code>{escape(tex, quote=False)}</code>"
    return " ".join(text.replace("-", "−").split()).replace("( ", "(").replace(" )", ")")
