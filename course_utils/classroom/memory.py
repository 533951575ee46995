"""What somebody guessed and answered, kept on their own machine, so that `course review` can bring it back.

Lines of JSON in `.course/history.jsonl` in the folder of their copies, and nowhere else: nothing is sent, no grading
reads it, `course forget` deletes it. Writing never disturbs: where it fails, nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from course_utils.project import find_course, work_folder

NAME = Path(".course") / "history.jsonl"  # in the folder of somebody's copies
CHECKED = re.compile(r"E\d\d\.\d+|\d\d\.[a-z]")  # what `check` takes; all else is a question of `predict`
DAYS = (1, 3, 7, 16, 35)  # until what was missed comes back, and again after each time that it was right


@dataclass(frozen=True)
class Event:
    """A guess ("01.order", a letter) or a check ("E01.2", its message), and whether it was right."""

    when: datetime
    name: str
    right: bool
    said: str = ""
    misconception: str = ""


def unwatched() -> bool:
    """Whether it is a build or a test that runs, and nobody who learns."""
    return bool({"COURSE_BUILD", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"} & os.environ.keys())


def file_here() -> Path | None:
    """The file for what happens in this notebook; None unless it lies among somebody's copies."""
    course = None if unwatched() else find_course()
    if course is None:
        return None
    work = work_folder(course).resolve()
    return work / NAME if work.is_dir() and Path.cwd().resolve().is_relative_to(work) else None


def record(name: str, right: bool, said: str = "", misconception: str = "", file: Path | None = None) -> None:
    """Appends one event, now; in `file`, or where this notebook's belong. Never raises."""
    with contextlib.suppress(Exception):
        file = file or file_here()
        if file is not None:
            append(file, Event(datetime.now(UTC), name, bool(right), said[:300], misconception))


def append(file: Path, event: Event) -> None:
    """One write of a whole line, so that two notebooks do not mix theirs. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(event) | {"when": event.when.isoformat(timespec="seconds")}, ensure_ascii=False) + "\n"
    with open(file, "ab+", buffering=0) as out:
        if out.tell() and (out.seek(-1, os.SEEK_END), out.read(1))[1] != b"\n":
            line = f"\n{line}"  # after half a line, which an interrupt has left
        out.write(line.encode("utf-8"))


def history(file: Path | None) -> list[Event]:
    """What is kept there, in its order. What cannot be read is left out."""
    events = []
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file else []:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                kept = json.loads(line)
                when = datetime.fromisoformat(kept.pop("when"))
                event = Event(when if when.tzinfo else when.replace(tzinfo=UTC), **kept)
                texts = (event.name, event.said, event.misconception)
                if all(isinstance(text, str) for text in texts) and isinstance(event.right, bool):
                    events.append(event)
    return events


def guessed(name: str) -> str:
    """The letter that was guessed last at this question; "" where none is known."""
    with contextlib.suppress(Exception):
        return next((event.said for event in reversed(history(file_here())) if event.name == name), "")
    return ""


def forget(file: Path) -> bool:
    """Deletes what is kept, and the folder that holds it. Whether there was anything. Raises OSError."""
    there = file.parent.exists()
    if there:
        shutil.rmtree(file.parent)
    return there


# --- what comes back, and when ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """Something that was missed: its last mistake, and when it comes back, after so many times right since."""

    mistake: Event
    due: datetime
    times_right: int = 0


def items(events: Iterable[Event]) -> dict[str, Item]:
    """What was missed and is not yet known for good, by name.

    A guess counts, and a check if its mistake has a name. It comes back after a day; each time that it is right when it
    has come back it stays away for longer, and the last time for good. Right on the same day means little: it was just
    explained.
    """
    found: dict[str, Item] = {}
    for event in events:
        item = found.get(event.name)
        if not event.right and (event.misconception or not CHECKED.fullmatch(event.name)):
            found[event.name] = Item(event, event.when + timedelta(days=DAYS[0]))
        elif event.right and item and event.when >= item.due:
            times = item.times_right + 1
            if times == len(DAYS):
                del found[event.name]
            else:
                found[event.name] = Item(item.mistake, event.when + timedelta(days=DAYS[times]), times)
    return found


def due(events: Iterable[Event], now: datetime) -> list[Item]:
    """What comes back now, the longest overdue first."""
    return sorted((item for item in items(events).values() if item.due <= now), key=lambda item: item.due)
