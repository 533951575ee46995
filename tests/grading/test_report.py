"""What a report tells people: feedback, the instructor's page, gradebooks for platforms, manual points, changes."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import pytest

from course_utils.staff.grading.intake import marks
from course_utils.staff.grading.intake.marks import BadMarks, Mark
from course_utils.staff.grading.intake.roster import BadRoster, Enrolled
from course_utils.staff.grading.intake.roster import read as read_roster
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.report import exports, feedback, overview, report
from course_utils.staff.grading.report.graded import Graded

EXERCISE = pristine.load("01")
NAME = EXERCISE.name
OPEN = EXERCISE.open_tasks[0]


def row(task, points, status="graded", message="", **more):
    return Row(task.id, points, task.max_points, status, message, **more)


def record(student, share=1.0, note="", file="01_chain_rule.ipynb", seconds=1.0, **changed):
    """A record with this share of every task's points; `changed` has other rows by the task's number (E01.2: n2)."""
    wrong = {"message": "" if share == 1 else "not right"}
    rows = [changed.get(f"n{task.id.partition('.')[2]}") or row(task, share * task.max_points, **wrong)
            for task in EXERCISE.tasks]  # fmt: skip
    return Record(student, NAME, "f" * 64, tuple(rows), file, note, seconds)


def graded(*records, **fields):
    return Graded(list(records), {NAME: EXERCISE}, {"seed": 7, "isolation": "bubblewrap"}, **fields)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


FAILED = row(
    EXERCISE.tasks[1], 0.0, message="you added; the chain rule multiplies", call="joint_prob([0.1, 0.5])",
    returned="0.6", misconception="sum_for_product",
)  # fmt: skip


# --- the feedback page ------------------------------------------------------------------------------------------------


def test_a_page_has_all_that_one_needs_to_act():
    html = feedback.page(record("adam", n2=FAILED), EXERCISE, "Adam A.")
    section = html[html.index('<section id="E01.2"') : html.index('<section id="E01.3"')]
    for part in ("0 of 2 points", "You added; the chain rule multiplies.", "<pre>joint_prob([0.1, 0.5])</pre>",
                 "<pre>0.6</pre>", "Hint: ", "“The start symbol and the tree”",
                 "check(&quot;E01.2&quot;)"):  # fmt: skip
        assert part in section
    assert "Adam A. (adam)" in html


def test_a_value_task_is_called_without_arguments():
    failed = row(EXERCISE.tasks[0], 0.0, message="that is a sum", returned="1.4")
    assert "<pre>e01_1()</pre>" in feedback.page(record("adam", n1=failed), EXERCISE)


def test_an_open_task_shows_what_a_person_gave():
    assert "up to 4" in feedback.page(record("adam"), EXERCISE)
    html = feedback.page(record("adam"), EXERCISE, marks={("adam", OPEN.id): Mark(3, "say <when> they are equal")})
    assert "3 of 4 points" in html and "say &lt;when&gt; they are equal" in html
    other = feedback.page(record("adam"), EXERCISE, marks={("eve", OPEN.id): Mark(3, "well done")})
    assert "well done" not in other


@pytest.mark.parametrize(
    ("status", "message", "file", "advice"),
    [
        ("invalid", "the file is empty", "a.ipynb", "The file is empty. Open your notebook"),
        ("missing", "no file for this exercise", "", "No file for this exercise. Hand in"),
        ("missing", "not answered yet", "a.ipynb", "it is an older copy"),
    ],
)
def test_one_reason_for_all_tasks_stands_there_once(status, message, file, advice):
    rows = [row(task, 0.0, status, message) for task in EXERCISE.tasks]
    html = feedback.page(Record("adam", NAME, "", tuple(rows), file), EXERCISE)
    assert html.count(advice) == 1 and '<section id="E01.1"' not in html and f'<section id="{OPEN.id}"' in html


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (
            "timeout",
            "your answer did not end within the time limit (10 CPU seconds, 60 in all)",
            "a loop that cannot end",
        ),
        ("memory", "the answer raised MemoryError: Unable to allocate 7 TiB", "far larger than the task needs"),
        ("error", "your answer ended the Python process (exit, kill or crash)", "Take out what ends Python"),
        ("error", "the answer cell raised SyntaxError: expected ':' (line 2)", "run all cells from the top"),
    ],
)
def test_where_nothing_came_back_there_is_advice_in_place_of_hints_about_values(status, message, advice):
    html = feedback.page(record("adam", n2=row(EXERCISE.tasks[1], 0.0, status, message)), EXERCISE)
    section = html[html.index('<section id="E01.2"') : html.index('<section id="E01.3"')]
    assert advice in section and "Hint: " not in section and "check(&quot;E01.2&quot;)" in section


class Tags(HTMLParser):
    """Which elements are opened and not closed, and which references leave the page."""

    def __init__(self, html):
        super().__init__()
        self.open, self.outside = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.outside += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("exercise", pristine.names())
def test_pages_of_every_exercise_are_whole_and_need_nothing_else(exercise):
    exercise = pristine.load(exercise)
    rows = tuple(row(task, 0.0, message="not right <b>", returned="<i>") for task in exercise.tasks)
    html = feedback.page(Record("adam", exercise.name, "", rows, "a.ipynb"), exercise)
    tags = Tags(html)
    assert tags.open == [] and tags.outside == []
    assert "<script" not in html and "<b>" not in re.sub(r"<b>\w+</b>", "", html) and "url(" not in html
    assert "$" not in re.sub(r"<(pre|code)>.*?</\1>", "", html, flags=re.S)


def with_hint(hint):
    """The exercise, its second task with this one hint."""
    changed = replace(EXERCISE)
    changed.__dict__["tasks"] = tuple(replace(task, hints=((hint, hint),)) for task in EXERCISE.tasks)
    return changed


def test_a_hint_is_markdown_with_formulas_and_one_that_cannot_be_shown_stays_as_it_is_written():
    html = feedback.page(record("adam", n2=FAILED), with_hint(r"the *limit* is $-\infty$, `a*b*c` [there](x.ipynb)"))
    for part in ("<em>limit</em>", "<math", "&#x0221E;", "<code>a*b*c</code> there"):
        assert html.count(part) == 2  # in its title, and in its text
    html = feedback.page(record("adam", n2=FAILED), with_hint(r"<b> $\notacommand{1}$ ![](none.png)"))
    assert r"Hint: &lt;b&gt; $\notacommand{1}$ ![](none.png)</summary>" in html


def test_paths_of_a_machine_are_cut_to_the_name_of_the_file():
    said = "FileNotFoundError: '/home/student/data/x.csv' near C:\\Users\\adam\\y.txt; 1/2/3 and a/b stay, /tmp/ too"
    failed = replace(FAILED, message=said, returned=said)
    html = feedback.page(record("adam", n2=failed), EXERCISE)
    assert "/home" not in html and "Users" not in html
    assert "x.csv" in html and "y.txt" in html and "1/2/3 and a/b stay" in html


# --- the instructor's page --------------------------------------------------------------------------------------------


def test_a_task_that_several_answered_and_nobody_solved_is_named():
    nobody = [record(name, n2=FAILED) for name in ("adam", "eve", "zoe")]
    assert [task.id for _, task in overview.broken(nobody, {NAME: EXERCISE})] == ["E01.2"]
    assert overview.broken([*nobody, record("max")], {NAME: EXERCISE}) == []
    assert overview.broken(nobody[:2], {NAME: EXERCISE}) == []
    html = overview.page(nobody, graded(*nobody), None)
    assert "nobody solved" in html and 'href="#E01.2"' in html


def test_mistakes_are_counted_by_student_and_named_for_instructors():
    twice = replace(FAILED, task="E01.1", max_points=1.0)
    records = [record("adam", n1=twice, n2=FAILED), record("eve", n2=FAILED), record("zoe")]
    html = overview.page(records, graded(*records), None)
    line = next(line for line in html.split("<tr>") if "Adds probabilities along a sequence" in line)
    assert '<td class="number">2</td>' in line and "E01.1, E01.2" in line and 'href="feedback/adam/' in line


def test_who_is_missing_late_or_unknown_is_listed_and_the_slowest_come_first():
    records = [record("adam", note="late by 2 h 0 min", seconds=3.0), record("eve", seconds=9.0)]
    absent = tuple(row(task, 0.0, "missing", "no file for this exercise") for task in EXERCISE.tasks)
    records.append(Record("zoe", NAME, "", absent))
    enrolled = {name: Enrolled(name, name.title(), None) for name in ("adam", "zoe")}
    html = overview.page(records, graded(*records, enrolled=enrolled), None)
    for what, who in (("late", "adam"), ("no file", "zoe"), ("not on the roster", "eve")):
        assert f'<li>{what}: <a href="feedback/{who}/{NAME}.html">{who}</a></li>' in html
    slow = html[html.index("slowest submissions") :]
    assert slow.index(">eve<") < slow.index(">adam<")
    assert Tags(html).open == []


def test_a_name_that_is_no_plain_word_keeps_its_link_and_stays_text():
    odd = '=x <b>"&#?'
    html = overview.page([record(odd)], graded(record(odd)), None)
    assert 'href="feedback/%3Dx%20%3Cb%3E%22%26%23%3F/' in html and "<b>" not in html


# --- what students write --------------------------------------------------------------------------------------------

HARM = "<script>1</script>{{ 7*7 }}{% raw %}<a href='javascript:x()'>\"'`**b** $x$ [l](javascript:x()) &lt; </pre>-->"


class Skeleton(HTMLParser):
    """The elements of a page with their attributes, where it links to, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.links, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name == "href"]
        self.elements.append((tag, [one for one in attributes if one[0] != "href"]))

    def handle_endtag(self, tag):
        self.elements.append((tag, "end"))

    def handle_data(self, data):
        self.text += data


def reports(place, harm):
    """The page of feedback and the overview where `harm` stands in one place; what was handed in otherwise is tame."""
    put = {name: harm if name == place else "tame" for name in PLACES}
    failed = row(EXERCISE.tasks[1], 0.0, message=put["message"], call=put["call"], returned=put["returned"])
    one = replace(record(put["student"], note=put["note"], file=put["file"], n2=failed), seconds=2.0)
    if place == "one reason":
        rows = tuple(row(task, 0.0, "invalid", harm) for task in EXERCISE.tasks)
        one = replace(one, rows=rows)
    given = {(one.student, OPEN.id): Mark(1, put["comment"])}
    known = {one.student: Enrolled(one.student, put["name"], None)}
    everything = graded(one, enrolled=known, marks=given)
    everything.about["ignored"] = [put["ignored"]]
    everything.about["isolation"] = put["isolation"]
    return feedback.page(one, EXERCISE, put["name"], given), overview.page([one], everything, None)


FEEDBACK, OVERVIEW, BOTH = (0,), (1,), (0, 1)
PLACES = {
    "student": BOTH, "name": BOTH, "note": BOTH, "message": BOTH, "file": FEEDBACK, "call": FEEDBACK,
    "returned": FEEDBACK, "comment": FEEDBACK, "one reason": FEEDBACK, "ignored": OVERVIEW, "isolation": OVERVIEW,
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_what_a_stranger_writes_is_text_wherever_it_stands(place):
    for number, (harmed, tame) in enumerate(zip(reports(place, HARM), reports(place, "tame"), strict=True)):
        found, wanted = Skeleton(harmed), Skeleton(tame)
        assert found.elements == wanted.elements
        assert all(link.startswith(("#", "feedback/", "gradebook.csv", "results.csv")) for link in found.links)
        assert (HARM in " ".join(found.text.split())) == (number in PLACES[place])


# --- gradebooks -------------------------------------------------------------------------------------------------------

MARKS = {("adam", OPEN.id): Mark(3.5, "nearly")}


def test_the_gradebook_has_two_columns_more_once_a_person_has_marked():
    plain = rows_of(report.gradebook([record("adam")], graded(record("adam"))))
    assert list(plain[0]) == ["student", NAME, "total", "max", "manual_max"]
    marked = rows_of(report.gradebook([record("adam")], graded(record("adam"), marks=MARKS)))
    assert list(marked[0].values()) == ["adam", "11", "11", "11", "4", "3.5", "14.5"]


def test_canvas_finds_the_student_and_the_points_that_are_possible():
    enrolled = {"eve": Enrolled("eve", "Eve E.", None, id="77", login="eve@x", section="B")}
    enrolled["ann"] = Enrolled("ann", "Ann A.", None, id="matriculation 5")
    records = [record("doejane_12"), record("eve", 0.0), record("ann")]
    everything = graded(*records, enrolled=enrolled, platform={"doejane_12": ("doejane", "12"), "ann": ("aann", "13")})
    header, possible, ann, jane, eve = csv.reader(io.StringIO(exports.canvas(records, everything)["canvas.csv"]))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
    assert possible == ["    Points Possible", "", "", "", "", "11"]
    assert ann[1] == "13"  # Canvas's own number, where it is known
    assert jane == ["doejane", "12", "", "doejane_12", "", "11"]
    assert eve == ["Eve E.", "77", "", "eve@x", "B", "0"]


def test_moodle_finds_the_participant_and_shows_the_messages_as_text():
    failed = replace(FAILED, message="<script> raised")
    records = [record("Jane Doe_4711", n2=failed, note="late by 1 d 0 h")]
    everything = graded(*records, platform={"Jane Doe_4711": ("Jane Doe", "4711")})
    (line,) = rows_of(exports.moodle(records, everything)[f"moodle/{NAME}.csv"])
    assert (line["Identifier"], line["Full name"]) == ("Participant 4711", "Jane Doe")
    assert (line["Grade"], line["Maximum Grade"], line["Last modified (grade)"]) == ("9", "11", "")
    assert "E01.2: 0 of 2 points. &lt;script&gt; raised" in line["Feedback comments"]
    assert line["Feedback comments"].endswith("<br>late by 1 d 0 h")


def test_a_name_leads_no_page_out_of_the_zip_file_for_moodle():
    everything = graded(record("x_7"), platform={"x_7": ("../..\\a/b\n\u202e", "7")})
    name = exports.FEEDBACK["moodle"](everything.records[0], everything)
    assert name == f".. a b_7_assignsubmission_file_/feedback_{NAME}.html"


def test_gradescope_gets_a_test_a_task():
    files = exports.gradescope([record("adam", n2=FAILED)], graded(record("adam", n2=FAILED), marks=MARKS))
    content = json.loads(files[f"gradescope/adam/{NAME}/results.json"])
    tests = {test["number"]: test for test in content["tests"]}
    assert list(tests) == [*(task.id for task in EXERCISE.tasks), OPEN.id]
    assert tests["E01.2"]["score"] == 0 and tests["E01.2"]["max_score"] == 2
    assert tests["E01.2"]["status"] == "failed" and "joint_prob([0.1, 0.5])" in tests["E01.2"]["output"]
    assert content["score"] == 9 + 3.5


def test_who_handed_in_nothing_has_a_blank_and_no_zero_on_a_platform():
    """One early hand-in must not write zeros for the rest of the class."""
    absent = replace(record("eve", 0.0), file="")
    on_paper = replace(record("max", 0.0), file="")
    everything = graded(record("adam", 0.0), absent, on_paper, marks={("max", OPEN.id): Mark(2)})
    by_student = {
        line[0]: line[-1]
        for line in csv.reader(io.StringIO(exports.canvas(everything.records, everything)["canvas.csv"]))
    }
    assert (by_student["adam"], by_student["eve"], by_student["max"]) == ("0", "", "2")
    lines = {
        line["Full name"]: line
        for line in rows_of(exports.moodle(everything.records, everything)[f"moodle/{NAME}.csv"])
    }
    assert {name: line["Grade"] for name, line in lines.items()} == {"adam": "0", "eve": "", "max": "2"}
    assert lines["eve"]["Feedback comments"] == "" and lines["eve"]["Status"] == "No submission"
    assert lines["adam"]["Feedback comments"]
    assert set(exports.gradescope(everything.records, everything)) == {
        f"gradescope/{who}/{NAME}/results.json" for who in ("adam", "max")
    }
    assert rows_of(report.gradebook(everything.records, everything))[1][NAME] == "0"  # our own tables have numbers


def test_the_maximum_is_that_of_the_exercises_that_count():
    other = pristine.load("02")
    rare = Record("adam", other.name, "", tuple(row(task, task.max_points) for task in other.tasks), "b.ipynb")
    everything = replace(graded(record("adam"), rare), exercises={NAME: EXERCISE, other.name: other}, counted=[NAME])
    (line,) = rows_of(report.gradebook(everything.records, everything))
    assert (line["max"], line["manual_max"]) == ("11", f"{EXERCISE.manual_points:g}")
    assert line["total"] == f"{11 + other.points:g}"


def test_what_was_set_aside_stands_in_the_row_of_its_student():
    everything = graded(record("adam"), record("eve"), aside={"adam": ["<b>.ipynb: older"]})
    html = overview.page(everything.records, everything, None)
    rows = html[html.index("<h2>Students") :].split("<tr>")
    (adam,) = [line for line in rows if line.startswith("<td>adam")]
    (eve,) = [line for line in rows if line.startswith("<td>eve")]
    assert "set aside: &lt;b&gt;.ipynb: older" in adam and "set aside" not in eve


def test_no_export_holds_a_formula():
    records = [record("=cmd()")]
    for path, text in (exports.canvas(records, graded(*records)) | exports.moodle(records, graded(*records))).items():
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert path and not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


# --- tables of the operator -------------------------------------------------------------------------------------------


def read_marks(tmp_path, text):
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    return marks.read(tmp_path / "points.csv", ["adam", "eve"], [EXERCISE])


@pytest.mark.parametrize("text", [
    "student,task,points,comment\nadam,E01.8,3.5,nearly\n\neve,E01.8,0,\n",
    "\ufeffStudent;Task;Points;Comment\r\nadam;E01.8;3.5;nearly\r\neve;E01.8;0;\r\n",
])  # fmt: skip
def test_manual_points_are_read_as_spreadsheets_write_them(tmp_path, text):
    assert read_marks(tmp_path, text) == {("adam", "E01.8"): Mark(3.5, "nearly"), ("eve", "E01.8"): Mark(0.0, "")}


def test_every_wrong_row_of_the_manual_points_has_its_line(tmp_path):
    wrong = ["adam,E01.8,5", "adam,E01.8,nan", "adam,E01.8,x", "adam,E01.1,1", "bob,E01.8,1", "adam,E01.8"]
    with pytest.raises(BadMarks) as raised:
        read_marks(tmp_path, "\n".join(["student,task,points", *wrong, "adam,E01.8,1", "adam,E01.8,2"]))
    lines = str(raised.value).splitlines()[1:]
    assert [re.search(r"line (\d+)", line)[1] for line in lines] == ["2", "3", "4", "5", "6", "7", "9"]
    assert "0 to 4 points" in lines[0] and "'bob'" in lines[4] and "twice" in lines[6]


def test_manual_points_without_their_columns(tmp_path):
    with pytest.raises(BadMarks, match="there is no task"):
        read_marks(tmp_path, "student,points\nadam,1\n")


def test_a_roster_says_more_where_it_can_and_a_day_ends_at_midnight(tmp_path):
    path = tmp_path / "students.csv"
    path.write_text("student;name;deadline;email\nadam;Adam A.;2026-01-01;a@x.org\neve;;2026-01-01 12:00;\n")
    read = read_roster(path)
    assert read["adam"].deadline == datetime(2026, 1, 2) and read["adam"].email == "a@x.org"
    assert read["eve"].deadline == datetime(2026, 1, 1, 12)
    path.write_text("student,name,deadline\nadam,A,\nadam,B,\n")
    with pytest.raises(BadRoster, match="line 3: adam stands there twice"):
        read_roster(path)


# --- again, with another seed -----------------------------------------------------------------------------------------


def again(tmp_path, seed, *records):
    everything = replace(graded(*records), about={"seed": seed, "isolation": "bubblewrap"})
    return report.write(tmp_path, everything)


def test_regrading_with_another_seed_tells_what_changed(tmp_path):
    assert again(tmp_path, 1, record("adam"), record("eve", n2=FAILED)) is None
    changes = again(tmp_path, 2, record("adam", n2=FAILED), record("eve"))
    assert (len(changes.rows), changes.higher, changes.lower) == (2, 1, 1)
    adam, eve = rows_of((tmp_path / "changes.csv").read_text(encoding="utf-8"))
    assert (adam["student"], adam["task"], adam["points_before"], adam["points"]) == ("adam", "E01.2", "2", "0")
    assert adam["message"].startswith("you added") and (eve["points_before"], eve["points"]) == ("0", "2")
    kept = (tmp_path / "changes.csv").read_bytes()
    assert again(tmp_path, 2, record("adam", n2=FAILED), record("eve")) is None  # the same command again
    assert (tmp_path / "changes.csv").read_bytes() == kept
    assert again(tmp_path, 3, record("adam", n2=FAILED), record("eve")).rows == []
    assert rows_of((tmp_path / "changes.csv").read_text(encoding="utf-8")) == []


def test_who_came_and_who_went_is_a_change(tmp_path):
    again(tmp_path, 1, record("adam"))
    changes = again(tmp_path, 1, record("eve"))
    assert {row[0] for row in changes.rows} == {"adam", "eve"} and (changes.higher, changes.lower) == (0, 0)
    assert not (tmp_path / "feedback" / "adam").exists()


def test_an_export_that_is_not_asked_for_again_does_not_stay_with_old_points(tmp_path):
    everything = graded(record("adam"), record("eve"))
    report.write(tmp_path, everything, ("canvas", "moodle", "gradescope"))
    assert (tmp_path / "canvas.csv").exists() and len(list(tmp_path.glob("gradescope/*/*/results.json"))) == 2
    report.write(tmp_path, graded(record("eve")), ("gradescope",))
    assert not (tmp_path / "canvas.csv").exists() and not (tmp_path / "moodle").exists()
    assert [path.name for path in (tmp_path / "gradescope").iterdir()] == ["eve"]
