"""A lecture as slides: one HTML file that needs no network and no script but its own.

A slide is a frame of 1280 by 720. No browser is at hand when a deck is made, so the height of each block is estimated
from its lines, rather too high than too low, and blocks fill slides in their order. The tests measure in a browser
that it fits. What is for reading only (imports, sources, the table of cards) is left out.
"""

import ast
import base64
import html
import math
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from course_utils import __version__
from course_utils.classroom.predicting import Question
from course_utils.notebooks import NBVAL, blanked, is_code, is_turn, joined, solved, source, tags
from course_utils.staff.authoring.lints.prose import ELSEWHERE
from course_utils.staff.authoring.notebook_files import Notebook, read
from course_utils.staff.authoring.render import rendering
from course_utils.staff.authoring.sections import FENCED, HEADING, title
from course_utils.staff.authoring.teaching_notes import Note, notes

WIDTH, HEIGHT = 1184, 552  # pixels of a slide's body: the frame without its margins, heading and foot
GAP = 14  # between two blocks
LINE, LETTERS = 36, 77  # of running text: its height, and how many letters fit
# Code and printed output, from large to small: letters in a line, height of a line. The style has the same classes.
SIZES = {"code-20": (95, 28), "code-18": (106, 25), "code-16": (120, 22), "code-14": (137, 19.5)}
LEFT_OUT = ("Cards covered", "Sources")
FORMULA_BLOCK = re.compile(r"\$\$.*?\$\$", re.DOTALL)
FIGURE = 430  # pixels: a figure is not higher, so that there is room for what is said about it
WIDE = 65  # letters of a formula that fit beside each other
TALL = re.compile(r"\\(?:d?frac|sum|prod|underbrace|int|tfrac)\b")


@dataclass
class Block:
    """A piece that is not cut in two: its HTML and how many pixels it is high, about."""

    html: str
    height: float
    ends: bool = False  # nothing follows it on its slide: the next block gives the answer away
    leads: bool = False  # a paragraph, which belongs to what follows it as much as to what stands before it


@dataclass
class Slide:
    heading: str
    blocks: list[Block]
    note: str = ""  # HTML, for the speaker
    minutes: tuple[int, int] | None = None  # from and to which minute of the lecture its section goes
    first: bool = False  # of its section

    @property
    def html(self) -> Markup:
        return Markup("".join(block.html for block in self.blocks))


@dataclass
class Section:
    heading: str
    groups: list[list[Block]] = field(default_factory=list)  # blocks that should share a slide
    answers: dict[str, str] = field(default_factory=dict)  # HTML of a question -> what the speaker is told about it


def deck(root: Path, lesson: str) -> str:
    """The deck of a lecture, as HTML. OSError where there is no such lecture, ValueError where it cannot be shown."""
    lecture = read(root, "notebooks", lesson)
    told = notes(root, lesson)
    return rendering.filled(
        "deck.html",
        title=title(lecture),
        slides=list(slides(lecture, told)),
        style=Markup(rendering.asset("colours.css") + rendering.asset("deck.css")),
        script=Markup(rendering.asset("deck.js")),
        version=__version__,
    )


def slides(lecture: Notebook, told: dict[str, Note]) -> Iterator[Slide]:
    """The slides of a lecture with the notes for the speaker and the minutes of each section."""
    elapsed = 0
    found = [section for section in sections(lecture) if section.heading not in LEFT_OUT]
    for number, section in enumerate(found):
        note = told.get("" if number == 0 else section.heading)
        if number == len(found) - 1:  # the way on: what the teacher is told about the exercise goes with it
            extra = [text for heading, text in told.items() if heading.startswith("Exercise ")]
            note = Note("\n\n".join(each.text for each in ([note] if note else []) + extra))
        minutes = note.minutes if note and number and section.heading in told else None
        span = (elapsed, elapsed + minutes) if minutes else None
        elapsed += minutes or 0
        for at, blocks in enumerate(filled(section.groups)):
            spoken = words(note.text) if note and note.text and at == 0 else ""
            spoken += "".join(section.answers.get(block.html, "") for block in blocks)
            yield Slide(section.heading, blocks, spoken, span, first=at == 0)


def filled(groups: list[list[Block]]) -> Iterator[list[Block]]:
    """The groups, laid onto slides in their order: a group stays whole where it fits on a slide of its own."""
    blocks: list[Block] = []

    for group in groups:
        pieces = [group] if total(group) <= HEIGHT else [[block] for block in group]
        for piece in pieces:
            if blocks and total(blocks + piece) > HEIGHT:
                last = blocks[-1]
                moves = last.leads and not piece[0].leads and len(blocks) > 1
                moves = moves and total([last, *piece]) <= HEIGHT
                yield blocks[:-1] if moves else blocks
                blocks = [last] if moves else []
            blocks += piece
            if piece[-1].ends:
                yield blocks
                blocks = []
    if blocks:
        yield blocks


def total(blocks: list[Block]) -> float:
    """The height of blocks below each other."""
    return sum(block.height + GAP for block in blocks) - GAP


# ---- from cells to blocks ------------------------------------------------------------------------------------------


def sections(lecture: Notebook) -> Iterator[Section]:
    """The lecture cut at its headings of level 1 and 2."""
    section = Section(title(lecture))
    for cell in lecture.cells:
        if cell["cell_type"] == "markdown":
            for piece in markdown_pieces(rendering.text_of(cell)):
                heading = HEADING.match(piece)
                if heading and len(heading[1]) <= 2:
                    if section.groups:
                        yield section
                    section = Section(heading[2])
                elif not re.match(r"---$|\d+ minutes\b.* · ", piece):  # the line of minutes and needs is for readers
                    section.groups += [[block] for block in text_blocks(piece, lecture.path.parent)]
        elif is_code(cell) and "setup" not in tags(cell):
            asked = rendering.prediction(cell)
            if asked:
                block = question_block(asked)
                section.groups.append([block])
                section.answers[block.html] = answer(asked)
            elif is_turn(cell):
                blocks = cell_blocks(cell | {"source": blanked(source(cell)), "outputs": []})
                section.groups.append(blocks)
                section.answers[blocks[-1].html] = f"<p><b>A solution:</b></p>{rendering.python(solved(source(cell)))}"
            else:
                section.groups.append(cell_blocks(cell))
    yield section


def markdown_pieces(text: str) -> Iterator[str]:
    """Markdown cut at its blank lines; code in fences and formulas on lines of their own are not cut."""
    whole = [found.span() for pattern in (FENCED, FORMULA_BLOCK) for found in pattern.finditer(text)]
    start = 0
    for blank in re.finditer(r"\n\s*\n", text):
        if not any(begin < blank.start() < end for begin, end in whole):
            yield from cut_at_formulas(text[start : blank.start()].strip("\n"))
            start = blank.end()
    yield from cut_at_formulas(text[start:].strip("\n"))


def cut_at_formulas(piece: str) -> Iterator[str]:
    """A heading and the text that follows it without a blank line are two pieces."""
    heading, _, rest = piece.partition("\n")
    if HEADING.match(heading) and rest.strip():
        yield heading
        yield rest.strip("\n")
    elif piece.strip():
        yield piece


def text_blocks(piece: str, folder: Path = Path()) -> Iterator[Block]:
    """A paragraph, a formula, the items of a list, a table; `folder` is where its pictures lie."""
    fenced = re.fullmatch(r"(`{3,}|~{3,})(\w*)\n(.*?)\n?\1", piece, re.DOTALL)
    if fenced:
        made = inner(rendering.python(fenced[3])) if fenced[2] == "python" else str(Markup.escape(fenced[3]))
        yield from printed_blocks(fenced[3].split("\n"), made.split("\n"), "code", "code-20")
    elif piece.startswith("|"):
        yield from table_blocks(piece.splitlines())
    elif re.match(r"(?:[*-]|\d+\.) ", piece):
        for item in re.split(r"\n(?=(?:[*-]|\d+\.) )", piece):
            number = re.match(r"(\d+)\.", item)
            made = words(item)
            if number:  # each item is a list of its own, and goes on counting
                made = re.sub(r"<ol(?: start=\"\d+\")?>", f'<ol start="{number[1]}">', made)
            yield Block(made, LINE * lines(made, LETTERS - 5) - GAP / 2)
    else:
        made = words(piece, folder)
        formulas = FORMULA_BLOCK.findall(piece)
        height = sum((98 if TALL.search(formula) else 62) + 30 * formula.count(r"\\") for formula in formulas)
        text = re.sub(r'<span class="formula block">.*?</math></span>', "", made, flags=re.DOTALL)
        heading = 12 if made.startswith("<h") else 0
        running = LINE * lines(text) if rendering.plain(text) else 0
        running += FIGURE * made.count("<img ")
        yield Block(shrunk(made), height + heading + running, leads=not heading)


def shrunk(made: str) -> str:
    """Formulas that are too wide for a slide are set smaller."""

    def smaller(found: re.Match) -> str:
        letters = len(html.unescape(rendering.TAG.sub("", found[0])))
        return (
            found[0]
            if letters <= WIDE
            else found[0].replace("<math ", f'<math style="font-size: {WIDE / letters:.2f}em" ', 1)
        )

    return re.sub(r"<math [^>]*display=\"block\".*?</math>", smaller, made, flags=re.DOTALL)


def table_blocks(rows: list[str]) -> Iterator[Block]:
    """A table, cut between rows where it is longer than a slide, with its head on each part."""
    head, body = rows[:2], rows[2:]
    letters = max(6, LETTERS // max(1, rows[0].count("|") - 1))

    def height(row: str) -> float:
        return 12 + LINE * max(math.ceil(len(cell) / letters) for cell in row.strip("|").split("|"))

    while body:
        part, pixels = [body[0]], height(rows[0]) + height(body[0])
        while len(part) < len(body) and pixels + height(body[len(part)]) <= HEIGHT:
            pixels += height(body[len(part)])
            part.append(body[len(part)])
        yield Block(words("\n".join(head + part)), pixels)
        body = body[len(part) :]


def lines(made: str, letters: int = LETTERS) -> int:
    """How many lines the words of a piece of HTML fill; a formula counts as its letters."""
    text = re.sub(
        r"<math.*?</math>", lambda found: "x" * int(1.3 * len(rendering.TAG.sub("", found[0]))), made, flags=re.S
    )
    return max(1, math.ceil(len(rendering.plain(text)) / letters))


def words(text: str, folder: Path = Path()) -> str:
    """Markdown as HTML; links of the course lead nowhere from a deck that stands alone."""
    return rendering.markdown(text, lambda link: link if ELSEWHERE.match(link) else None, folder)


def question_block(asked: Question) -> Block:
    options = "".join(f"<li><b>{key}</b> {rendering.inline(text)}</li>" for key, text in asked.options.items())
    made = f'<div class="question">{words(asked.text)}<ul>{options}</ul></div>'
    items = sum(lines(text, LETTERS - 8) * LINE + 8 for text in asked.options.values())
    return Block(
        made, 46 + LINE * sum(lines(words(part), LETTERS - 4) + 0.4 for part in asked.text.split("\n\n")) + items, True
    )


def answer(asked: Question) -> str:
    why = "".join(f"<li><b>{key}</b> {rendering.inline(text)}</li>" for key, text in asked.why.items())
    return f"<p><b>Answer: {asked.answer}.</b></p><ul>{why}</ul>"


def cell_blocks(cell: dict) -> list[Block]:
    """Code and outputs, in letters that are small enough for one slide, if any are."""
    for largest in SIZES:
        blocks = [*code_blocks(cell, largest), *output_blocks(cell, largest)]
        if total(blocks) <= HEIGHT:
            return blocks
    return [block for part in (code_blocks, output_blocks) for block in largest_that_fits(part, cell)]


def largest_that_fits(part: Callable[[dict, str], Iterator[Block]], cell: dict) -> list[Block]:
    """The code or the outputs of a cell on a slide of their own, or on several where no size is small enough."""
    for largest in SIZES:
        if total(blocks := list(part(cell, largest))) <= HEIGHT:
            return blocks
    return list(part(cell, "code-16"))


def code_blocks(cell: dict, largest: str) -> Iterator[Block]:
    """The code, without calls that only show a figure, cut at blank lines where it is longer than a slide."""
    text = NBVAL.sub("", source(cell)).strip("\n")
    if not only_shows_a_figure(text):
        yield from printed_blocks(text.split("\n"), inner(rendering.python(text)).split("\n"), "code", largest)


def only_shows_a_figure(code: str) -> bool:
    """Whether the code is one call of `figure`: the picture says it all."""
    try:
        body = ast.parse(code).body
    except SyntaxError:  # a magic
        return False
    calls = [getattr(statement.value, "func", None) for statement in body if isinstance(statement, ast.Expr)]
    return len(body) == 1 and [getattr(function, "id", None) for function in calls] == ["figure"]


def inner(code: str) -> str:
    """What stands in the <code> that `rendering.python` makes."""
    return re.sub(r'^<pre class="code"><code>|\n?</code></pre>\n$', "", code)


def output_blocks(cell: dict, largest: str) -> Iterator[Block]:
    for one in cell.get("outputs", []):
        data = one.get("data", {})
        if "image/png" in data and "text/html" in data:
            yield figure_block(joined(data["image/png"]), joined(data["text/html"]))
        elif any(kind in data for kind in rendering.PICTURES) and "text/html" not in data:
            yield Block(rendering.output(one), FIGURE)
        elif "text/html" in data:
            made = rendering.output(one)
            rows, strips = made.count("<tr"), made.count("<div") - 1  # a strip has two lines
            yield Block(made, 46 * rows + 2 * LINE * strips if rows else LINE * (lines(made) + 1 + made.count("<br")))
        elif "text/markdown" in data or "text/latex" in data:
            made = rendering.output(one)
            rows = made.count("<li>") + made.count("<p>") + made.count("<mtr>") + 2 * made.count("formula block")
            yield Block(made, LINE * (lines(made) + rows))
        else:
            text = joined(one.get("text", data.get("text/plain", ""))).rstrip()
            yield from printed_blocks(text.split("\n"), str(Markup.escape(text)).split("\n"), "output", largest)


def printed_blocks(plain: list[str], made: list[str], kind: str, largest: str) -> Iterator[Block]:
    """Code or output, `plain` as it is and `made` in HTML, line by line; in parts that fit on a slide."""
    longest, sizes = max(map(len, plain)), list(SIZES)
    fitting = [name for name in sizes[sizes.index(largest) :] if longest <= SIZES[name][0]]
    size = fitting[0] if fitting else sizes[-1]
    letters, line = SIZES[size]
    most = int((HEIGHT - 26) // line)
    while plain:
        count = len(plain)
        if count > most:
            blanks = [at for at in range(most // 2, most) if not plain[at].strip()]
            count = blanks[-1] + 1 if blanks else most
        wrapped = sum(max(1, math.ceil(len(text) / letters)) for text in plain[:count])
        body = "\n".join(made[:count]).strip("\n")
        yield Block(f'<pre class="{kind} {size}"><code>{body}</code></pre>\n', wrapped * line + 26)
        plain, made = plain[count:], made[count:]


def figure_block(png: str, image: str) -> Block:
    """A figure, as large as the slide allows and not larger than it stays sharp."""
    width, height = struct.unpack(">II", base64.b64decode(png[:64])[16:24])
    scale = min(WIDTH / width, FIGURE / height, 1.35)
    size = f'width="{round(scale * width)}" height="{round(scale * height)}"'
    return Block(f'<div class="figure">{image.replace("<img ", f"<img {size} ", 1)}</div>\n', scale * height + 4)
