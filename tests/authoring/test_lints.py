"""Each lint with a good and a bad example."""

from types import SimpleNamespace

import pytest

from course_utils.classroom.predicting import Question
from course_utils.staff.authoring.build import new_lesson
from course_utils.staff.authoring.lints import (
    LINTS,
    cards,
    cells,
    code_style,
    figures,
    pages,
    palette_contrast,
    prose,
    tasks,
    teaching,
    turns,
)
from course_utils.staff.authoring.render import rendering


def texts(problems) -> list[str]:
    """The problems as "cell: text"."""
    return [f"{problem.cell}: {problem.text}" for problem in problems]


def test_every_lint_has_a_good_and_a_bad_example_here():
    tests = set(globals())
    assert [lint.__name__ for lint in LINTS if f"test_{lint.__name__}" not in tests] == ["prose_numbers"]
    assert {"test_prose_numbers_that_an_output_shows", "test_prose_numbers_that_no_output_shows"} <= tests


def test_a_good_lecture_has_no_problem(make):
    good = make.notebook(
        make.md("title", "# Lecture"),
        make.md("product-section", "## Product", ("card:C02",)),
        make.code("product", "print(2)", (make.stdout("2\n"),)),
    )
    good.course["built_from"] = "0"
    assert [problem for lint in LINTS for problem in lint(good)] == []


# ---- cells -----------------------------------------------------------------------------------------------------------


def test_course_metadata(make):
    good = make.notebook(make.md("title", "# T"))
    assert cells.course_metadata(good) == []
    bad = make.notebook(make.md("title", "# T"))
    bad.course.update(minutes="45", kind="exercise", device="gpu")
    del bad.course["built_from"]
    assert texts(cells.course_metadata(bad)) == [
        ": metadata.course: minutes is '45', not of type int",
        ": metadata.course: built_from is None, not of type str",
        ": metadata.course: kind is 'exercise', not 'lecture'",
        ": metadata.course: device is 'gpu', not one of cpu, any",
    ]


def test_cell_ids(make):
    good = [make.md(name, "x") for name in ("why-order-matters", "e01-2", "e01-2-check", "product", "step-2")]
    assert cells.cell_ids(make.notebook(*good)) == []
    bad = [
        "3f2a9c1d",
        "cell-12",
        "Why",
        "a",
        "1st",
        "b_c",
        "twice",
        "twice",
        "",
        "5e3c9d71-aa0b-4c7e-9f1e-0123456789ab",
    ]
    found = texts(cells.cell_ids(make.notebook(*(make.md(name, "x") for name in bad))))
    assert found[0] == "twice: two cells have this id"
    assert {text.split(":")[0] for text in found[1:]} == set(bad) - {"twice"}


def test_code_length(make):
    assert cells.code_length(make.notebook(make.code("long", "\n".join(["x = 1"] * 30)))) == []
    bad = make.notebook(make.code("long", "\n".join(["x = 1"] * 31)), make.code("empty", " \n"))
    found = texts(cells.code_length(bad))
    assert found[0].startswith("long: 31 lines") and found[1].startswith("empty: an empty code cell")


@pytest.mark.parametrize(
    "trace", ["/home/ada/x", "/root/x", "/Users/ada/x", r"C:\Users\ada", "<A at 0x7f3a2b1c>", "/tmp/abc"]
)
def test_machine_traces(make, trace):
    good = make.notebook(make.md("a", "the root / home/ of all"), make.code("b", "print('home/x')"))
    assert cells.machine_traces(good) == []
    for cell in [
        make.md("where", f"Look into {trace}."),
        make.code("where", f"open({trace!r})"),
        make.code("where", "x", (make.stdout(trace),)),
    ]:
        assert len(cells.machine_traces(make.notebook(cell))) == 1


def test_measured_cells(make):
    compared = "# NBVAL_CHECK_OUTPUT\nprint(1)"
    good = make.notebook(make.code("seconds", "print(1)", tags=("measured",)), make.code("sum", compared))
    assert cells.measured_cells(good) == []
    assert len(cells.measured_cells(make.notebook(make.code("seconds", compared, tags=("measured",))))) == 1


# ---- prose -----------------------------------------------------------------------------------------------------------


def prose_numbers(make, text: str, output: str = "", source: str = "pass") -> list[str]:
    notebook = make.notebook(make.md("text", text), make.code("run", source, (make.stdout(output),)))
    return [problem.text.split(" ")[0] for problem in prose.prose_numbers(notebook)]


@pytest.mark.parametrize(
    "text, output",
    [
        ("It is 0.04.", "0.04000000000000001"),
        ("The log is −3.22, or -3.219.", "-3.2188758248682006"),
        ("3.22 nats below.", "-3.2188758248682006"),
        ("About 2303 nats, 2,303 in all.", "2302.585"),
        ("6,587,285,504 bytes.", "6587285504"),
        ("That is 4.2% of all, or 4 %.", "0.0423"),
        ("A ratio of 5.18e21.", "5.184705528587072e+21"),
        ("From 0.5–0.8, (0.5)", "0.5 0.8"),
        ("Task E01.2, version 3.11.4, x2, 17 and 324 are none.", ""),
        ("Formula $0.7$, $$\n0.71\n$$ and `0.72` and [here](x0.73.md), <b style='a:0.74'>b</b>.", ""),
        ("```\n0.75\n```\n<!-- 0.76 -->", ""),
        ("Half way: 0.5, 0.13.", "0.125 0.5"),
        ("All digits of 123456789012345678901234567890123.5.", "123456789012345678901234567890123.5"),
    ],
)
def test_prose_numbers_that_an_output_shows(make, text, output):
    assert prose_numbers(make, text, output) == []


@pytest.mark.parametrize(
    "text, output, found",
    [
        ("It is 0.05.", "0.04000000000000001", ["0.05"]),
        ("The log is −3.22.", "3.2188758248682006", ["−3.22"]),
        ("The log is -3.21.", "-3.2188758248682006", ["-3.21"]),
        ("2302 nats", "2302.585", ["2302"]),
        ("50,258 tokens", "50257", ["50,258"]),
        ("0.042 and 0.04", "0.04", ["0.042"]),
        ("4.3%", "0.0423", ["4.3%"]),
        ("Costs $ 0.50 here", "", ["0.50"]),
    ],
)
def test_prose_numbers_that_no_output_shows(make, text, output, found):
    assert prose_numbers(make, text, output) == found


def test_prose_numbers_may_stand_in_code_but_not_in_measured_outputs(make):
    assert prose_numbers(make, "It is 0.37.", source="x = 0.37") == []
    measured = make.code("run", "clock()", (make.stdout("0.37 s"),), ("measured",))
    assert len(prose.prose_numbers(make.notebook(make.md("text", "It took 0.37 s."), measured))) == 1
    solution = make.notebook(make.md("text", "It is 0.37."), folder="solutions")
    assert prose.prose_numbers(solution) == []


def text_and_outputs(make, *outputs: str, headings: dict[int, str] | None = None):
    """A text that says 0.25, then code cells with these outputs; before some of them a heading."""
    cells = [make.md("text", "It is 0.25.")]
    for at, output in enumerate(outputs):
        cells += [make.md(f"heading-{at}", headings[at])] if at in (headings or {}) else []
        cells.append(make.code(f"run-{at}", "f()", (make.stdout(output),) if output else ()))
    return cells


def test_prose_numbers_are_looked_for_near_the_text(make):
    def found(cells):
        return texts(prose.prose_numbers(make.notebook(make.md("title", "# T"), *cells)))

    fault = ["text: 0.25 is in no output and no code cell near this text"]
    assert found(text_and_outputs(make, "1", "0.25")) == []
    assert found(text_and_outputs(make, "1", "2", "0.25")) == fault, "after: over two outputs"
    assert found(text_and_outputs(make, "1", "", "", "0.25")) == [], "cells without an output do not count"
    back = text_and_outputs(make, "0.25", "1", "2")
    assert found([*back[1:], back[0]]) == [], "before: over three"
    back = text_and_outputs(make, "0.25", "1", "2", "3")
    assert found([*back[1:], back[0]]) == fault
    assert found(text_and_outputs(make, "1", "0.25", headings={1: "## Another section"})) == fault
    assert found(text_and_outputs(make, "1", "0.25", headings={1: "### Its own section"})) == []
    summary = [*text_and_outputs(make, "0.25", "1", "2", "3")[1:], make.md("summary", "## Summary\n\n0.25 and 0.26")]
    assert found(summary) == ["summary: 0.26 is in no output and no code cell near this text"]


def test_a_number_that_changed_in_one_cell_is_not_found_in_another(make):
    cells = [make.md("title", "# T")]
    for section in ("one", "two"):
        cells.append(make.md(section, f"## {section}"))
        cells.append(make.code(f"run-{section}", "f()", (make.stdout("0.25"),)))
        cells.append(make.md(f"text-{section}", "It is 0.25."))
    assert prose.prose_numbers(make.notebook(*cells)) == []
    cells[2] = make.code("run-one", "f()", (make.stdout("0.35"),))
    assert [problem.cell for problem in prose.prose_numbers(make.notebook(*cells))] == ["text-one"]


def test_right_answers(make, monkeypatch):
    asked = Question("How much is it?", {"A": "0.5", "B": "0.25, or 7 of 28"}, {"A": "", "B": ""}, "B")
    monkeypatch.setattr(prose, "questions", lambda lesson: {"much": asked})

    def found(output, source="f()", tags=()):
        question = make.code("ask", 'predict("90.much", guess="")', tags=("predict",))
        shown = make.code("run", source, (make.stdout(output),), tags)
        elsewhere = make.code("else", "g()", (make.stdout("0.25 28"),))
        cells = [
            make.md("title", "# T"),
            make.md("part", "## One"),
            question,
            shown,
            make.md("next", "## Two"),
            elsewhere,
        ]
        return texts(prose.right_answers(make.notebook(*cells)))

    said = "which its right answer says"
    assert found("7 / 28 = 0.2500") == []
    assert found("7 / 28 = 0.2600") == [f"ask: no output of its section shows 0.25, {said}"]
    assert found("0.25") == [f"ask: no output of its section shows {number}, {said}" for number in ("7", "28")]
    assert len(found("", "print(7, 28, 0.25)")) == 3, "in code only"
    assert len(found("7 / 28 = 0.2500", tags=("measured",))) == 3


def test_numbers_in_html_outputs_count_without_their_tags(make):
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": '<b style="width: 0.9em">0.25</b>'}}
    notebook = make.notebook(make.md("text", "0.25, not 0.9"), make.code("run", "pass", (html,)))
    assert [problem.text.split()[0] for problem in prose.prose_numbers(notebook)] == ["0.9"]


def test_heading_levels(make):
    def found(*headings):
        return texts(prose.heading_levels(make.notebook(*(make.md(f"part-{i}", h) for i, h in enumerate(headings)))))

    assert found("# A", "## B\n\n### C", "## D", "```\n# no heading\n```") == []
    assert found("# A", "### C") == ["part-1: heading level 3 comes below level 1"]
    assert found("# A", "# B") == ["part-1: a second heading of level 1"]
    assert found("## A")[0] == "part-0: heading level 2 comes below level 0"
    assert found("text") == [": has no heading"]


def test_headings_stand_in_markdown_only(make):
    def found(cell):
        return texts(prose.heading_levels(make.notebook(make.md("title", "# T"), cell)))

    def output(kind, text):
        return make.code("run", "x", ({"output_type": "display_data", "metadata": {}, "data": {kind: text}},))

    fine = [
        make.md("part", "`<h2>` and **bold**"),
        output("text/markdown", "**A** #1"),
        output("text/html", "<p>#</p>"),
    ]
    assert [found(cell) for cell in fine] == [[], [], []]
    for cell in (output("text/markdown", "Text\n\n## Part"), output("text/html", "<H3>Part</H3>")):
        assert found(cell) == ["run: a heading in its output: write it in a markdown cell"]
    assert found(make.md("part", "<h2>Part</h2>")) == ["part: a heading in HTML: write it as #, ##, ..."]


def test_pages(tmp_path):
    (tmp_path / "teaching").mkdir()
    page = tmp_path / "teaching" / "90_tiny.md"
    (tmp_path / "tree.png").write_bytes(b"")

    def found(text):
        page.write_text(text, encoding="utf-8")
        return [str(problem).removeprefix("teaching/90_tiny.md: ") for problem in pages(tmp_path)]

    assert found("# A\n\n```\n# comment\n```\n\n## B\n\n![a tree](../tree.png)\n") == []
    assert found("# A\n\n### B\n") == ["heading level 3 comes below level 1; change it"]
    assert found("# A\n\n![](../tree.png)\n") == ["a picture without a text that says what it shows; change it"]
    assert found("text\n") == ["has no heading; change it"]
    assert found("# A\n\n[a](90_tiny.md) [b](#a) [c](https://example.org) `[d](none.md)`\n") == []
    assert found("# A\n\n[a](tree.png)\n") == ["the link tree.png leads nowhere; change it"]


def test_formulas(make):
    fine = r"$\Pr(x)$ and `$\foo$` and $$\operatorname{arg\,max}_\theta \frac{1}{2}$$"
    assert prose.formulas(make.notebook(make.md("text", fine))) == []
    found = texts(prose.formulas(make.notebook(make.md("text", r"So $\Pr(x)$, and $\foo x$."))))
    assert found == [r"text: no MathML for the formula '\\foo x': it keeps '\\foox'"]
    for latex, faults in ((r"$\Pr(x)$", 0), (r"\begin{align} a &= \foo b \end{align}", 1), (r"Text and $\foo$", 1)):
        output = {"output_type": "display_data", "metadata": {}, "data": {"text/latex": latex}}
        assert len(prose.formulas(make.notebook(make.code("show", "x", (output,))))) == faults, latex


def test_links(make, project):
    def found(text, folder="notebooks"):
        return texts(prose.links(make.notebook(make.md("text", f"# My title\n\n{text}"), folder=folder, root=project)))

    assert found("[a](90_tiny.ipynb) [b](90_tiny.ipynb#A-product) [c](#My-title) [d](https://example.org)") == []
    assert found("[a](exercises/90_tiny.ipynb)") == []
    assert found("[a](../exercises/90_tiny.ipynb) [b](../README.md) `[c](nowhere.md)` <a href='#my-title'>x</a>") == []
    assert found("[a](../90_tiny.ipynb) [b](90_tiny.ipynb)", "solutions") == []
    assert found("![a](attachment:a.png)") == ["text: the picture attachment:a.png is not in the cell: paste it again"]
    pasted = make.md("text", "![a](attachment:a%20b.png)") | {"attachments": {"a b.png": {"image/png": "iVBORw0KGgo="}}}
    assert prose.links(make.notebook(pasted)) == []
    for bad in ("[a](91_none.ipynb)", "[a](90_tiny.ipynb#No-such)", "[a](#No-such)", "<a href='x.md'>x</a>"):
        assert len(found(bad)) == 1, bad


def test_ways_on(make, project):
    """To the twin and to the next lecture, where there are any."""

    def found(text, folder="notebooks", lesson="90_tiny"):
        cell = make.md("text", f"# My title\n\n{text}")
        problems = prose.ways_on(make.notebook(cell, folder=folder, root=project, lesson=lesson))
        return [problem.text for problem in problems]

    assert found("[a](exercises/90_tiny.ipynb)") == []
    assert found("[a](../90_tiny.ipynb#A-product)", "solutions") == []
    assert found("no link") == ["has no link to exercises/90_tiny.ipynb"]
    assert found("no link", "solutions") == ["has no link to ../90_tiny.ipynb"]
    assert found("the lesson before that of the project", lesson="89_small") == ["has no link to 90_tiny.ipynb"]
    assert found("[next](90_tiny.ipynb)", lesson="89_small") == []
    assert found("the last lesson", lesson="91_large") == []


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_alt_texts(make):
    good = make.notebook(
        make.code("tree", "figure()", (make.picture("a tree & its leaves"),)),
        make.md("photo", "![a tree](tree.png)"),
        make.code("plain", "x", (make.stdout("1"),)),
    )
    assert figures.alt_texts(good) == []
    bare = make.picture("x")
    del bare["data"]["text/html"]
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<img src='x'>"}}
    titled, untitled = (
        {**html, "data": {"image/svg+xml": f"<svg>{title}</svg>"}} for title in ("<title>A</title>", "")
    )
    assert figures.alt_texts(make.notebook(make.code("tree", "x", (titled,)))) == []
    for output in (make.picture(""), make.picture("a tree", plain="<Figure size 640x480>"), bare, html, untitled):
        assert len(figures.alt_texts(make.notebook(make.code("tree", "x", (output,))))) == 1
    for text in ("![](tree.png)", "<img src='tree.png'>"):
        assert len(figures.alt_texts(make.notebook(make.md("photo", text)))) == 1


@pytest.mark.parametrize(
    "page, fault",
    [
        ('<span style="color: #FFFFFF; background: #0072B2">token</span>', ""),
        ("<span style='background-color:black;color:white'>token</span>", ""),
        ('<p style="background: #FFFFFF; color: black">a <b style="color: #0072B2">b</b> <br> c</p>', ""),
        ('<p style="color: white"><b style="background: #0072B2">b</b></p>', ""),
        ('<p>plain</p><p style="max-width: 100%">plain</p>', ""),
        ('<p style="background: #FFFF00; width: 3em">token</p>', "text on #FFFF00 has no colour of its own"),
        ('<p style="color: #595959">token</p>', "text in #595959 has no ground of its own"),
        ("<p style='background: #FFFF00; color: #FFFFFF'>token</p>", "#FFFFFF on #FFFF00 has contrast 1.07"),
        ('<p style="color:#777777;background-color:white">token</p>', "#777777 on white has contrast 4.48"),
        ('<p style="background: black; color: white">a <b style="color: navy">b</b></p>', "navy on black has"),
        ('<p style="background: rgb(0, 0, 0); color: white">a</p>', "white on rgb(0, 0, 0): write colours as"),
        ('<td style="background: #D55E00; color: black"> </td>', "a ground of #D55E00 without a word"),
    ],
)
def test_html_contrast(make, page, fault):
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": f"<div>Text {page} text</div>"}}
    for cell in (make.code("tokens", "x", (html,)), make.md("tokens", page)):
        found = texts(figures.html_contrast(make.notebook(cell)))
        assert len(found) == bool(fault) and "".join(found).startswith(f"tokens: {fault}" if fault else "")


def test_palette_contrast():
    assert palette_contrast(["#000000", "#0072B2", "#595959"]) == []
    found = [problem.text for problem in palette_contrast(["#F0E442", "#000000", "#777777"])]
    assert [text[:25] for text in found] == ["#F0E442 has contrast 1.32", "#777777 has contrast 4.48"]


# ---- cards -----------------------------------------------------------------------------------------------------------


def test_card_tags(make):
    good = make.notebook(make.md("part", "## Part\n\nText", ("card:S1", "card:Q01")))
    assert cards.card_tags(good) == []
    assert cards.card_tags(make.notebook(*make.answer_and_check(), folder="solutions")) == []
    bad = make.notebook(make.md("part", "## Part", ("card:Z9",)), make.md("text", "Text.", ("card:S1",)))
    assert texts(cards.card_tags(bad)) == [
        "part: there is no card Z9 in cards.toml",
        "text: card:S1 belongs on a cell with a heading",
    ]
    bad = make.notebook(make.md("part", "## Part", ("card:S1",)), folder="solutions")
    assert texts(cards.card_tags(bad)) == ["part: card:S1 belongs on the header of a task"]


def test_card_numbers(make):
    def found(output, *more):
        shown = make.code("run", "pass", (make.stdout(output),))
        heading = make.md("part", "## Part", ("card:Q06",))  # its answer: -4.7, probability 0.0091
        return texts(cards.card_numbers(make.notebook(heading, shown, *more)))

    after = make.code("later", "pass", (make.stdout("0.0091"),))
    assert found("-4.699999999999999 0.009095") == []
    assert found("-4.7", make.md("deeper", "### Deeper"), after) == []
    assert found("-4.7", make.md("next", "## Next"), after) == ["part: card Q06: no output of its section shows 0.0091"]
    assert found("4.7 0.0091") == ["part: card Q06: no output of its section shows -4.7"]


def test_card_list(make):
    def found(listed):
        part = make.md("part", "## Part", ("card:S1", "card:Q01"))
        return texts(cards.card_list(make.notebook(part, make.md("cards", f"## Cards covered\n\n{listed}"))))

    assert found("| Q01 | Part |\n| S1 | Part |") == []
    assert found("S1, C02") == ["cards: C02, Q01: either listed here or tagged on a section, not both"]


def test_teaching_notes(make, tmp_path):
    (tmp_path / "teaching").mkdir()

    def found(notes):
        (tmp_path / "teaching" / "90_tiny.md").write_text(notes, encoding="utf-8")
        sections = (make.md(name, f"## {name}") for name in ("one", "two", "three"))
        return [str(problem) for problem in teaching.teaching_notes(make.notebook(*sections, root=tmp_path))]

    assert found("# Notes\n\n## one\n\n### more\n\n## three\n\n## Exercise 90\n") == []
    fault = "teaching/90_tiny.md: not the lecture's:"
    assert found("## one\n\n## four\n") == [f"{fault} four; change it"]
    assert found("## two\n\n## one\n") == [f"{fault} the order of the sections; change it"]


def test_teaching_minutes(make, tmp_path):
    """The lecture takes 10 minutes."""
    (tmp_path / "teaching").mkdir()

    def found(notes):
        (tmp_path / "teaching" / "90_tiny.md").write_text(notes, encoding="utf-8")
        problems = teaching.teaching_minutes(make.notebook(make.md("title", "# T"), root=tmp_path))
        return [str(problem).removeprefix("teaching/90_tiny.md: ").removesuffix("; change it") for problem in problems]

    fine = "# T\n\n10 minutes. Go.\n\n## A\n\n7 minutes, alone. Go.\n\n## B\n\n3 minutes.\n\n## Next\n\n{}\n"
    assert found(fine.format("No time of its own. Exercise 90 takes about 75 minutes.")) == []
    assert found(fine.format("On to the next.") + "\n## Exercise 90\n\nAbout 30 minutes, alone.\n") == []
    sections = "its sections take 11 minutes together, the lecture 10"
    assert found(fine.format("1 minute. Go.")) == [sections]
    assert found(fine.format("").replace("10 minutes", "12 minutes")) == [
        "it says 12 minutes at its beginning, the lecture 10"
    ]
    clock = '"Next" begins with minutes that are not its own: say first how long it takes itself'
    assert found(fine.format("Exercise 90 takes about 75 minutes.")) == [clock]


# ---- tasks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry(monkeypatch):
    """The checks of one lesson with one task: E90.1, `half`, 1 point."""
    monkeypatch.setattr(tasks, "lessons", lambda: ["90"])
    monkeypatch.setattr(tasks, "tasks", lambda number: ["E90.1"])
    monkeypatch.setattr(tasks, "max_points", lambda task: 1.0)
    monkeypatch.setattr(tasks, "load_probe", lambda task: SimpleNamespace(function="half"))


def solution(make, *cells):
    return make.notebook(*cells, folder="solutions")


def test_complete_tasks(make, registry):
    assert tasks.complete_tasks(solution(make, *make.answer_and_check())) == []
    header, answer, check = make.answer_and_check()
    assert texts(tasks.complete_tasks(solution(make, answer))) == ["e90-1-task: is missing", "e90-1-check: is missing"]
    assert texts(tasks.complete_tasks(solution(make, header, check))) == ["e90-1: is missing"]


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("### E90.1 Half", "### E90.2 Half", "its first line is"),
        ("Difficulty ●○○ · ", "", "needs the line"),
        ("2 minutes", "some minutes", "needs the line"),
        ("1 point", "2 points", "says 2 points, the judge gives 1"),
        ("* `half(x)` returns", "Returns", "needs the contract as a list"),
        ("<details>", "<div>", "needs <details>"),
        ("Help: my value is twice as large", "", "needs <details>"),
        ("Divide, do not multiply.", "", "needs <details>"),
        ("Reread: ", "See ", "needs the line"),
    ],
)
def test_task_headers(make, registry, old, new, fault):
    assert tasks.task_headers(solution(make, make.md("e90-1-task", make.HEADER))) == []
    found = tasks.task_headers(solution(make, make.md("e90-1-task", make.HEADER.replace(old, new))))
    assert [problem.text.startswith(fault) for problem in found] == [True]


def test_an_open_task_has_no_points_in_its_header(make, registry):
    text = make.HEADER.replace("1 point", "open question, marked by a person").replace("E90.1", "E90.2")
    assert tasks.task_headers(solution(make, make.md("e90-2-task", text))) == []


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("# E90.1\n", "", "its first line is"),
        ("def half(x)", "def halve(x)", "defines no function half"),
        ('    """Half of x, a float."""\n', "", "its function needs a docstring"),
        ("def half", "def def half", "does not parse"),
        ("    ### BEGIN SOLUTION\n", "", "### BEGIN SOLUTION and"),
        ("    return x / 2\n    ### END SOLUTION", "    return x / 2\n\n\n### END", "### BEGIN SOLUTION and"),
        ("def half(x):", "def half(x):\n    pass\n\n\nif 1:", "### BEGIN SOLUTION and"),
    ],
)
def test_answer_cells(make, registry, old, new, fault):
    assert tasks.answer_cells(solution(make, *make.answer_and_check())) == []
    found = tasks.answer_cells(solution(make, *make.answer_and_check(make.ANSWER.replace(old, new))))
    assert any(problem.text.startswith(fault) for problem in found)


def test_an_answer_of_two_functions_has_a_solution_in_each(make, registry):
    second = make.ANSWER.replace("# E90.1\n", "\n\n").replace("def half", "def quarter")
    assert tasks.answer_cells(solution(make, *make.answer_and_check(make.ANSWER + second))) == []
    again = make.ANSWER + second.partition("    ### BEGIN")[1] + second.partition("    ### BEGIN")[2]
    found = tasks.answer_cells(solution(make, *make.answer_and_check(again)))
    assert any(problem.text.startswith("### BEGIN SOLUTION and") for problem in found)


def test_answer_cells_need_tag_and_metadata(make, registry):
    found = texts(tasks.answer_cells(solution(make, make.code("e90-1", make.ANSWER, solution=True, schema_version=2))))
    assert found == ["e90-1: needs the tag answer", "e90-1: metadata.nbgrader needs schema_version = 3"]
    found = texts(tasks.answer_cells(solution(make, make.code("my-answer", make.ANSWER, tags=("answer",)))))
    assert found == ["my-answer: the id of an answer cell looks like e01-2"]


def test_check_cells(make, registry):
    graded = {"grade": True, "locked": True, "points": 1}
    good = make.code("e90-1-check", make.CHECK, (), ("check",), **graded)
    assert tasks.check_cells(solution(make, good)) == []

    def found(text=make.CHECK, name="e90-1-check", tags=("check",), **changes):
        return texts(tasks.check_cells(solution(make, make.code(name, text, (), tags, **(graded | changes)))))

    assert found(make.CHECK + " == 1")[0].startswith("e90-1-check: its source is the two lines")
    assert found(make.CHECK.replace("E90.1", "E90.2"))[0].startswith("e90-1-check: its source is the two lines")
    assert found(points=2) == ["e90-1-check: metadata.nbgrader.points is 2, the judge gives 1"]
    assert found(locked=False) == ["e90-1-check: metadata.nbgrader needs locked = True"]
    assert found(tags=()) == ["e90-1-check: needs the tag check"]
    for value, faults in (("1.0", []), ("0.0", ["e90-1-check: gives the solution 0.0 of 1 points"])):
        output = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": value}, "execution_count": 1}
        checked = make.code("e90-1-check", make.CHECK, (make.stdout("E90.1"), output), ("check",), **graded)
        assert texts(tasks.check_cells(solution(make, checked))) == faults
    assert found(name="last-check") == ["last-check: the id of a check cell looks like e01-2-check"]


def test_filled_in(make, registry):
    assert tasks.filled_in(solution(make, *make.answer_and_check())) == []
    text = rendering.plainly_filled(
        "lesson/task.txt",
        number="90",
        task=1,
        card="Q01",
        points=2,
        section="A",
        lesson="90_tiny",
        anchor="A",
        function="f",
    )
    header, answer, _ = new_lesson.notebook(text, "solutions", "90_tiny", 0)["cells"]
    for cell in (header, answer):
        (problem,) = tasks.filled_in(make.notebook(cell, folder="solutions"))
        assert "still says what the template says" in problem.text
    parts = (
        "### E90.1 *A title*",
        "* *Each argument.*",
        "<details><summary>Help: *the symptom*</summary>",
        '    """*In.*"""',
        "*What is asked for.*",
    )
    for part in parts:
        assert len(tasks.filled_in(solution(make, make.md("e90-1-task", part)))) == 1, part
    for part in ("### E90.1 A *good* title", "* *Each* argument.", "A *remark*.", '"""Half of *x*."""'):
        assert tasks.filled_in(solution(make, make.md("e90-1-task", part))) == [], part


def test_known_mistakes(make, registry, monkeypatch):
    mutants = SimpleNamespace(wrong_answers={"E90.1": ["a", "b"]}, right_answers={"E90.1": ["c"]})
    monkeypatch.setattr(tasks, "load_mutants", lambda lesson: SimpleNamespace(MUTANTS=mutants))
    notebook = solution(make, *make.answer_and_check())
    assert tasks.known_mistakes(notebook) == []
    file = "course_utils/staff/judging/lesson_90/mutants.py"
    fault = [f"e90-1: {file} needs 2 mistakes of E90.1 at least, and an unusual right answer"]
    for wrong, right in (
        ({}, mutants.right_answers),
        ({"E90.1": ["a"]}, mutants.right_answers),
        (mutants.wrong_answers, {}),
    ):
        both = SimpleNamespace(wrong_answers=wrong, right_answers=right)
        monkeypatch.setattr(tasks, "load_mutants", lambda lesson, both=both: SimpleNamespace(MUTANTS=both))
        assert texts(tasks.known_mistakes(notebook)) == fault


def test_open_tasks(make, registry):
    text = "<!-- BEGIN SOLUTION -->\nBecause.\n<!-- END SOLUTION -->"
    good = make.md("e90-2", text, ("answer",), solution=True, grade=True, points=4)
    assert tasks.open_tasks(solution(make, good)) == []
    found = texts(tasks.open_tasks(solution(make, make.md("e90-2", "Because.", ("answer",), solution=True))))
    assert [text.split()[1] for text in found] == ["metadata.nbgrader", "put", "needs"]


# ---- code ------------------------------------------------------------------------------------------------------------


def test_code_style(project):
    assert code_style(project, ["."]) == []
    (project / "unused.py").write_text("import os\n\nx=1\n", encoding="utf-8")
    assert [str(problem) for problem in code_style(project, ["."])] == [
        "unused.py: F401, line 1: `os` imported but unused; change it",
        "unused.py: not in ruff's format; `ruff format unused.py`",
    ]
    (project / "unused.py").write_text("def\n", encoding="utf-8")
    assert any("line 1" in str(problem) for problem in code_style(project, ["unused.py"]))


# ---- the reader's turn -----------------------------------------------------------------------------------------------

TURN = '''\
# NBVAL_CHECK_OUTPUT
# 90.a
def half(x):
    """Half of x."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


check("90.a")'''


@pytest.fixture
def turn(monkeypatch):
    """The checks of one lecture with one question: 90.a, `half`, of which a mistake is known."""
    monkeypatch.setattr(turns.registry, "lessons", lambda: ["90"])
    monkeypatch.setattr(turns.registry, "turns", lambda number: ["90.a"])
    monkeypatch.setattr(turns, "load_probe", lambda task: SimpleNamespace(function="half"))
    known = SimpleNamespace(MUTANTS=SimpleNamespace(wrong_answers={"90.a": ["x"]}))
    monkeypatch.setattr(turns, "load_mutants", lambda number: known)


def lecture_with(make, text=TURN, posed="**Your turn.** Halve.", name="turn-90-a", tags=("answer",), said="right"):
    cell = make.code(name, text, (make.stdout(f"90.a half: {said}\n"),), tags)
    return make.notebook(make.md("posed", posed), cell, make.code("after", 'print("half")'))


def test_turn_cells(make, turn, monkeypatch):
    assert turns.turn_cells(lecture_with(make)) == []
    assert turns.turn_cells(make.notebook(make.code("turn-90-a", TURN), folder="solutions")) == []
    assert texts(turns.turn_cells(make.notebook(make.md("title", "# Lecture")))) == ["turn-90-a: is missing"]
    for fault, changes in {
        "needs the tag answer": {"tags": ()},
        'the text above it says what to write, after "**Your turn.**"': {"posed": "Halve."},
        "its own solution is not right: 90.a half: not yet": {"said": "not yet"},
        "its solution has more than 4 lines: that is a task for the exercise": {
            "text": TURN.replace("    return", "    x += 0\n" * 4 + "    return")
        },
        'is # NBVAL_CHECK_OUTPUT, # 90.a, a function, and check("90.a") as its last line': {
            "text": TURN.replace('check("90.a")', 'check("90.b")')
        },
        "### BEGIN SOLUTION and ### END SOLUTION stand once each, inside the function's body": {
            "text": TURN.replace("    ### END SOLUTION\n", "")
        },
        "defines half and nothing else, with a docstring: what comes in, what goes out": {
            "text": TURN.replace("def half", "def third")
        },
        "has a line of more than 88 letters, which JupyterLab cuts off beside a table of contents": {
            "text": TURN.replace("Half of x.", "Half of x. " * 9)
        },
        "does not parse: expected ':', line 3": {"text": TURN.replace("(x):", "(x)")},
    }.items():
        assert f"turn-90-a: {fault}" in texts(turns.turn_cells(lecture_with(make, **changes))), fault
    assert any("like turn-01-a" in text for text in texts(turns.turn_cells(lecture_with(make, name="halve"))))
    needed = lecture_with(make)
    needed.cells[-1]["source"] = "print(half(3))"
    assert any("another cell needs half" in text for text in texts(turns.turn_cells(needed)))
    monkeypatch.setattr(turns.registry, "turns", lambda number: [])
    assert any("the probe of 90.a is missing" in text for text in texts(turns.turn_cells(lecture_with(make))))
