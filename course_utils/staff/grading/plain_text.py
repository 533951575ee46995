"""Text of strangers made safe to show: in a table, on a page, on a terminal."""

from __future__ import annotations

import re
import unicodedata

LONGEST_MESSAGE = 300
PATH = re.compile(
    r"(?<![\w./~-])(?:/(?!/)(?:[\w.+@-]+/)+|[A-Za-z]:\\(?:[^\\/\s'\"]+\\)+)(?=[\w.+@-])"
)  # all but a file's name
FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+@\uff1d\uff0b\uff0d\uff20-])")  # of full width too


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
