"""Decks: everything of the lecture is on them, in order, with what the speaker is told; nothing from outside."""

import argparse
import html
import re
from pathlib import Path

import pytest

from course_utils.classroom.predicting import questions
from course_utils.cli import slides as slides_command
from course_utils.notebooks import CODE_SOLUTION, NBVAL, is_code, is_turn, solved, source, tags
from course_utils.staff.authoring.notebook_files import lessons, read
from course_utils.staff.authoring.render import decks, rendering, website
from course_utils.staff.authoring.teaching_notes import Note, notes

ROOT = Path(__file__).resolve().parents[2]


def words(page: str) -> str:
    return re.sub(r"\W+", "", html.unescape(re.sub(r"<[^>]*>", "", page)))


@pytest.mark.parametrize("lesson", lessons(ROOT, "notebooks"))
def test_a_deck_has_all_code_and_figures_and_stands_alone(lesson):
    page = decks.deck(ROOT, lesson)
    shown = words(page)
    lecture = read(ROOT, "notebooks", lesson)
    for cell in lecture.code_cells:
        text = NBVAL.sub("", solved(source(cell)))
        if (
            is_code(cell)
            and not rendering.prediction(cell)
            and "setup" not in tags(cell)
            and not decks.only_shows_a_figure(text)
        ):
            for line in text.split("\n"):
                assert re.sub(r"\W+", "", line) in shown, f"{cell['id']}: {line}"
    assert page.count("<img ") == sum(
        "image/png" in output.get("data", {}) for cell in lecture.code_cells for output in cell["outputs"]
    )
    files = {"deck.html": page}
    assert website.broken_links(files) == [] and website.leftover_formulas(files) == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", page)


def test_the_speaker_is_told_what_teaching_says_and_when():
    told = notes(ROOT, "01_chain_rule")
    slides = list(decks.slides(read(ROOT, "notebooks", "01_chain_rule"), told))
    first = {slide.heading: slide for slide in slides if slide.first}
    for heading, note in told.items():
        if heading and not heading.startswith("Exercise "):
            assert words(decks.words(note.text)) in words(first[heading].note)
            assert first[heading].minutes[1] - first[heading].minutes[0] == note.minutes
    ends = [slide.minutes[1] for slide in slides if slide.first and slide.minutes]
    assert ends == sorted(ends) and ends[-1] == sum(
        note.minutes for h, note in told.items() if h and not h.startswith("Ex")
    )
    assert "Rubric" in first["Next"].note, "what is told about the exercise goes with the way on"


def test_the_answer_to_a_question_is_in_the_notes_and_not_on_its_slide():
    slides = list(decks.slides(read(ROOT, "notebooks", "01_chain_rule"), {}))
    asked = [slide for slide in slides if 'class="question"' in slide.html]
    assert len(asked) == len(questions("01"))
    for slide, question in zip(asked, questions("01").values(), strict=True):
        assert f"Answer: {question.answer}." in slide.note
        assert slide.html.endswith("</ul></div>"), "nothing follows the question"
        for why in question.why.values():
            assert words(rendering.markdown(why)) in words(slide.note) and words(rendering.markdown(why)) not in words(
                slide.html
            )


def test_a_turn_is_a_stub_on_its_slide_and_solved_in_the_notes():
    lecture = read(ROOT, "notebooks", "01_chain_rule")
    slides = list(decks.slides(lecture, {}))
    shown, told = (words("".join(part)) for part in zip(*((slide.html, slide.note) for slide in slides), strict=True))
    for cell in filter(is_turn, lecture.code_cells):
        (found,) = CODE_SOLUTION.finditer(source(cell))
        assert words(found[2]) in told and words(found[2]) not in shown, cell["id"]
        assert re.sub(r"\W+", "", source(cell).split("\n")[-1]) in shown


# ---- how slides are filled -------------------------------------------------------------------------------------------


def block(height: float, **options) -> decks.Block:
    return decks.Block(f"{height}", height, **options)


def heights(*groups: list[decks.Block]) -> list[list[float]]:
    return [[each.height for each in slide] for slide in decks.filled(list(groups))]


def test_blocks_fill_slides_in_their_order():
    assert heights([block(200)], [block(200)], [block(200)]) == [[200, 200], [200]]
    assert heights([block(decks.HEIGHT)], [block(1)]) == [[decks.HEIGHT], [1]]


def test_a_group_is_not_torn_where_it_fits_on_a_slide():
    assert heights([block(200)], [block(200), block(300)]) == [[200], [200, 300]]
    assert heights([block(200)], [block(400), block(400)]) == [[200], [400], [400]]


def test_a_paragraph_goes_with_what_it_leads_to():
    assert heights([block(300)], [block(40, leads=True)], [block(300)]) == [[300], [40, 300]]
    assert heights([block(300)], [block(40, leads=True)], [block(530)]) == [[300, 40], [530]]


def test_nothing_follows_a_question():
    assert heights([block(100, ends=True)], [block(100)]) == [[100], [100]]


def test_long_code_is_cut_at_a_blank_line_and_long_lines_are_set_smaller(make):
    long = "\n".join(["x = 1"] * 20 + [""] + ["y = 2"] * 20)
    parts = decks.cell_blocks(make.code("long", long))
    assert [part.html.count("\n") for part in parts] == [20, 20] and all(part.height <= decks.HEIGHT for part in parts)
    (wide,) = decks.cell_blocks(make.code("wide", "x" * 110))
    assert 'class="code code-16"' in wide.html
    code, output = decks.cell_blocks(make.code("both", "\n".join(["x"] * 14), (make.stdout("\n".join(["1"] * 4)),)))
    assert "code-18" in code.html and "code-18" in output.html, "together they fit when they are smaller"


def test_code_and_output_that_do_not_go_together_are_each_as_large_as_can_be(make):
    printed = make.stdout("\n".join(["1"] * 18))
    code, output = decks.cell_blocks(make.code("both", "\n".join(["x"] * 15), (printed,)))
    assert "code-20" in code.html and "code-20" in output.html and code.height + output.height > decks.HEIGHT


def test_only_calls_that_just_show_a_figure_are_left_out():
    assert decks.only_shows_a_figure("figure(\n    tree(),\n    'a tree',\n)")
    for code in ("figure(f, 'x')\nprint(1)", "x = figure(f, 'x')", "figures()", "print(1)", "", "%timeit x"):
        assert not decks.only_shows_a_figure(code)


def test_code_in_a_fence_is_code():
    (block,) = decks.text_blocks("```\n$ a < b\n\nc\n```")
    assert (
        block.html == '<pre class="code code-20"><code>$ a &lt; b\n\nc</code></pre>\n' and block.height == 3 * 28 + 26
    )
    (block,) = decks.text_blocks("```python\nimport math\n```")
    assert '<span class="kn">import</span>' in block.html


def test_a_long_table_keeps_its_head():
    table = "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | x |" for n in range(30))
    parts = list(decks.text_blocks(table))
    assert len(parts) == 3 and all("<th>a</th>" in part.html and part.height <= decks.HEIGHT for part in parts)
    assert [n for part in parts for n in re.findall(r"<td>(\d+)</td>", part.html)] == [str(n) for n in range(30)]


def test_a_list_goes_on_counting_on_the_next_slide():
    assert [
        re.search(r'start="(\d)"', each.html)[1] for each in decks.text_blocks("1. one\n2. two\n   and more\n3. three")
    ] == ["1", "2", "3"]


def test_pieces_of_markdown():
    text = "## A heading\nText\nmore\n\n```\na\n\nb\n```\n\n$$x\n\ny$$\n\n* one\n* two"
    assert list(decks.markdown_pieces(text)) == [
        "## A heading",
        "Text\nmore",
        "```\na\n\nb\n```",
        "$$x\n\ny$$",
        "* one\n* two",
    ]


def test_notes_by_section(tmp_path):
    (tmp_path / "teaching").mkdir()
    one = "## One\n\n7 minutes. Ask.\n\n```\n## code\n```\n\n### Deeper\n\nx"
    text = f"# Title\n\nBring paper.\n\n{one}\n\n## Two\n\nNo time.\n"
    (tmp_path / "teaching" / "90_tiny.md").write_text(text, encoding="utf-8")
    found = notes(tmp_path, "90_tiny")
    assert list(found) == ["", "One", "Two"] and found[""] == Note("Bring paper.")
    assert [note.minutes for note in found.values()] == [None, 7, None]
    assert found["One"].text.endswith("### Deeper\n\nx") and notes(tmp_path, "91_none") == {}


# ---- the command -----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    slides_command.add_arguments(parser)
    return slides_command.run(parser.parse_args(list(arguments)))


def test_the_command_writes_the_decks_that_are_named(project, capsys):
    out = project / "out"
    assert run("90", "--root", str(project), "--out", str(out)) == 0
    assert capsys.readouterr().out.strip() == (out / "90_tiny.html").as_posix()
    assert "Tiny lecture" in (out / "90_tiny.html").read_text(encoding="utf-8")


def test_mistakes_are_said_in_a_line(project, tmp_path, capsys):
    assert run("91", "--root", str(project)) == 2
    assert capsys.readouterr().err == "no lecture '91'; there are: 90_tiny\n"
    assert run("--root", str(tmp_path / "nowhere")) == 2
    assert "start this command in the project's folder" in capsys.readouterr().err
    lecture = project / "notebooks" / "90_tiny.ipynb"
    lecture.write_text(lecture.read_text(encoding="utf-8").replace("It comes to", r"$\\foo$"), encoding="utf-8")
    assert run("--root", str(project), "--out", str(project / "out")) == 1
    assert capsys.readouterr().err.startswith("notebooks/90_tiny.ipynb: no MathML for the formula")
