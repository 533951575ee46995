"""The plain parts of a notebook's JSON: cells, sources, tags; and writing a file whole. Once for the whole house."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CODE_SOLUTION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}$", re.MULTILINE | re.DOTALL)
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError"
NBVAL = re.compile(r"^#[ \t]*NBVAL_\w+[ \t]*\n", re.MULTILINE)  # what a cell says to the tests
FOR_INSTRUCTORS = "for-instructors"  # the tag of a cell that is not for students
TURN = re.compile(r"turn-(\d\d)-([a-z])")  # the id of a cell of a lecture in which it is the reader's turn
DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.S)  # a hint: what for, and the hint


def joined(text: str | list[str]) -> str:
    """A text that a notebook may hold as one string or as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def lines(text: str) -> list[str]:
    """A text as a notebook holds it in its file: a list of lines, with their ends."""
    return text.splitlines(keepends=True)


def source(cell: dict) -> str:
    """A cell's source as one string."""
    return joined(cell.get("source", ""))


def tags(cell: dict) -> list[str]:
    """A cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


def is_code(cell: dict) -> bool:
    """Whether there is something in a cell to run."""
    return cell["cell_type"] == "code" and bool(source(cell).strip())


def is_answer(cell: dict) -> bool:
    """Whether a cell of ours holds an answer that the machine grades."""
    return cell["cell_type"] == "code" and "answer" in tags(cell)


def is_turn(cell: dict) -> bool:
    """Whether it is a cell of a lecture that its reader fills in."""
    return cell["cell_type"] == "code" and bool(TURN.fullmatch(cell.get("id", "")))


def blanked(code: str) -> str:
    """An answer as it is handed out: what stands between the markers becomes a stub that raises when it is called."""
    return CODE_SOLUTION.sub(STUB, code)


def solved(code: str) -> str:
    """An answer as one would write it: without the markers around it."""
    return re.sub(rf"^[ \t]*(?:{BEGIN}|{END})\n", "", code, flags=re.MULTILINE)


def task_of(answer: str) -> str:
    """The task of an answer cell's id: task_of("e01-2") is "E01.2", task_of("turn-01-a") is "01.a"."""
    if turn := TURN.fullmatch(answer):
        return f"{turn[1]}.{turn[2]}"
    return answer[:1].upper() + answer[1:].replace("-", ".")


def named(name: str, lessons: Iterable[str]) -> list[str]:
    """The lessons that are meant: "1" and "01" are a number and never the beginning of one; else names begin so."""
    if name.isdecimal():
        return [lesson for lesson in lessons if lesson.partition("_")[0] == name.zfill(2)]
    return [lesson for lesson in lessons if name and lesson.startswith(name)]


def canonical_source(cell: dict) -> str:
    """A cell's source with Unix line ends, and none after the last line."""
    return source(cell).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def built_from(content: dict) -> str:
    """What was executed: the sha256, in hex, of the notebook's code cells.

    The digest is over the UTF-8 bytes of, for each code cell in order, its id, a zero byte, its source, a zero byte.
    Line ends count as \\n; line ends after the last line do not count. Markdown, tags and outputs have no part in it.
    """
    digest = hashlib.sha256()
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            digest.update(f"{cell.get('id', '')}\0{canonical_source(cell)}\0".encode())
    return digest.hexdigest()


def without_outputs(cell: dict) -> dict:
    """A cell as it is before it has run."""
    return cell | {"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else cell


def parsed(data: bytes) -> dict:
    """The JSON of a notebook of nbformat 4, from the bytes of its file. Raises ValueError with the reason.

    Every cell has the kinds of values that the functions here expect.
    """
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not valid JSON, as a notebook is ({error})") from None
    if not isinstance(content, dict) or content.get("nbformat") != 4 or not isinstance(content.get("cells"), list):
        raise ValueError("it is not a notebook of nbformat 4")
    if not all(map(_is_cell, content["cells"])) or not isinstance(content.get("metadata", {}), dict):
        raise ValueError("it has a cell that no notebook has")
    return content


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    if not isinstance(cell.get("id", ""), str):
        return False
    text, metadata = cell.get("source", ""), cell.get("metadata", {})
    is_text = isinstance(text, str) or (isinstance(text, list) and all(isinstance(line, str) for line in text))
    return is_text and isinstance(metadata, dict) and isinstance(metadata.get("tags", []), list)


def to_bytes(content: dict) -> bytes:
    """The bytes of a notebook's file: sorted keys, indented by one, as nbformat writes it."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8")


def text_bytes(path: Path) -> bytes:
    """The bytes of a text file with \\n for its line ends, which git on Windows may have turned into \\r\\n."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def write_whole(path: Path, data: str | bytes) -> bool:
    """Writes a file so that whoever looks finds the old one or the new one, never a part; folders are made.

    A file that holds this already is left alone. Returns whether it was written. Raises OSError, with the file's name.
    """
    data = data.encode("utf-8") if isinstance(data, str) else data
    draft = path.with_name(f".{path.name}.part")
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        os.replace(draft, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # writing does not tell it, opening does
        raise
    return True
