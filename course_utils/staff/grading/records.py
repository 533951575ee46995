"""What is known of one student's exercise, kept on disk so that a run that was killed continues where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from course_utils.notebooks import write_whole

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


def fingerprint(*parts: object) -> str:
    """A digest of everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
