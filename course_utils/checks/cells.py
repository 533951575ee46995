"""What the cells that were run say of an answer that is not there, or is an older one than its cell shows.

A syntax error leaves what was defined before as it was, `%%timeit` keeps what its cell defines to itself, and a
renamed function stands beside the old one. A check that asks what has the name then would judge something else.
"""

from __future__ import annotations

import ast
import dis
import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 20_000  # characters of a cell that is looked into
MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n?")
# Cell magics that run the cell in the notebook: what it defines is there.
TRANSPARENT = ("capture", "debug", "memit", "mprun", "prun", "snakeviz", "time")


def run_cells() -> list[str]:
    """The sources of the cells that this notebook has run, oldest first; none outside a notebook."""
    if "IPython" not in sys.modules:
        return []
    from IPython import get_ipython

    shell = get_ipython()
    return list(shell.history_manager.input_hist_raw) if shell is not None else []


def why_unasked(task: str, function: str, cells: Sequence[str], names: Mapping[str, Any]) -> str:
    """Why the notebook's `names` have not under `function` what the answer cell of `task` says; "" where they have.

    cells: sources in the order in which they were run. The answer cell is the last one with the comment `# E01.2`, or,
    where none has it, the last that defines the function.
    """
    marker = re.compile(rf"^\s*#\s*{re.escape(task)}\b", re.M)
    definition = re.compile(rf"^\s*(?:async\s+)?(?:def|class)\s+{re.escape(function)}\b", re.M)
    looked_at = [cell for cell in cells if len(cell) <= LONGEST]
    marked = [index for index, cell in enumerate(looked_at) if marker.search(cell)]
    marked = marked or [index for index, cell in enumerate(looked_at) if definition.search(cell)]
    if not marked:
        return ""
    newest = looked_at[marked[-1]]
    if any(function in _defined(cell) for cell in looked_at[marked[-1] + 1 :]):
        return ""
    magic = MAGIC.match(newest)
    if magic and magic[1] not in TRANSPARENT:
        kept = f"%%{magic[1]} keeps to itself what its cell defines: take that line out and run the cell again"
        return kept if definition.search(newest) else ""
    try:
        defined = _defines(newest)
    except SyntaxError as error:
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        said = f"{type(error).__name__}: {error.msg} (line {error.lineno})"
        return f"the answer cell raised {said}, so that none of it ran; this is {version}"
    except (ValueError, RecursionError, MemoryError):
        return ""
    if function in defined:
        return _stopped_early(function, newest, names) if definition.search(newest) else ""
    earlier = [_defined(looked_at[index]) for index in marked[:-1]]
    own = [name for name in defined if inspect.isfunction(names.get(name)) and not any(name in e for e in earlier)]
    if own and (function not in names or any(function in e for e in earlier)):
        return f"the answer cell defines {', '.join(own[:3])} and no {function}: call the function {function} again"
    if function in names or not _has_code(newest):
        return ""
    return f"the answer cell defines no {function}: the task asks for def {function}(...)"


def _python(cell: str) -> str:
    """The cell as Python: without a transparent magic, other magics as the calls that they stand for."""
    cell = MAGIC.sub("\n", cell, count=1) if MAGIC.match(cell) else cell
    if not re.search(r"[%!?]", cell):
        return cell
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return cell
    return TransformerManager().transform_cell(cell)


def _defines(cell: str) -> list[str]:
    """The names that the cell gives a value at its top level. Raises SyntaxError."""
    code = compile(_python(cell), "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return [line.argval for line in dis.get_instructions(code) if line.opname in ("STORE_NAME", "STORE_GLOBAL")]


def _defined(cell: str) -> list[str]:
    magic = MAGIC.match(cell)
    if magic and magic[1] not in TRANSPARENT:
        return []
    try:
        return _defines(cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _has_code(cell: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in cell.splitlines())


def _stopped_early(function: str, cell: str, names: Mapping[str, Any]) -> str:
    """What is said where the function is not that of this cell, which does define it: an error above has ended it."""
    ended = f"the answer cell ended with an error before it came to {function}"
    if function not in names:
        return ended
    try:
        found = inspect.unwrap(names[function])
        source = inspect.getsource(found) if inspect.isfunction(found) and found.__name__ == function else ""
    except (OSError, TypeError, ValueError):
        return ""
    if "def " not in source or _lines(source) in _lines(_python(cell)):
        return ""
    return f"{ended}, and what has the name is an older one"


def _lines(source: str) -> str:
    return "\n".join(map(str.strip, source.strip().splitlines()))
