"""Which cell of a student's notebook is whose answer. Grading asks it, and `course lab --take`.

The id of an answer is that of its cell in the exercise: "e01-2" is the answer of task E01.2.
"""

from __future__ import annotations

import re

from course_utils.notebooks import source

MARKER = re.compile(r"#\s*E(\d\d)\.(\d+)\b")
NBVAL_MARKER = re.compile(r"(\s*#+)\s*(?:NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*?(\n?)")


def find_answer(cells: list[dict], answer: str, stub: str) -> int | None:
    """The index of the cell that counts as the answer, or None.

    By nbgrader's metadata, else by cell id, else by the marker in the first line. Of doubles the last that is not the
    stub; a double whose marker names another task does not count while there are others.
    """
    untouched = misnamed = None
    for name in (grade_id, lambda cell: cell.get("id"), marker):
        found = [index for index, cell in enumerate(cells) if name(cell) == answer]
        ours = [index for index in found if marker(cells[index]) in (None, answer)]
        written = [index for index in ours if not same_code(source(cells[index]), stub)]
        if written:
            return written[-1]
        misnamed = found[-1] if found and not ours and misnamed is None else misnamed
        untouched = ours[-1] if ours and untouched is None else untouched
    return untouched if untouched is not None else misnamed


def defining_cell(cells: list[dict], own: list[int], stub: str, otherwise: int | None) -> int | None:
    """The student's last own cell that defines a function of the stub: written elsewhere, or two cells merged."""
    names = "|".join(re.findall(r"^def (\w+)", stub, re.M))
    defined = re.compile(rf"^(?:def|class) (?:{names})\b|^(?:{names})\s*(?::[^=\n]+)?=(?!=)", re.M)
    return next(
        (index for index in reversed(own) if names and defined.search(cleaned(source(cells[index])))), otherwise
    )


def grade_id(cell: dict) -> str | None:
    """The id that nbgrader's metadata gives the cell."""
    nbgrader = cell.get("metadata", {}).get("nbgrader", {})
    return nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None


def marker(cell: dict) -> str | None:
    """The answer that the cell's first line names: "e01-2" for `# E01.2`."""
    found = MARKER.match(source(cell).lstrip())
    return f"e{found[1]}-{found[2]}" if found else None


def normal(source: str) -> str:
    """A source without what editors change: line ends, blank lines, space at the ends of lines."""
    return "\n".join(line.rstrip() for line in source.splitlines() if line.strip())


def same_code(source: str, stub: str) -> bool:
    """Whether a cell is still the stub; an empty cell counts as one."""
    return normal(source) in ("", normal(stub))


def cleaned(source: str) -> str:
    """A student's source with Unix line ends and without nbval's markers; the number of lines stays."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if "NBVAL_" not in source and "PYTEST_VALIDATE" not in source:
        return source
    lines = source.splitlines(keepends=True)  # lines, and white space, as nbval takes them
    return "".join(found[1] + found[2] if (found := NBVAL_MARKER.fullmatch(line)) else line for line in lines)
