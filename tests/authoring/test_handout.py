"""What students are handed: no solution, judge or known mistake in it, links that lead somewhere, and it works."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.cli import build as build_command
from course_utils.notebooks import CODE_SOLUTION, is_turn, source
from course_utils.staff.authoring.build import handout
from course_utils.staff.authoring.lints import prose
from course_utils.staff.authoring.notebook_files import lessons, read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("for students") / "course"
    handout.hand_out(ROOT, out)
    return out


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_it_has_what_students_need_and_nothing_that_gives_answers_away(copy):
    there = files(copy)
    assert {file.split("/")[0] for file in there} == {
        *(".gitignore", "CITATION.cff", "LICENSE", "MANIFEST.in", "README.md", "constraints.txt", "course.py"),
        *("course_utils", "docs", "environment.yml", "exercises", "notebooks", "pyproject.toml"),
    }
    secret = ("judge", "judging", "mutants", "misconceptions", "kill_matrix", "grading", "architecture")
    assert not [file for file in there if Path(file).stem in secret]
    assert not [file for file in there if file.startswith(("course_utils/staff", "docs/decisions"))]
    for folder in ("notebooks", "exercises"):
        assert lessons(copy, folder) == lessons(ROOT, folder)
    assert [path.name for path in (copy / "course_utils" / "language_model").rglob("*.safetensors")]


def test_no_solution_is_in_an_exercise_or_in_the_code(copy):
    code = [file for file in files(copy) if file.endswith((".py", ".toml"))]
    everything = "".join((copy / file).read_text(encoding="utf-8") for file in code)
    checked = 0
    for lesson in lessons(ROOT, "solutions"):
        exercise = "".join(map(source, read(copy, "exercises", lesson).cells))
        for cell in read(ROOT, "solutions", lesson).code_cells:
            for found in CODE_SOLUTION.finditer(source(cell)):
                if len(secret := found[2].strip()) > 40:
                    checked += 1
                    assert secret not in exercise and secret not in everything, f"{lesson}: {cell['id']}"
    assert checked > 20


def test_links_lead_somewhere_and_nothing_else_was_changed(copy):
    for folder in ("notebooks", "exercises"):
        for lesson in lessons(copy, folder):
            handed, own = read(copy, folder, lesson), read(ROOT, folder, lesson)
            assert prose.links(handed) == []
            changed = [one["id"] for one, other in zip(handed.cells, own.cells, strict=True) if one != other]
            broken = {problem.cell for problem in prose.links(handout.Notebook(copy, folder, lesson, own.content))}
            turns = {one["id"] for one in own.cells if is_turn(one)}
            assert set(changed) == broken | turns
            for cell in handed.code_cells:
                if cell["id"] in turns:  # lectures are handed out with outputs; here nobody has written anything yet
                    assert "raise NotImplementedError" in source(cell) and cell["outputs"] == []
                    assert "SOLUTION" not in source(cell)
    for file in ["README.md", *(f"docs/{path.name}" for path in (copy / "docs").glob("*.md"))]:
        for found in prose.LINK.finditer((copy / file).read_text(encoding="utf-8")):
            target = found[1].partition("#")[0]
            assert not target or prose.ELSEWHERE.match(target) or (copy / file).parent.joinpath(target).is_file(), (
                target
            )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "See [a](a.md), [b *c*](b.md) and [d](https://example.org).",
            "See [a](a.md), b *c* and [d](https://example.org).",
        ),
        ("`x[b](b.md)` and [here](#there)", "`x[b](b.md)` and [here](#there)"),
        ("```\n[b](b.md)\n```\n[b](b.md#part)", "```\n[b](b.md)\n```\nb"),
    ],
)
def test_only_links_to_what_is_missing_lose_their_link(tmp_path, text, expected):
    (tmp_path / "a.md").write_text("# A", encoding="utf-8")
    assert handout.without_links(text, lambda link: [link.partition("#")[0]], tmp_path) == expected


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    parser = build_command.argparse.ArgumentParser()
    build_command.add_arguments(parser)
    assert build_command.run(parser.parse_args(["--root", str(ROOT), "--handout", str(tmp_path)])) == 2
    assert capsys.readouterr().err == f"{tmp_path} is not empty: name a folder that is not there yet\n"
    assert files(tmp_path) == ["thesis.txt"]


def course(copy: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Python with the package of the copy, in the copy's folder."""
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


# answer -> what its check prints below "E01.2 joint_prob: "
ANSWERS = {
    "def joint_prob(conds):\n    return sum(conds)": (
        "it runs on 28 inputs; whether it is right is checked when you hand it in"
    ),
    "def joint_prob(conds):\n    return conds[0]": (
        "it does not run yet\n  the answer raised IndexError: list index out of range\n  try: joint_prob([])"
    ),
    "def joint_prob(conds):\n    raise NotImplementedError": "not answered yet",
    "joint_prob = 3": "joint_prob is not a function here: the task asks for def joint_prob(...)",
}


def test_a_check_in_it_says_whether_an_answer_runs(copy):
    script = f"import course_utils, course_utils.lesson\nassert course_utils.__file__.startswith({str(copy)!r})\n"
    for answer in ANSWERS:
        script += f"exec({answer!r})\nassert check('E01.2') is None\nprint('--')\n"
    done = course(copy, "-c", "from course_utils.lesson import check\n" + script)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.split("\n--\n")[:-1] == [f"E01.2 joint_prob: {said}" for said in ANSWERS.values()]
        and done.stderr == ""
    )


def test_a_copy_of_before_takes_the_corrected_text_without_what_is_for_staff(copy, tmp_path):
    project = Path(shutil.copytree(copy, tmp_path / "course"))
    yours, theirs = (project / folder / "01_chain_rule.ipynb" for folder in ("work/exercises", "exercises"))
    assert course(project, "-m", "course_utils.cli", "lab", "--take", "01").returncode == 0
    answered = yours.read_text(encoding="utf-8").replace('"    # YOUR CODE HERE', '"    # mine', 1)
    yours.write_text(answered, encoding="utf-8")
    theirs.write_text(theirs.read_text(encoding="utf-8").replace("Eight tasks", "Nine tasks"), encoding="utf-8")
    done = course(project, "-m", "course_utils.cli", "lab", "--take", "exercises/01")
    assert (done.returncode, done.stderr) == (0, "") and "taken: prose in the introduction" in done.stdout
    now = yours.read_text(encoding="utf-8")
    assert now.count("# mine") == 1 and "Nine tasks" in now and "Eight tasks" not in now
    assert yours.with_name("01_chain_rule-old.ipynb").read_text(encoding="utf-8") == answered


def test_commands_that_are_not_in_it_say_so_in_a_line(copy):
    for command, word in (("check", "hand it in"), ("grade", "for instructors"), ("build", "for instructors")):
        done = course(copy, "-m", "course_utils.cli", command, "01")
        assert done.returncode == 2 and word in done.stdout and done.stdout.count("\n") == 1 and done.stderr == ""
    assert "lab" in course(copy, "-m", "course_utils.cli", "--help").stdout


@pytest.mark.slow
def test_its_doctor_finds_it_in_order(copy):
    done = course(copy, "-m", "course_utils.cli", "doctor")
    assert done.returncode == 0 and "The lessons can start." in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_its_exercises_run_from_top_to_bottom(copy):
    exercise = json.loads((copy / "exercises" / "01_chain_rule.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in exercise["cells"] if cell["cell_type"] == "code"]
    done = course(copy, "-c", "import matplotlib; matplotlib.use('agg')\n" + "\n".join(code))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not answered yet") == sum(text.startswith("# NBVAL_CHECK_OUTPUT") for text in code) > 5
