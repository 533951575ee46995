"""Whether a student's cell could have spoilt its kernel for the cells that follow; told from its source alone.

A cell is plain if it only computes: functions, statements and calls, with the libraries of the course. Everything by
which state of the process can be reached (modules that change it, attributes set, names with underscores, `exec` and
its kin, magics) makes it suspect. That is no accusation: what a suspect cell costs is that a later task that earns less
than full points is asked once more, in a kernel in which the cell has not run.
"""

from __future__ import annotations

import ast
from functools import lru_cache

LONGEST = 20_000  # characters of a cell that is looked into
LIBRARIES = frozenset(
    "__future__ cmath collections course_utils fractions functools itertools math matplotlib numpy operator pandas "
    "random re scipy statistics string time torch typing".split()
)
CLOSED = frozenset(
    ("course_utils.checks", "course_utils.lessons", "collections.abc", "torch.utils")
)  # what of them a plain cell does not need
NAMES = frozenset(
    "breakpoint compile delattr dir eval exec exit get_ipython getattr globals input locals memoryview open quit "
    "setattr super type vars".split()
)
# Attributes by which the libraries change what everybody sees, or memory; `set...` and names in `_` besides.
ATTRIBUTES = frozenset(
    "abc apply as_strided attrgetter builtins checks ctypes ctypeslib data f2py gc lib load "
    "load_state_dict memmap methodcaller modules ops os overrides rcParams register signal style subprocess sys "
    "threading train use use_deterministic_algorithms util utils".split()
)
CONVERSIONS = frozenset("bfloat16 double float half to".split())  # of a module they change the module itself
PLOTS = frozenset(f"set_{what}" for what in "title label ylim xlim".split()) | frozenset(
    f"set_{axis}{what}" for axis in "xy" for what in "label lim scale ticks ticklabels".split()
)
CHANGES = frozenset(
    "add append clear discard extend fill insert pop popitem put remove resize reverse setdefault sort update".split()
)


@lru_cache(maxsize=256)
def is_suspect(source: str) -> bool:
    """Whether a cell does anything beyond computing. What cannot be parsed (magics, for example) is suspect, and so is
    what is longer than anybody writes: a parser may take time and memory by the square of a source's length."""
    if len(source) > LONGEST:
        return True
    try:
        return any(map(_reaches_out, ast.walk(ast.parse(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _reaches_out(node: ast.AST) -> bool:
    match node:
        case ast.Import():
            return any(_is_foreign(one.name) for one in node.names)
        case ast.ImportFrom():
            names = [f"{node.module}.{one.name}" for one in node.names]
            return any(_is_foreign(name) or _is_telling(name.rpartition(".")[2]) for name in names)
        case ast.ClassDef() | ast.AsyncFunctionDef() | ast.Await():
            return True
        case ast.Constant(value=str(text)):
            return "__" in text
        case ast.Name():
            return node.id in NAMES or node.id.startswith("__")
        case ast.Attribute():
            return not isinstance(node.ctx, ast.Load) or _is_telling(node.attr)
        case ast.Subscript():
            return not isinstance(node.ctx, ast.Load) and not _is_own(node.value)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))) if name in CONVERSIONS:
            return True  # nobody calls them for their result here
        case ast.Call(func=ast.Attribute(attr=name, value=value)):
            return name in CHANGES and not _is_own(value)
    return False


def _is_foreign(module: str) -> bool:
    known = module.partition(".")[0] in LIBRARIES
    return not known or any(f"{module}.".startswith(f"{one}.") for one in CLOSED)


def _is_telling(name: str) -> bool:
    """Whether an attribute's name may stand for a change of what others see."""
    changing = name.startswith(("_", "set")) or name.endswith("_") or name in ATTRIBUTES
    return changing and name not in PLOTS


def _is_own(value: ast.expr) -> bool:
    """Whether what is changed is known by a name of the cell's own, or is a part of such a thing."""
    while isinstance(value, ast.Subscript):
        value = value.value
    return isinstance(value, ast.Name | ast.Call | ast.List | ast.Dict | ast.ListComp)
