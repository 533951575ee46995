"""CSV in and out: tables that the operator wrote, and the tables of a report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path


def read_table(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with a header, each with its line number; cells are stripped, columns in lower case.

    Commas, semicolons or tabs, as spreadsheets write them. Empty lines are left out. Raises ValueError, with the
    reason, where the file cannot be read or a column of `columns` is not there.
    """
    lines = read_rows(path)
    header = [name.strip().lower() for name in lines[0][1]] if lines else []
    rows = [(number, [cell.strip() for cell in row]) for number, row in lines[1:]]
    lacking = [name for name in columns if name not in header]
    if lacking:
        raise ValueError(f"{path} needs a first line `{','.join(columns)}`; there is no {', '.join(lacking)}")
    return [(number, dict(zip(header, row, strict=False))) for number, row in rows if any(row)]


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file as they are, each with its line number. Raises ValueError, with the reason."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8: save it as CSV UTF-8 in your spreadsheet program") from None
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        return [(lines.line_num, row) for row in lines]
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from None


def table(rows: Iterable[tuple]) -> str:
    """CSV with Unix line ends."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def number(points: float | None) -> str:
    """2.0 as "2", 0.5 as "0.5"; what is not known is blank."""
    return "" if points is None else f"{round(points, 6):g}"


def total_of(points: Iterable[float | None]) -> float | None:
    """The sum; None where a part of it is not known."""
    parts = list(points)
    return None if None in parts else sum(part for part in parts if part is not None)
