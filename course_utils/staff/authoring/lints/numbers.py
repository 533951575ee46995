"""Numbers in text: those that prose quotes, those that code and outputs hold, and whether one is the other, rounded."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal

from course_utils.notebooks import is_code, source, tags
from course_utils.staff.authoring.lints.cells import output_texts
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.sections import section_around

NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−]?)(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d[\d_]*|(?=\.\d))(?P<fraction>\.\d+|\.(?!\w))?"
    r"(?:[eE](?P<power>[-+]?\d+))?(?![\w]|\.\d)(?P<percent>\s?%)?"
)
DATA_URI = re.compile(r"data:[\w/;,]+base64,[A-Za-z0-9+/=]+")
EXACT = Context(prec=1000)  # a quotation may have more digits than decimal's 28
BEFORE, AFTER = 3, 2  # cells with outputs: how far from what it quotes a text may stand
HTML_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Quoted:
    """A number as it was written: its digits say how far it was rounded."""

    text: str
    value: Decimal
    decimals: int  # digits after the point
    power: int  # of ten, from e-notation
    percent: bool
    signed: bool  # a minus stands before it

    @property
    def wants_evidence(self) -> bool:
        """A decimal point or more than three digits: more than anyone keeps in mind when an output changes."""
        return self.decimals > 0 or len(re.sub(r"\D", "", self.text)) > 3

    def is_rounded(self, number: Decimal) -> bool:
        """Whether `number`, rounded to the digits written, is this one. Without a minus either sign will do."""
        number = (number * 100 if self.percent else number).scaleb(-self.power)
        number, value = (number, self.value) if self.signed else (abs(number), abs(self.value))
        step = Decimal(1).scaleb(-self.decimals)
        if abs(number - value) > step:
            return False
        return any(number.quantize(step, rounding, EXACT) == value for rounding in (ROUND_HALF_UP, ROUND_HALF_DOWN))


def quoted(text: str) -> list[Quoted]:
    """The numbers of a text, in order; "E01.2", "3.11.4" and "x2" hold none."""
    result = []
    for found in NUMBER.finditer(text):
        fraction = (found["fraction"] or "").removeprefix(".")
        digits = re.sub(r"[,_]", "", found["whole"]) or "0"
        value = Decimal(f"{'-' if found['sign'] else ''}{digits}.{fraction or '0'}")
        power, percent = int(found["power"] or 0), bool(found["percent"])
        result.append(Quoted(found[0].strip(), value, len(fraction), power, percent, bool(found["sign"])))
    return result


def values(texts: Iterable[str]) -> set[Decimal]:
    """The numbers of several texts, as numbers. Exponents that no float has are left out."""
    found = (number for text in texts for number in quoted(text) if abs(number.power) < 400)
    return {number.value.scaleb(number.power) for number in found}


def shown(cell: dict) -> list[str]:
    """What the outputs of a cell say in text, HTML without its tags; nothing where the cell measures."""
    if "measured" in tags(cell):
        return []
    texts = [text for output in cell.get("outputs", []) for text in output_texts(output)]
    return [HTML_TAG.sub(" ", DATA_URI.sub("", text)) for text in texts]


def nearby(notebook: Notebook, at: int) -> list[dict]:
    """The code cells that a text in cell `at` speaks of: the nearest of its section, by what they show.

    Back over BEFORE cells with an output and on over AFTER, those between them included. A section without code of
    its own, such as a summary, speaks of the whole notebook.
    """
    section = section_around(notebook, at)
    here = next(index for index, cell in enumerate(section) if cell is notebook.cells[at])
    before, after = (list(filter(is_code, cells)) for cells in (section[:here], section[here:]))
    if not before + after:
        return notebook.code_cells
    return [*over(reversed(before), BEFORE), *over(after, AFTER)]


def over(cells: Iterable[dict], outputs: int) -> Iterator[dict]:
    """The first of these cells, up to and with the one that has the last of so many outputs."""
    for cell in cells:
        yield cell
        outputs -= bool(cell.get("outputs"))
        if outputs == 0:
            return


def evidence(cells: Iterable[dict]) -> set[Decimal]:
    """The numbers that the code cells among `cells` contain or show."""
    return values(text for cell in cells if cell["cell_type"] == "code" for text in [source(cell), *shown(cell)])
