"""What a platform says of a file by its name and by the notes beside it: the one shape that all adapters fill."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

Parts = tuple[str, ...]  # of a path
Text = Callable[[Parts], str]  # the text of a note that a platform lays beside the files; "" where it cannot be read


class Known(NamedTuple):
    """How a platform knows a student: what it shows, what it numbers them by, and which platform that is."""

    name: str
    number: str
    email: str = ""
    door: str = ""


@dataclass(frozen=True)
class Named:
    """Whose a file is, and what else is said. who: one student, all members of a team, or nobody (a platform's own
    note). within: its path below them. The highest `attempt` is the last. time: when it was handed in, if that is said.
    """

    who: tuple[tuple[str, Known], ...]  # each: the name of the student in the report, and the platform's
    within: Parts
    attempt: int = 0
    late: bool = False
    time: datetime | None = None


def with_number(known: Known) -> tuple[str, Known]:
    """A student who is called by name and number, since a name alone is not one person's."""
    return "_".join(filter(None, known[:2])), known


def moment(text: str, *forms: str) -> datetime | None:
    """A time in one of these forms (ISO where there are none), or None."""
    for form in forms or ("",):
        with contextlib.suppress(ValueError):
            return datetime.strptime(text.strip(), form) if form else datetime.fromisoformat(text.strip())
    return None


def as_attempt(time: datetime | None) -> int:
    """The number of an attempt that has only a time."""
    return int(f"{time:%Y%m%d%H%M%S}") if time else 0
