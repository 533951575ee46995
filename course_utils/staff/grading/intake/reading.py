"""Reads a notebook that a stranger wrote: from bytes to the plain core of it, or to the reason why not.

Sizes and counts are bounded before anything is made of them, and outputs are left behind.
"""

from __future__ import annotations

import json

LARGEST_FILE = 32 * 1024 * 1024  # bytes
MOST_CELLS = 2_000
MOST_VALUES = 4_000_000  # strings, numbers, lists and objects in one file: each takes far more memory than its bytes
MOST_DIGITS = 400
LONGEST_CELL = 1_000_000  # characters of a cell that is run
NOT_RUN = "the cell was not run"  # begins what is said of a longer one


class Unusable(ValueError):
    """A file that cannot be graded; the text is the reason, for the student."""


def bounded(data: bytes) -> bytes:
    """The bytes of a file that is not too large; of a larger one it is enough to read one byte more than is allowed."""
    if len(data) > LARGEST_FILE:
        raise Unusable(f"the file is larger than {LARGEST_FILE // 1024**2} MB: clear its outputs and hand it in again")
    return data


def writable(name: str) -> str:
    """A text that can be written: a system's file names may be any bytes, and JSON may hold half a character."""
    return name.encode("utf-8", "replace").decode("utf-8")


def read_notebook(data: bytes) -> dict:
    """The plain core of a notebook: `{"course": {...}, "cells": [{"cell_type", "id", "metadata", "source"}]}`,
    sources as str.

    Outputs, and metadata that the grader does not use, are left behind. Raises Unusable, with the reason.
    """
    try:
        content = json.loads(_decoded(data), parse_int=_bounded_int, parse_constant=lambda name: None)
    except RecursionError:
        raise Unusable("the file is nested too deeply to be a notebook") from None
    except MemoryError:
        raise Unusable("the file takes too much memory to read: clear its outputs and hand it in again") from None
    except Unusable:
        raise
    except ValueError:
        raise Unusable(
            "the file is not a notebook: it is not valid JSON (was it saved or copied only in part?)"
        ) from None
    if not isinstance(content, dict):
        raise Unusable("the file is not a notebook: JSON, but not of a notebook")
    version = content.get("nbformat")
    if version != 4 or isinstance(version, bool):
        plain = isinstance(version, int | float | str)
        said = f"its nbformat is {str(version)[:20]}" if plain else "it does not say its nbformat"
        raise Unusable(f"the file is not a notebook of format 4 ({said}): open it in JupyterLab and save it again")
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise Unusable("the file is not a notebook: it has no cells")
    if len(cells) > MOST_CELLS:
        raise Unusable(f"the notebook has more than {MOST_CELLS} cells")
    course = _dict(_dict(content.get("metadata")).get("course"))
    return {"course": course, "cells": [_cell(cell) for cell in cells if isinstance(cell, dict)]}


def _decoded(data: bytes) -> str:
    if not data.strip():
        raise Unusable("the file is empty")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Unusable("the file is UTF-16 or binary: a notebook is UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable("the file is not UTF-8 text, as a notebook is") from None
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise Unusable("the file holds too many values: clear its outputs and hand it in again")
    if text.lstrip()[:1] == "<":
        raise Unusable("the file is a web page (perhaps of a login), not the notebook")
    return text


def _bounded_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise Unusable(f"the file has a number of more than {MOST_DIGITS} digits in it")
    return int(digits)


def _cell(cell: dict) -> dict:
    nbgrader = _dict(_dict(cell.get("metadata")).get("nbgrader"))
    grade_id, cell_id, kind = nbgrader.get("grade_id"), cell.get("id"), cell.get("cell_type")
    released = {"checksum": True} if nbgrader.get("checksum") else {}  # nbgrader writes one when it hands out
    return {
        "cell_type": kind if isinstance(kind, str) else "",
        "id": cell_id if isinstance(cell_id, str) else "",
        "metadata": {"nbgrader": {"grade_id": grade_id} | released} if isinstance(grade_id, str) else {},
        "source": _source(cell.get("source")),
    }


def _source(source: object) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    return writable(source if len(source) <= LONGEST_CELL else _too_long(source))


def _too_long(source: str) -> str:
    """What stands in the place of a cell that nobody has written by hand: it says so where it would have run."""
    first = source[:200].lstrip().partition("\n")[0]
    length, most = f"{len(source) / 1e6:.1f} million characters", f"{LONGEST_CELL / 1e6:g} million"
    said = f"{NOT_RUN}: it is {length} long, and {most} are the most"
    return f"{first if first.startswith('#') else ''}\nraise ValueError({said!r})"


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}
