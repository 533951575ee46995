"""What is known of one student's exercise, kept on disk so that a run that was killed continues where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST_MESSAGE = 300
PATH = re.compile(
    r"(?<![\w./~-])(?:/(?!/)(?:[\w.+@-]+/)+|[A-Za-z]:\\(?:[^\\/\s'\"]+\\)+)(?=[\w.+@-])"
)  # all but a file's name
FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+@\uff1d\uff0b\uff0d\uff20-])")  # of full width too
LOST = "not graded: the grading process ended before this task"  # twice: of the machine, or of an attack on it


@dataclass(frozen=True)
class Row:
    """One task of one student: a line of results.csv, and what only the feedback page shows."""

    task: str
    points: float
    max_points: float
    status: str
    message: str = ""
    call: str = ""
    returned: str = ""
    misconception: str = ""


@dataclass(frozen=True)
class Record:
    """One student's exercise, graded. `fingerprint` says what was graded, under which rules."""

    student: str
    exercise: str
    fingerprint: str
    rows: tuple[Row, ...]
    file: str = ""  # what was graded, below the student's folder
    note: str = ""  # late, another version
    seconds: float = 0.0  # by the clock, when it was graded

    @property
    def lost(self) -> bool:
        """Whether a task was not reached: such a record is not kept, and the next run tries again."""
        return any(row.message == LOST for row in self.rows)


class Store:
    """The records of a run, a file each, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, student: str, exercise: str, fingerprint: str) -> Record | None:
        """The record of this input, or None if it is not graded yet (or was graded under other rules)."""
        try:
            data = json.loads(self._path(student, exercise).read_text(encoding="utf-8"))
            record = Record(**data | {"rows": tuple(Row(**row) for row in data["rows"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        same = (record.student, record.exercise, record.fingerprint) == (student, exercise, fingerprint)
        return record if same else None

    def put(self, record: Record) -> None:
        write_whole(self._path(record.student, record.exercise), json.dumps(asdict(record), indent=1))

    def _path(self, student: str, exercise: str) -> Path:
        key = hashlib.sha256(f"{student}\0{exercise}".encode()).hexdigest()[:32]
        return self.folder / f"{key}.json"


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that whoever looks finds the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        error.filename = error.filename or str(path)  # writing does not tell it, opening does
        raise


def fingerprint(*parts: object) -> str:
    """A digest of everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def plain(text: str) -> str:
    """One line of plain text: no escape sequences, control or direction characters, no object's address, no path."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    text = PATH.sub(".../", text.replace("file://", ""))
    text = re.sub(r"\b0x[0-9a-fA-F]{6,}\b", "0x...", text)
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return re.sub(r" +", " ", "".join(kept)).strip()


def message_line(message: str, call: str = "", note: str = "") -> str:
    """The message of results.csv: at most 300 characters, the call where it fits, notes last; never a formula."""
    message, call, note = (safe_cell(plain(text)) for text in (message, call, note))
    ending = f" [{note}]" if note else ""
    room = LONGEST_MESSAGE - len(ending) - 1
    if call and len(message) + len(call) + 7 <= room:
        message = f"{message}; try: {call}"
    if len(message) > room:
        message = message[: room - 3] + "..."
    return safe_cell((message + ending).strip())


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, even where semicolons begin a new one."""
    return FORMULA.sub(r"\1'", text)
