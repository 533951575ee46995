"""Small wrong versions of a function, made from its source one change at a time.

Each mutant has an id that says what was changed ("a - b -> a + b"), so that a list of ids survives reformatting.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

REMOVED = {"exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "abs"}
REPLACED = {"sum": "mean", "fsum": "mean", "prod": "sum", "mean": "sum", "argmax": "argmin", "max": "min", "min": "max"}
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
RELAXED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
MEAN = "(lambda xs: sum(xs) / len(xs))"


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(id, source) of every mutant of the functions in `source`; docstrings and annotations are left alone."""
    tree = _without_docstrings(ast.parse(source))
    seen: dict[str, int] = {}
    for index, node in enumerate(ast.walk(tree)):
        for other in _changes(node):
            name = f"{_text(node)} -> {_text(other)}"
            seen[name] = seen.get(name, 0) + 1
            yield name + (f" #{seen[name]}" if seen[name] > 1 else ""), _with(tree, index, other)


def _with(tree: ast.AST, index: int, other: ast.AST) -> str:
    tree = copy.deepcopy(tree)
    target = list(ast.walk(tree))[index]
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, other)
            elif isinstance(value, list) and any(item is target for item in value):
                value[:] = [other if item is target else item for item in value]
    return ast.unparse(ast.fix_missing_locations(tree))


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        yield _copy(node, op=SWAPPED[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in RELAXED:
        yield _copy(node, ops=[RELAXED[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
        if node.value > 0:
            yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Call):
        yield from _changed_calls(node)
    elif isinstance(node, ast.For | ast.comprehension):
        for part in ("[1:]", "[:-1]"):
            yield _copy(node, iter=_expression(f"list({ast.unparse(node.iter)}){part}"))
    elif isinstance(node, ast.Return) and node.value is not None:
        yield _copy(node, value=ast.UnaryOp(ast.USub(), node.value))


def _changed_calls(node: ast.Call) -> Iterator[ast.AST]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    method = isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "math", "torch")
    )
    if name in REMOVED:
        yield node.func.value if method else node.args[0] if node.args else node
    if name in REPLACED:
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.value is not None
            and getattr(node.func.value, "id", "") != "math"
        ):
            yield _copy(node, func=_copy(node.func, attr=REPLACED[name]))
        else:
            yield _copy(node, func=_expression(MEAN if REPLACED[name] == "mean" else REPLACED[name]))
    if len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        yield _copy(node, args=[node.args[1], node.args[0], *node.args[2:]])


def _copy(node: ast.AST, **changes: object) -> ast.AST:
    return type(node)(**{**{name: getattr(node, name, None) for name in node._fields}, **changes})


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.For):
        return f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
    return " ".join(ast.unparse(node).split())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
    return tree
