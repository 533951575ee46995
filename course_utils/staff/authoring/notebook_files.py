"""The notebooks of the course: reading them, and the canonical form of their bytes.

Canonical form: what nbformat writes (sorted keys, indent 1, sources as lists of lines) of a notebook that holds nothing
but cells, outputs and the metadata named below. Two people who build the same sources get the same file.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from course_utils import __version__
from course_utils.notebooks import built_from, canonical_source, is_code, joined, lines, parsed
from course_utils.staff.authoring import png
from course_utils.staff.authoring.problems import Problem

KINDS = {"notebooks": "lecture", "solutions": "solution", "exercises": "exercise"}  # folder -> metadata.course.kind
DEVICES = {"cpu": "CPU", "any": "CPU or GPU"}  # metadata.course.device -> what the reader is told
SIZE_LIMIT = 1_500_000  # bytes
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"name": "python"}
CELL_METADATA = {"nbgrader", "slideshow", "tags"}  # all else belongs to someone's editor or to one execution
OUTPUT_TYPES = {"text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml"}  # no widgets, no scripts
PICTURE_TYPES = {"image/png", "image/jpeg"}  # held in base64
EMBEDDED_PNG = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=\s]+")


@dataclass(frozen=True)
class Notebook:
    """A notebook of the course: where it lies, and its JSON content (sources may be strings or lists of lines)."""

    root: Path
    folder: str  # one of KINDS
    lesson: str  # "01_chain_rule"
    content: dict

    @property
    def file(self) -> str:
        return f"{self.folder}/{self.lesson}.ipynb"

    @property
    def path(self) -> Path:
        return self.root / self.file

    @property
    def cells(self) -> list[dict]:
        return self.content["cells"]

    @property
    def code_cells(self) -> list[dict]:
        return [cell for cell in self.cells if cell["cell_type"] == "code"]

    @property
    def markdown_cells(self) -> list[dict]:
        return [cell for cell in self.cells if cell["cell_type"] == "markdown"]

    @property
    def course(self) -> dict:
        return self.content.get("metadata", {}).get("course", {})

    def problem(self, cell: dict | str | None, text: str, remedy: str = "") -> Problem:
        """A problem of this notebook, or of one of its cells (or of the cell with this id)."""
        name = cell.get("id", "(no id)") if isinstance(cell, dict) else cell or ""
        return Problem(self.file, name, text, remedy or f"change it, then `course build {self.lesson}`")


def read(root: Path, folder: str, lesson: str) -> Notebook:
    """Raises OSError where there is no such file, ValueError where it is no notebook."""
    path = root / folder / f"{lesson}.ipynb"
    return Notebook(root, folder, lesson, parsed(path.read_bytes()))


def lessons(root: Path, folder: str) -> list[str]:
    """The names of the notebooks in a folder, in the order of the course."""
    return sorted(path.stem for path in (root / folder).glob("*.ipynb"))


def is_executed(content: dict) -> bool:
    """Whether every code cell was run, and since its source was last changed by hand."""
    run = all(cell.get("execution_count") for cell in content["cells"] if is_code(cell))
    return run and content.get("metadata", {}).get("course", {}).get("built_from") == built_from(content)


# ---- the canonical form -------------------------------------------------------------------------------------------


def canonical(content: dict, picture: Callable[[bytes], bytes] = png.strip) -> dict:
    """The notebook in canonical form, stamped with the course's version; `picture` is applied to each PNG."""
    counts = iter(range(1, len(content["cells"]) + 1))
    course = {**content.get("metadata", {}).get("course", {}), "version": __version__}
    course.pop("given", None)  # what `course lab` notes in a copy
    return {
        "cells": [canonical_cell(cell, counts, picture) for cell in content["cells"]],
        "metadata": {
            "course": course,
            "kernelspec": KERNELSPEC,
            "language_info": LANGUAGE_INFO,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def canonical_cell(cell: dict, counts: Iterator[int], picture: Callable[[bytes], bytes]) -> dict:
    metadata = {key: value for key, value in cell.get("metadata", {}).items() if key in CELL_METADATA}
    if metadata.get("tags"):
        metadata["tags"] = sorted(set(metadata["tags"]))
    else:
        metadata.pop("tags", None)
    result = {
        "cell_type": cell["cell_type"],
        "id": cell.get("id", ""),
        "metadata": metadata,
        "source": lines(canonical_source(cell)),
    }
    if cell.get("attachments"):  # pictures that were pasted into a text
        result["attachments"] = {
            name: canonical_data(data, picture) for name, data in sorted(cell["attachments"].items())
        }
    if cell["cell_type"] == "code":
        count = next(counts) if cell.get("execution_count") and is_code(cell) else None
        result |= {"execution_count": count, "outputs": canonical_outputs(cell.get("outputs", []), count, picture)}
    return result


def canonical_outputs(outputs: list[dict], count: int | None, picture: Callable[[bytes], bytes]) -> list[dict]:
    result = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            text = joined(output["text"])
            if result and result[-1].get("name") == output["name"]:  # one print after another: one output
                text = joined(result.pop()["text"]) + text
            result.append({"name": output["name"], "output_type": kind, "text": lines(text)})
        elif kind == "error":
            result.append({key: output[key] for key in ("ename", "evalue", "output_type", "traceback")})
        else:
            data = canonical_data(output["data"], picture)
            if data:
                numbered = {"execution_count": count} if kind == "execute_result" else {}
                result.append(numbered | {"data": data, "metadata": {}, "output_type": kind})
    return result


def canonical_data(data: dict, picture: Callable[[bytes], bytes]) -> dict:
    def rewritten(encoded: str) -> str:
        data = base64.b64decode(encoded)
        return base64.b64encode(picture(data) if data.startswith(png.SIGNATURE) else data).decode("ascii")

    result = {}
    for mime, value in data.items():
        if mime in PICTURE_TYPES:
            result[mime] = rewritten(joined(value))
        elif mime in OUTPUT_TYPES:
            result[mime] = lines(EMBEDDED_PNG.sub(lambda found: rewritten(found[0]), joined(value)))
    return result


def first_difference(content: dict, wanted: dict) -> tuple[str, str]:
    """(id of the first cell that differs, what differs in it); the id is empty where it is the notebook's own."""
    for cell, other in zip_longest(content["cells"], wanted["cells"], fillvalue={}):
        differing = sorted(key for key in cell.keys() | other.keys() if cell.get(key) != other.get(key))
        if differing:
            return other.get("id") or cell.get("id", ""), ", ".join(differing)
    metadata, other = content.get("metadata", {}), wanted["metadata"]
    differing = sorted(key for key in metadata.keys() | other.keys() if metadata.get(key) != other.get(key))
    return "", "metadata " + ", ".join(differing) if differing else "order, spacing or format version"
