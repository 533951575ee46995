"""Who handed in, and who of the roster that is."""

import pytest

from course_utils.staff.grading.intake.roster import Enrolled, match


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
