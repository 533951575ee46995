"""`course build` and `course build --check` on a tiny project, with a kernel that only pretends."""

import json
from pathlib import Path

import pytest

from course_utils.cli import main
from course_utils.staff.authoring.build import build as build_command
from course_utils.staff.authoring.build import execute
from course_utils.staff.authoring.notebook_files import is_executed

LECTURE, SOLUTION, EXERCISE = (f"{folder}/90_tiny.ipynb" for folder in ("notebooks", "solutions", "exercises"))
GENERATED = [LECTURE, SOLUTION, EXERCISE, "README.md", "docs/coverage.md", "environment.yml"]


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and ".ruff_cache" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def problems(root: Path) -> list[str]:
    """What the check finds wrong; that of the course's own palette (another test) is left out."""
    before = files(root)
    found = build_command.check(root, build_command.selected(root, []))
    assert files(root) == before
    assert all("\n" not in str(problem) for problem in found)
    return [str(problem) for problem in found if "style.py" not in problem.file]


def edit(path: Path, change) -> None:
    """Changes the notebook as an editor would: its JSON, written in the same layout."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change({cell["id"]: cell for cell in content["cells"]}, content)
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def test_a_built_project_passes(project):
    assert problems(project) == []


def test_an_unbuilt_project_does_not_pass(sources):
    found = problems(sources)
    for file in GENERATED:
        assert any(line.startswith(f"{file}:") and "`course build" in line for line in found), file
    assert any(line.startswith(EXERCISE) and "is not there" in line for line in found)


@pytest.mark.parametrize("file", GENERATED)
def test_one_byte_changed_in_a_file_is_seen(project, file):
    data = (project / file).read_bytes()
    at = data.index(b"\n", len(data) // 2)  # one space more at the end of a line
    (project / file).write_bytes(data[:at] + b" " + data[at:])
    assert any(line.startswith(f"{file}:") and "`course build" in line for line in problems(project))


def test_one_byte_of_a_stub_changed_is_seen_and_its_cell_named(project):
    path = project / EXERCISE
    path.write_bytes(path.read_bytes().replace(b"raise NotImplementedError", b"raise NotImplementedErroR"))
    assert f"{EXERCISE}: cell e90-1: not what its solution gives (source); `course build 90_tiny`" in problems(project)


def test_changed_code_of_a_solution_is_seen(project, build):
    path = project / SOLUTION
    path.write_bytes(path.read_bytes().replace(b"return x / 2", b"return x / 4"))
    assert any(line.startswith(f"{SOLUTION}:") and "built_from" in line for line in problems(project))
    build(project)
    assert problems(project) == []


def test_changed_formatting_of_a_solution_is_seen(project, build):
    edit(project / SOLUTION, lambda cells, _: cells["setup"].update(source=["check=print"]))
    build(project)  # canonical and executed: only its looks are wrong
    remedy = f"`ruff format {SOLUTION}`, then `course build 90_tiny`"
    assert sorted(problems(project)) == [
        f"{file}: cell setup: not in ruff's format; {remedy}" for file in (EXERCISE, SOLUTION)
    ]


def test_an_editors_metadata_is_seen(project):
    edit(project / LECTURE, lambda _, content: content["metadata"].update(vscode={}))
    assert f"{LECTURE}: not in canonical form (metadata vscode); `course build 90_tiny`" in problems(project)


def test_cleared_outputs_are_seen_and_built_again(project, build):
    edit(project / LECTURE, lambda cells, _: cells["product"].update(outputs=[], execution_count=None))
    assert any("built_from" in line or "was not executed" in line for line in problems(project))
    build(project)
    assert problems(project) == []


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stderr", "text": ["UserWarning: careful\n"]},
        {"output_type": "error", "ename": "ValueError", "evalue": "careful", "traceback": []},
    ],
)
def test_stored_errors_and_stderr_are_seen(project, output):
    edit(project / LECTURE, lambda cells, _: cells["product"].update(outputs=[output]))
    assert any(line.startswith(f"{LECTURE}: cell product:") and "careful" in line for line in problems(project))


def test_a_notebook_that_is_none_is_seen(project, build):
    (project / LECTURE).write_text("[]", encoding="utf-8")
    assert any(line.startswith(f"{LECTURE}: ") and "not a notebook" in line for line in problems(project))
    assert any("not a notebook" in str(problem) for problem in build(project))


def test_an_exercise_without_a_solution_is_seen(project):
    (project / "exercises" / "91_left_over.ipynb").write_text("{}", encoding="utf-8")
    assert "exercises/91_left_over.ipynb: has no solution; delete it" in problems(project)


def test_building_twice_gives_the_same_bytes(project, build):
    before = files(project)
    build(project, force=True)
    assert files(project) == before


def test_only_changed_code_is_executed(project, build, monkeypatch):
    ran = []

    async def spy(notebook):
        ran.append(notebook.file)
        return execute.unexecuted(notebook.content)

    monkeypatch.setattr(execute, "executed", spy)
    edit(
        project / LECTURE,
        lambda cells, _: cells["title"].update(source=["# Another title\n", "[exercise](exercises/90_tiny.ipynb)"]),
    )
    build(project)
    assert ran == []
    assert problems(project) == []
    edit(project / LECTURE, lambda cells, _: cells["product"].update(source=["print(0.04)"]))
    build(project)
    assert ran == [LECTURE]


def test_names_choose_notebooks(project):
    both = [("notebooks", "90_tiny"), ("solutions", "90_tiny")]
    assert build_command.selected(project, []) == both
    assert build_command.selected(project, ["90"]) == both
    assert build_command.selected(project, ["solutions/90_tiny.ipynb"]) == both[1:]
    with pytest.raises(build_command.OperatorError, match="no notebook '17'; there are: 90_tiny"):
        build_command.selected(project, ["17"])


def test_a_failed_run_leaves_every_file_and_says_where(project, build, monkeypatch, capsys):
    async def fails(notebook):
        raise execute.ExecutionError([notebook.problem("product", "ZeroDivisionError: division by zero")])

    edit(project / LECTURE, lambda cells, _: cells["product"].update(source=["print(1 / 0)"]))
    before = files(project)
    monkeypatch.setattr(execute, "executed", fails)
    line = "cell product: ZeroDivisionError: division by zero; change it, then `course build 90_tiny`"
    assert f"{LECTURE}: {line}" in map(str, build(project))
    assert files(project) == before
    assert "failed; the file is as it was" in capsys.readouterr().out


def test_exit_statuses(project, monkeypatch, capsys):
    monkeypatch.setattr(build_command.lints, "palette_contrast", list)
    here = ["--root", str(project)]
    assert main(["build", "--check", *here]) == 0
    assert "as its sources say" in capsys.readouterr().out
    assert main(["build", "17", *here]) == 2
    assert "no notebook '17'" in capsys.readouterr().err
    (project / "environment.yml").write_text("", encoding="utf-8")
    assert main(["build", "--check", *here]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "environment.yml: not what its sources give; `course build`"
    assert is_executed(json.loads((project / LECTURE).read_text(encoding="utf-8")))


def test_it_says_which_course_it_works_on_where_that_is_not_the_one_around(project, monkeypatch, capsys):
    """Somebody who stands in another clone would else wonder why nothing changes there."""
    monkeypatch.setattr(build_command.lints, "palette_contrast", list)
    monkeypatch.chdir(project.parent)
    assert main(["build", "--check", "--root", str(project)]) == 0
    assert capsys.readouterr().err == f"the course in {project}\n"
