"""Who handed in, and who of the roster that is."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from course_utils.staff.grading.intake.late import BadRule, late_rule
from course_utils.staff.grading.intake.named import Known
from course_utils.staff.grading.intake.roster import (
    BadRoster,
    Enrolled,
    lateness,
    match,
    read,
    teams,
    zone_named,
    zone_said,
)


def found(students, *lines):
    """Those that are matched; students: names, or pairs of what a platform calls them; lines: student, name, id."""
    handed_in = {
        one if isinstance(one, str) else "_".join(one): None if isinstance(one, str) else one for one in students
    }
    roster = {student: Enrolled(student, name, None, id=number) for student, name, number in lines}
    return {student: known for student, known in match(handed_in, roster).items() if known in roster}


MARIA = ("Maria Muster", "123")


@pytest.mark.parametrize(
    ("handed_in", "line"),
    [
        ("mmuster", ("mmuster", "", "")),
        ("MMuster", ("mmuster", "", "")),
        ("Maria Muster", ("mmuster", "Maria Muster", "")),
        (MARIA, ("123", "", "")),
        (MARIA, ("Maria Muster", "", "")),
        (MARIA, ("Maria Muster_123", "", "")),
        (MARIA, ("mmuster", "maria  MUSTER", "")),
        (MARIA, ("mmuster", "Muster, Maria", "")),
        (MARIA, ("mmuster", "Mary", "123")),
        (("mustermaria", "55"), ("mm", "Maria Muster", "")),
        (("m\u00fcllerj\u00f6rg", "55"), ("jm", "Jo\u0308rg Mu\u0308ller", "")),
        (("garc\u00edal\u00f3pezjos\u00e9", "5"), ("jg", "Jos\u00e9 Garc\u00eda L\u00f3pez", "")),
        (("obriensiobh\u00e1n", "5"), ("so", "Siobh\u00e1n O'Brien", "")),
    ],
)
def test_found(handed_in, line):
    assert list(found([handed_in], line, ("other", "Somebody Else", "9")).values()) == [line[0]]


@pytest.mark.parametrize(
    ("handed_in", "lines"),
    [
        (["max_2"], [("max", "Max", "")]),  # a folder of the operator's own is no name with a number
        ([("Anna Maria", "1")], [("am", "Anna", "")]),
        ([("Anna Schmidt", "1"), ("Anna Schmidt", "2")], [("as", "Anna Schmidt", "")]),
        ([("Anna Schmidt", "1")], [("as1", "Anna Schmidt", ""), ("as2", "Anna Schmidt", "")]),
        ([("", "7")], [("a", "", "")]),
    ],
)
def test_nobody_gets_what_may_be_of_another(handed_in, lines):
    assert found(handed_in, *lines) == {}


def test_the_surest_way_counts_first_and_a_line_is_one_persons():
    assert found(["max", "max_2"], ("max", "Max", "")) == {"max": "max"}
    assert found(["mmuster", MARIA], ("mmuster", "Maria Muster", "")) == {"mmuster": "mmuster"}
    twins = [("Anna Schmidt", "1"), ("Anna Schmidt", "2")]
    lines = [("as1", "Anna Schmidt", "1"), ("as2", "Anna Schmidt", "2")]
    assert found(twins, *lines) == {"Anna Schmidt_1": "as1", "Anna Schmidt_2": "as2"}
    names = [("Anna Maria", "1"), ("Maria Anna", "2")]
    assert found(names, ("am", "Anna Maria", ""), ("ma", "Maria Anna", "")) == {
        "Anna Maria_1": "am",
        "Maria Anna_2": "ma",
    }


# --- deadlines --------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def roster(tmp_path, *lines):
    (tmp_path / "students.csv").write_text("\n".join(["student,name,deadline", *lines]), encoding="utf-8")
    return read(tmp_path / "students.csv")


@pytest.mark.parametrize(
    ("deadline", "zone", "utc"),
    [
        ("2026-06-01T20:00+02:00", None, 18),
        ("2026-06-01 20:00+02:00", ZoneInfo("America/New_York"), 18),  # its own counts
        ("2026-06-01T20:00Z", BERLIN, 20),
        ("2026-06-01 20:00", BERLIN, 18),
        ("2026-06-01 20:00", UTC, 20),
    ],
)
def test_a_deadline_keeps_its_time_zone_and_else_has_the_one_that_is_named(tmp_path, deadline, zone, utc):
    when = roster(tmp_path, f"jane,,{deadline}")["jane"].deadline
    moment = datetime(2026, 6, 1, utc, tzinfo=UTC)
    assert lateness(moment, when, False, zone) == ""
    assert lateness(moment + timedelta(minutes=5), when, False, zone) == "late by 0 h 5 min"


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        ({"seconds": 1}, "0 h 1 min"),
        ({"minutes": 59, "seconds": 20}, "0 h 59 min"),
        ({"hours": 23, "minutes": 59}, "23 h 59 min"),
        ({"days": 1, "minutes": 1}, "1 d 0 h"),
        ({"days": 2, "hours": 5}, "2 d 5 h"),
    ],
)
def test_how_late_in_words(delay, words):
    deadline = datetime(2026, 6, 1, tzinfo=UTC)
    assert lateness(deadline + timedelta(**delay), deadline, False) == f"late by {words}"
    assert lateness(deadline - timedelta(**delay), deadline, True) == ""  # the roster's deadline counts


def test_without_a_deadline_the_platform_says_who_is_late():
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert lateness(now, None, False) == "" and lateness(now, None, True).startswith("late")


def test_a_deadline_without_a_time_is_the_end_of_that_day(tmp_path):
    lines = roster(tmp_path, "jane,,2026-06-01", "max,,2026-06-01 00:00", "eve,,")
    assert [line.deadline for line in lines.values()] == [datetime(2026, 6, 2), datetime(2026, 6, 1), None]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["jane,,", "jane,,"], "line 3: jane stands there twice"),
        (["jane,,", ",Max,"], "line 3: no student"),
        ([], "names nobody"),
        (["jane,,tomorrow"], "line 2: deadline 'tomorrow' is not a time"),
    ],
)
def test_a_roster_that_cannot_be_used(tmp_path, lines, said):
    with pytest.raises(BadRoster, match=said):
        roster(tmp_path, *lines)


def test_without_a_name_the_zone_is_that_of_the_machine():
    here = timezone(datetime(2026, 6, 1).astimezone().utcoffset())
    deadline = datetime(2026, 6, 1, 20)
    assert lateness(datetime(2026, 6, 1, 20, tzinfo=here), deadline, False) == ""
    assert lateness(datetime(2026, 6, 1, 21, tzinfo=here), deadline, False) == "late by 1 h 0 min"


def test_times_of_an_archive_are_of_the_same_zone():
    """Those tell none: 20:30 there is half an hour after 20:00 here, whatever this machine thinks."""
    deadline = datetime(2026, 6, 1, 18, tzinfo=UTC)
    assert lateness(datetime(2026, 6, 1, 20, 30), deadline, False, BERLIN) == "late by 0 h 30 min"


def test_the_zone_is_said_where_it_matters(tmp_path):
    assert zone_said(roster(tmp_path, "a,,2026-06-01T20:00Z", "b,,"), None) == ""
    some = roster(tmp_path, "a,,2026-06-01 20:00", "b,,2026-06-01T20:00Z")
    assert "Europe/Berlin" in zone_said(some, BERLIN)
    assert "of this machine" in zone_said(some, None) and "--timezone" in zone_said(some, None)


def test_names_of_zones():
    assert zone_named("Europe/Berlin") == BERLIN
    assert zone_named("-03:30").utcoffset(None) == timedelta(hours=-3, minutes=-30)
    for name in ("Berlin", "", "../etc/passwd", "+2 hours"):
        with pytest.raises(BadRoster, match="Europe/Berlin"):
            zone_named(name)


@pytest.mark.parametrize("student", ["a/b", "..", "a\\b", "x" * 201, "a\u202eb", "\u00e9" * 101])
def test_a_student_who_can_have_no_folder_is_refused_with_the_line(tmp_path, student):
    with pytest.raises(BadRoster, match="line 3: student .* no folder can have that name") as refused:
        roster(tmp_path, "jane,,", f"{student},,")
    assert str(refused.value).isprintable()


def test_students_whose_names_are_only_unusual_are_read(tmp_path):
    names = ["Muster_4711", "o'neil", "jos\u00e9", "jane@x.org", "\u5f20\u4f1f", "x" * 200, "a b"]
    assert list(roster(tmp_path, *(f"{name},," for name in names))) == names


# --- a deadline for each exercise -----------------------------------------------------------------------------------

KNOWN = ["01_chain_rule", "02_beginnings_and_ends"]


def table(tmp_path, text, encoding="utf-8"):
    (tmp_path / "students.csv").write_text(text, encoding=encoding)
    return read(tmp_path / "students.csv", KNOWN)


@pytest.mark.parametrize("column", ["deadline_01_chain_rule", "deadline_01", "deadline_1", "Deadline_01_Chain_Rule"])
def test_an_exercise_may_have_a_deadline_of_its_own(tmp_path, column):
    lines = table(tmp_path, f"student,deadline,{column}\njane,2026-06-09,2026-06-01 18:00\nmax,2026-06-09,\neve,,\n")
    assert lines["jane"].due("01_chain_rule") == datetime(2026, 6, 1, 18)
    assert lines["jane"].due("02_beginnings_and_ends") == lines["max"].due("01_chain_rule") == datetime(2026, 6, 10)
    assert lines["eve"].due("01_chain_rule") is None


def test_a_deadline_of_an_exercise_keeps_its_zone_and_is_said(tmp_path):
    text = "student,deadline_01,deadline_02\njane,2026-06-01T18:00Z,2026-06-02 18:00"
    lines = table(tmp_path, text)
    assert lines["jane"].due("01_chain_rule") == datetime(2026, 6, 1, 18, tzinfo=UTC)
    assert "Europe/Berlin" in zone_said(lines, BERLIN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("student,deadline_1_chan_rule\njane,", "deadline_1_chan_rule is for no exercise.*deadline_01_chain_rule"),
        ("student,deadline_01\njane,soon", "line 2: deadline 'soon'"),
    ],
)
def test_a_deadline_that_cannot_be_meant(tmp_path, text, said):
    with pytest.raises(BadRoster, match=said):
        table(tmp_path, text)


@pytest.mark.parametrize(
    ("rule", "delay", "cost"),
    [
        ("10% a day, at most 50%", timedelta(0), 0),
        ("10% a day, at most 50%", timedelta(seconds=1), 0.1),
        ("10% a day, at most 50%", timedelta(days=1), 0.1),
        ("10% a day, at most 50%", timedelta(days=1, seconds=1), 0.2),
        ("10% a day, at most 50%", timedelta(days=30), 0.5),
        ("2.5 % per hour", timedelta(minutes=61), 0.05),
        ("30%/week up to 90%", timedelta(weeks=3), 0.9),
        ("60% each day", timedelta(days=2), 1),
    ],
)
def test_what_lateness_costs(rule, delay, cost):
    assert late_rule(rule).cost(delay) == pytest.approx(cost)


@pytest.mark.parametrize("rule", ["", "10 a day", "10% a fortnight", "0% a day", "200% a day", "10% a day at least 5%"])
def test_a_rule_that_is_none(rule):
    with pytest.raises(BadRule, match="10% a day, at most 50%"):
        late_rule(rule)


# --- platforms' own tables --------------------------------------------------------------------------------------------

OWN = {
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,HW 1 (77),Current Score\n,,,,,Manual Posting,\n"
        '    Points Possible,,,,,11,(read only)\n"Doe, Jane",4711,s1,jdoe,A,5,\n"Roe, Max",4712,,,B,,\n'
        '"Student, Test",1,,abc,A,,\n',
        {"jdoe": Enrolled("jdoe", "Doe, Jane", None, "4711", "jdoe", section="A", row=3),
         "4712": Enrolled("4712", "Roe, Max", None, "4712", section="B", row=4)},
    ),
    "canvas with semicolons and two names": (
        "LastName;FirstName;ID;SIS Login ID;Section;HW, 1\nDoe;Jane;4711;UNI\\jdoe;A;5\n",
        {"4711": Enrolled("4711", "Doe, Jane", None, "4711", "UNI\\jdoe", section="A", row=1)},
    ),
    "moodle, blind": (
        "Identifier,Status,Grade,Maximum Grade,Last modified (grade)\nParticipant 17,Submitted,,11,\n",
        {"Participant_17": Enrolled("Participant_17", "", None, participant="17", row=1)},
    ),
    "moodle grades": (
        "First name,Surname,ID number,Institution,Department,Email address,Course total\nJane,Doe,,,,j@x.org,-\n",
        {"j@x.org": Enrolled("j@x.org", "Jane Doe", None, email="j@x.org", row=1)},
    ),
    "gradescope": (
        "Name,SID,Email,Total Score,Status\nJane Doe,,j@x.org,,Missing\n",
        {"Jane Doe_j@x.org": Enrolled("Jane Doe_j@x.org", "Jane Doe", None, email="j@x.org", row=1)},
    ),
    "brightspace": (
        "OrgDefinedId,Username,HW Points Grade,End-of-Line Indicator\n#0815,#jdoe,,#\n",
        {"jdoe": Enrolled("jdoe", "", None, "0815", "jdoe", row=1)},
    ),
    "sakai": (
        "HW 1,Points\n\nDisplay ID,ID,Last Name,First Name,grade\n0815,jdoe,Doe,Jane,\n",
        {"jdoe": Enrolled("jdoe", "Jane Doe", None, "0815", "jdoe", row=3)},
    ),
    "classroom": (
        "identifier,github_username,github_id,name\na/b,jane-x,5,Jane\n",
        {"jane-x": Enrolled("jane-x", "Jane", None, login="jane-x", row=1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWN)
def test_a_platforms_own_table_is_a_roster(tmp_path, case):
    text, lines = OWN[case]
    assert table(tmp_path, text) == lines


def test_blackboards_table_has_tabs_and_two_bytes_a_letter(tmp_path):
    text = '"Last Name"\t"First Name"\t"Username"\t"Student ID"\n"M\u00fcller"\t"J\u00f6rg"\t"jm"\t"0815"\n'
    line = Enrolled("jm", "J\u00f6rg M\u00fcller", None, "0815", "jm", row=1)
    assert table(tmp_path, text, "utf-16") == {"jm": line}


def test_a_roster_of_ones_own_may_have_such_columns_too(tmp_path):
    lines = table(tmp_path, "student,sid,email,id,deadline_1\njane,1,j@x.org,2,2026-06-01 18:00\n")
    assert lines["jane"].id == "2" and lines["jane"].due(KNOWN[0]) == datetime(2026, 6, 1, 18)


def test_a_team_is_its_members_on_the_roster():
    lines = [Enrolled("jane", "", None, group="Team \u00c4 1"), Enrolled("max", "", None, group="Team \u00c4 1")]
    roster = {line.student: line for line in [*lines, Enrolled("eve", "", None, group="eve")]}
    known = {"team\u00e41_4711": Known("team\u00e41", "4711"), "Team A\u0308 1": None, "eve": None, "Team 2": None}
    assert teams(known, roster) == {"team\u00e41_4711": ["jane", "max"], "Team A\u0308 1": ["jane", "max"]}


def test_a_participant_is_no_login_of_somebody_else():
    roster = {"a": Enrolled("a", "", None, login="4711"), "b": Enrolled("b", "", None, participant="4711")}
    known = {"Jane_4711": Known("Jane", "4711", door="moodle"), "x": Known("", "4711", door="sakai")}
    assert match(known, roster) == {"Jane_4711": "b", "x": "a"}
