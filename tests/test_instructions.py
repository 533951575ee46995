"""The instruction pairs of lesson 11: every answer stands in its note, once, and the same seed gives the same pairs."""

import re

import pytest

from course_utils.language_model import instruction_pairs

PROMPT = re.compile(r"Read this and answer\. (?P<note>.+) What does (?P<name>\w+) have\?")


def test_the_note_answers_the_question_and_nothing_else_does():
    for x, y in instruction_pairs(300, seed=4):
        found = PROMPT.fullmatch(x)
        assert found, x
        (owned,) = re.findall(rf"{found['name']} has a (\w+ \w+)\.", found["note"])
        assert y == f" A {owned}."
        assert found["note"].count(" has a ") == 1 and found["note"].count(".") == 6


def test_prompts_are_different_and_much_longer_than_their_answers():
    pairs = instruction_pairs(300, seed=4)
    assert len({x for x, _ in pairs}) == len(pairs) == 300
    assert all(len(x.split()) >= 12 * len(y.split()) for x, y in pairs)
    assert len({y for _, y in pairs}) > 60


def test_the_seed_decides_and_more_pairs_begin_with_the_same_ones():
    assert instruction_pairs(5, seed=4) == instruction_pairs(9, seed=4)[:5] != instruction_pairs(5, seed=5)
    with pytest.raises(ValueError, match="at least 0"):
        instruction_pairs(-1)
