"""The website: complete, without what students shall not see, every link leads somewhere, no formula left over."""

import argparse
import html
import json
import re
from pathlib import Path

import pytest

from course_utils.cli import site as site_command
from course_utils.notebooks import CODE_SOLUTION, NBVAL, is_turn, solved, source
from course_utils.plots.style import contrast
from course_utils.staff.authoring.notebook_files import lessons, read
from course_utils.staff.authoring.render import rendering, website

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def student() -> dict[str, str]:
    return website.website(ROOT, "student")


@pytest.fixture(scope="module")
def instructor() -> dict[str, str]:
    return website.website(ROOT, "instructor")


def words(text: str) -> str:
    """Letters and digits only: the same in a notebook and on a page."""
    return re.sub(r"\W+", "", text)


def pictures(notebook) -> int:
    """How many pictures the outputs of a notebook show, and its text."""
    shown = [output.get("data", {}) for cell in notebook.code_cells for output in cell["outputs"]]
    return sum("image/png" in data for data in shown) + sum(
        source(cell).count("![") for cell in notebook.markdown_cells
    )


def page_words(page: str) -> str:
    return words(html.unescape(re.sub(r"<[^>]*>", "", page)))


@pytest.mark.parametrize("edition", website.EDITIONS)
def test_links_lead_somewhere_and_no_formula_is_left_over(edition, request):
    files = request.getfixturevalue(edition)
    assert website.broken_links(files) == []
    assert website.leftover_formulas(files) == []


def test_every_lecture_and_exercise_is_there_and_on_the_index(student):
    for folder, there in (("notebooks", "lectures"), ("exercises", "exercises")):
        for lesson in lessons(ROOT, folder):
            notebook = read(ROOT, folder, lesson)
            page = student[f"{there}/{lesson}.html"]
            shown = page_words(page)
            assert f'href="{there}/{lesson}.html"' in student["index.html"]
            for cell in notebook.code_cells:
                if not rendering.prediction(cell):
                    assert words(NBVAL.sub("", solved(source(cell)))) in shown, f"{lesson}: {cell['id']}"
            assert page.count("<img ") == pictures(notebook)


def test_students_get_no_solution_and_no_notes(student, instructor):
    assert not [url for url in student if url.startswith(("solutions/", "teaching/"))]
    checked = 0
    for lesson in lessons(ROOT, "solutions"):
        exercise = page_words(student[f"exercises/{lesson}.html"])
        solution = page_words(instructor[f"solutions/{lesson}.html"])
        for cell in read(ROOT, "solutions", lesson).code_cells:
            for found in CODE_SOLUTION.finditer(source(cell)):
                if len(secret := words(found[2])) > 60:
                    checked += 1
                    assert secret not in exercise and secret in solution, f"{lesson}: {cell['id']}"
    assert checked > 20
    assert "For the teacher" not in "".join(student.values())
    assert instructor["lectures/01_chain_rule.html"].count('<details class="note">') > 5


def test_a_turn_is_a_stub_with_a_solution_to_open(student):
    page, seen = student["lectures/01_chain_rule.html"], 0
    for cell in read(ROOT, "notebooks", "01_chain_rule").code_cells:
        if is_turn(cell):
            (found,) = CODE_SOLUTION.finditer(source(cell))
            folded = re.findall(r"<details><summary>A solution</summary>.*?</details>", page, re.DOTALL)
            assert words(found[2]) in page_words("".join(folded)) and "right" in folded[seen]
            assert words(found[2]) not in page_words(page.replace(folded[seen], "")), cell["id"]
            seen += 1
    assert page.count("# YOUR CODE HERE") >= seen == 6 and "BEGIN SOLUTION" not in page


def test_maintainers_find_the_decisions_and_students_do_not(student, instructor):
    written = {path.stem for path in (ROOT / "docs" / "decisions").glob("*.md")} - {"README"}
    listed = website.Reader(instructor["docs/decisions/README.html"]).links
    assert len(written) > 5 and written <= {Path(link).stem for link in listed}
    assert "decisions/README.html" in website.Reader(instructor["docs/architecture.html"]).links
    assert "docs/architecture.html" in website.Reader(instructor["index.html"]).links
    assert not [url for url in student if "architecture" in url or "decisions" in url]


def test_a_prediction_can_be_asked_and_answered_on_the_page(student):
    page = student["lectures/05_training_objective.html"]
    asked = [cell for cell in read(ROOT, "notebooks", "05_training_objective").code_cells if rendering.prediction(cell)]
    assert page.count('<div class="question">') == len(asked) > 3
    assert page.count("<strong>Right.</strong>") == len(asked)
    assert "predict(" not in re.sub(r"import .*", "", page)


def test_the_search_knows_each_section(student):
    known = json.loads(student["search-index.js"].removeprefix("window.courseIndex = ").rstrip(";\n"))
    headings = {(url, heading) for url, _, heading, _ in known}
    assert ("lectures/01_chain_rule.html#a-bug-that-sums-to-1", "A bug that sums to 1") in headings
    assert ("exercises/01_chain_rule.html#e01-2-multiply-along-the-path", "E01.2 Multiply along the path") in headings
    found = [url for url, _, _, text in known if "marginalising" in text]
    assert "lectures/01_chain_rule.html#from-the-joint-back-to-a-conditional" in found


@pytest.mark.parametrize(
    "link, problem",
    [
        ("b.html#part", None),
        ("https://example.org", None),
        ("#here", None),
        ("c.html", "a.html: the link c.html leads nowhere"),
        ("b.html#none", "a.html: the link b.html#none leads to no section of b.html"),
        ("#none", "a.html: the link #none leads to no section of a.html"),
    ],
)
def test_broken_links_are_found(link, problem):
    files = {"a.html": f'<h1 id="here">A</h1><a href="{link}">x</a>', "b.html": '<h2 id="part">B</h2>'}
    assert website.broken_links(files) == [problem] * bool(problem)


def test_what_would_come_from_the_network_is_found():
    for load in ('<script src="https://cdn.example/x.js">', '<img src="//x/y.png">', '<link href="http://x/y.css">'):
        assert "from the network" in website.broken_links({"a.html": load})[0]


def test_left_over_formulas_are_found():
    files = {"a.html": "<p>So $x_1$ and \\log p, $a +\nb$</p><pre>cost = '$a$' \\n</pre>"}
    assert website.leftover_formulas(files) == [
        "a.html: a formula was left over: $x_1$",
        "a.html: a formula was left over: \\log",
        "a.html: a formula was left over: $a +\nb$",
    ]


def test_anchors_of_equal_headings_differ():
    body = '<h2 id="part">Part</h2><h3 id="part">Part</h3><h2 id="other">Other</h2>'
    assert re.findall(r'id="([^"]*)"', website.different_anchors(body)) == ["part", "part-2", "other"]


def test_colours_have_contrast_in_light_and_dark():
    style = "".join(map(rendering.asset, ("colours.css", "dark.css", "course.css")))
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    themes = [theme for theme in themes if theme]
    assert len(themes) == 3  # light, dark, print
    for theme in (themes[0] | theme for theme in themes):  # a theme changes what the first one says
        grounds = [theme.pop("ground"), theme.pop("panel")]
        del theme["line"]
        faint = [
            (name, ground) for name, colour in theme.items() for ground in grounds if contrast(colour, ground) < 4.5
        ]
        assert not faint


# ---- the command -----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    site_command.add_arguments(parser)
    return site_command.run(parser.parse_args(list(arguments)))


def test_the_command_writes_a_site_and_replaces_its_own(project, capsys):
    out = project / "out"
    assert run("--root", str(project), "--out", str(out)) == 0
    assert "student edition: open" in capsys.readouterr().out
    assert (out / "lectures" / "90_tiny.html").is_file() and not (out / "solutions").exists()
    assert run("--root", str(project), "--out", str(out), "--edition", "instructor") == 0
    assert (out / "solutions" / "90_tiny.html").is_file()
    assert sorted(path.name for path in project.glob(".out*")) == []


def test_a_folder_of_others_is_left_alone(project, capsys):
    out = project / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert run("--root", str(project), "--out", str(out)) == 2
    assert capsys.readouterr().err.startswith(f"{out} is there already and is no site of this course")
    assert (out / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_mistakes_are_said_in_a_line(project, tmp_path, capsys):
    assert run("--root", str(tmp_path / "nowhere")) == 2
    assert "start this command in the project's folder" in capsys.readouterr().err
    lecture = project / "notebooks" / "90_tiny.ipynb"
    lecture.write_text(lecture.read_text(encoding="utf-8").replace("It comes to", r"$\\foo$"), encoding="utf-8")
    assert run("--root", str(project), "--out", str(project / "out")) == 1
    message = capsys.readouterr().err
    assert (
        message.startswith(r"notebooks/90_tiny.ipynb: no MathML for the formula '\\foo'") and message.count("\n") == 1
    )
    assert not (project / "out").exists()
