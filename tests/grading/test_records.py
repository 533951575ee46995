"""Messages and records: one line of plain text, files whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.staff.grading.plain_text import LONGEST_MESSAGE, message_line, plain
from course_utils.staff.grading.records import Record, Row, Store, fingerprint

RECORD = Record(
    "adam", "01_chain_rule", "f" * 64, (Row("E01.1", 0.5, 1.0, "graded", "why", "call()", "2", "m"),), "a.ipynb", "late"
)


@given(st.text(), st.text(max_size=400), st.text(max_size=60))
def test_a_message_is_one_short_line_that_is_no_formula(message, call, note):
    line = message_line(message, call, note)
    assert len(line) <= LONGEST_MESSAGE and line.isprintable() and not line.startswith(("=", "+", "-", "@"))


def test_the_call_is_left_out_rather_than_cut_and_notes_are_kept():
    assert message_line("wrong", "f([1])", "late by 2 h 0 min") == "wrong; try: f([1]) [late by 2 h 0 min]"
    line = message_line("m" * 280, "f(" + "1" * 100 + ")", "late by 2 h 0 min")
    assert "try" not in line and line.endswith("... [late by 2 h 0 min]") and len(line) == LONGEST_MESSAGE - 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1 came back", "@SUM(A1)"])
def test_no_formula_reaches_a_spreadsheet(text):
    assert message_line(text) == f"'{text}"


def test_no_formula_begins_where_semicolons_part_cells():
    said = message_line('raised Odd;=1+1: ; "=2+2', note="version ;@x")
    assert said == "raised Odd;'=1+1: ;' \"=2+2 [version ;'@x]"
    assert message_line("\uff1d1+1") == "'\uff1d1+1"


def test_escape_sequences_and_addresses_are_taken_out():
    assert plain("\x1b[31mred\x1b[0m\u202e <f at 0x7f3c2d1e5a60>\nnext") == "red <f at 0x...> next"


@pytest.mark.parametrize(
    "said", ["file:///srv/course/x.py", "in:/srv/course/x.py", "at /srv/course/x.py", "C:/srv/x.py"]
)
def test_no_path_is_shown(said):
    assert "srv" not in plain(said) and plain(said).endswith(".../x.py")


def test_an_address_is_no_path():
    assert plain("see https://example.org/a/b.html") == "see https://example.org/a/b.html"


def test_a_record_comes_back_as_it_was(tmp_path):
    store = Store(tmp_path)
    store.put(RECORD)
    assert store.get("adam", "01_chain_rule", RECORD.fingerprint) == RECORD


def test_a_record_of_other_input_or_half_written_does_not_count(tmp_path):
    store = Store(tmp_path)
    store.put(RECORD)
    assert store.get("adam", "01_chain_rule", fingerprint("other")) is None
    assert store.get("eve", "01_chain_rule", RECORD.fingerprint) is None
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:-20])
    assert store.get("adam", "01_chain_rule", RECORD.fingerprint) is None
