"""The floors of the package, as docs/architecture.md draws them: imports point down, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "course_utils"

# From the top to the bottom. A module is on the first floor whose name it has, or lies below; modules of one floor may
# import each other, as long as there is no circle.
FLOORS = [
    ["cli", "scoring.__main__"],
    ["staff.grading.run"],
    ["staff.grading.report"],
    ["staff.grading.intake"],
    ["staff.grading.place"],
    ["staff.grading.sandbox"],
    ["staff.grading"],
    ["staff.authoring.build"],
    ["staff.authoring.render"],
    ["staff.authoring.lints"],
    ["staff.authoring"],
    ["staff.judging"],
    ["staff"],
    ["lesson"],
    ["classroom"],
    ["lessons"],
    ["checks", "plots"],
    [""],  # the package's own __init__, which lends the names of what lies below
    ["coding", "toy_language", "scoring", "language_model", "ledger", "strips"],
    ["log_space", "notebooks", "answers", "copies", "requirements", "project"],
]
UP_ON_PURPOSE = {("classroom.checking", "staff.judging.judging")}  # `check`, where the judges are there


def modules(package: Path) -> dict[str, Path]:
    """Each module's name below the package ("" is the package itself), and its file."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a module imports: at its top, within a function, or for the types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = [PACKAGE, *name.split(".")] if path.name == "__init__.py" else [PACKAGE, *name.split(".")[:-1]]
            above = [part for part in package if part][: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            wanted = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for full in wanted:
            inside, _, rest = full.partition(".")
            if inside == PACKAGE:
                yield rest if rest in known else rest.rpartition(".")[0]


def graph(package: Path) -> dict[str, set[str]]:
    known = modules(package)
    return {name: set(imports(name, path, known)) - {name} for name, path in known.items()}


def floor(module: str) -> int:
    """The number of a module's floor, counted from the top."""
    return next(
        number
        for number, names in enumerate(FLOORS)
        if any(module == name or (name and module.startswith(f"{name}.")) for name in names)
    )


def upward(edges: dict[str, set[str]]) -> list[tuple[str, str]]:
    return sorted((one, other) for one, below in edges.items() for other in below if floor(other) < floor(one))


def circle(edges: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_point_down():
    assert set(upward(graph(ROOT / PACKAGE))) == UP_ON_PURPOSE


def test_no_modules_import_each_other_in_a_circle():
    edges = graph(ROOT / PACKAGE)
    assert len(edges) > 100 and sum(map(len, edges.values())) > 300, "the imports were not read"
    for one, other in UP_ON_PURPOSE:
        edges[one].discard(other)
    assert circle(edges) == []


def test_what_is_not_for_staff_imports_nothing_from_it():
    edges = graph(ROOT / PACKAGE)
    others = {name: below for name, below in edges.items() if not name.startswith(("staff", "cli"))}
    reaching = {(name, one) for name, below in others.items() for one in below if one.startswith("staff")}
    assert reaching == UP_ON_PURPOSE


@pytest.mark.parametrize(
    "line, place, fault",
    [
        ("from course_utils.cli import lab", "staff/judging/extra.py", ("staff.judging.extra", "cli.lab")),
        ("def f():\n    from course_utils.staff import judging", "checks/extra.py", ("checks.extra", "staff.judging")),
        ("from ..cli import lab", "scoring/extra.py", ("scoring.extra", "cli.lab")),
    ],
)
def test_an_arrow_that_points_up_is_seen(tmp_path, line, place, fault):
    for name in ("cli/lab.py", "cli/__init__.py", "staff/judging/__init__.py", place):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(line if name == place else "")
    assert upward(graph(tmp_path)) == [fault]


def test_a_circle_is_seen():
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
