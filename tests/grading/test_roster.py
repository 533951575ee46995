"""Who handed in, and who of the roster that is."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from course_utils.staff.grading.intake.roster import (
    BadRoster,
    Enrolled,
    lateness,
    match,
    read,
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
