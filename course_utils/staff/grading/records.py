"""What is known of one student's exercise, kept on disk so that a run that was killed continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_utils.notebooks import write_whole

UNGRADED = "ungraded"  # the status of a task that the grader itself failed at: it has no points, and no zero
LOST = "not graded yet: the grading process ended before this task"


@dataclass(frozen=True)
class Row:
    """One task of one student: a line of results.csv, and what only the pages show.

    `by_clock`: its time was over by the clock, though it wanted the processor. `other`: what it came to when
    it was asked in another way, where that makes a difference; else "".
    """

    task: str
    points: float
    max_points: float
    status: str
    message: str = ""
    call: str = ""
    returned: str = ""
    misconception: str = ""
    by_clock: bool = False
    other: str = ""


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
    def ungraded(self) -> bool:
        """Whether the grader failed at a task: such a record is not kept, and the next run tries again."""
        return any(row.status == UNGRADED for row in self.rows)

    def settled(self, alone: bool) -> bool:
        """Whether this is the last word; `alone`: nothing was graded beside it, on which the clock can be blamed."""
        return not self.ungraded and (alone or not any(row.by_clock for row in self.rows))

    @property
    def points(self) -> float | None:
        """The points of all tasks together; None where the grader failed at one."""
        return None if self.ungraded else sum(row.points for row in self.rows)


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
            if not all(map(_sound, (record, *record.rows))):
                return None
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):  # whatever damage there is
            return None
        same = (record.student, record.exercise, record.fingerprint) == (student, exercise, fingerprint)
        return record if same else None

    def put(self, record: Record) -> None:
        path = self._path(record.student, record.exercise)
        if path.is_dir() and not path.is_symlink():  # damage, too: nobody writes folders here
            shutil.rmtree(path)
        write_whole(path, json.dumps(asdict(record), indent=1))

    def _path(self, student: str, exercise: str) -> Path:
        key = hashlib.sha256(f"{student}\0{exercise}".encode()).hexdigest()[:32]
        return self.folder / f"{key}.json"


KINDS = {"float": (float, int), "str": str, "bool": bool, "tuple[Row, ...]": tuple}


def _sound(one: Record | Row) -> bool:
    """Whether what was read has the types that were written, and no number that is none."""
    values = [(getattr(one, field.name), KINDS[str(field.type)]) for field in fields(one)]
    return all(isinstance(value, kind) for value, kind in values) and all(
        math.isfinite(value) for value, kind in values if kind == KINDS["float"]
    )


def fingerprint(*parts: object) -> str:
    """A digest of everything that a result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
