"""Every attack gets what it must get, who is honest beside them all their points, and nothing outside has changed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.grading.hostile.attacks import ATTACKS, Attack
from tests.grading.hostile.honest import HONEST, Honest
from tests.grading.hostile.notebooks import POINTS

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
STATUSES = {"graded", "missing", "error", "timeout", "memory", "invalid"}


def test_the_table_is_as_large_as_it_should_be():
    assert len([one for one in ATTACKS if not one.rare]) >= 80
    assert len({(one.kind, one.channel) for one in ATTACKS}) >= 30
    assert min(Counter(one.kind for one in ATTACKS).values()) >= 2


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(run, attack: Attack):
    rows = run.rows[attack.name]
    assert list(rows) == list(POINTS)
    for task, row in rows.items():
        if task not in attack.lost:
            assert row["status"] == "graded", row
            # of two verdicts that of the run from top to bottom counts: who spoils their own tasks is told so
            assert float(row["points"]) == POINTS[task] or "not deterministic" in row["message"], row
        else:
            assert float(row["points"]) == 0 and row["status"] in attack.lost[task].split(), row
            assert attack.says in row["message"], row
            assert not attack.never_says or attack.never_says not in row["message"], row


@pytest.mark.parametrize("honest", [one for one in HONEST if not one.same_as], ids=lambda honest: honest.name)
def test_honest(run, honest: Honest):
    rows = run.rows[honest.name]
    assert {task: float(row["points"]) for task, row in rows.items()} == POINTS, rows


def test_nothing_outside_has_changed(run):
    assert run.changed == []


def test_no_process_is_left(run):
    assert run.processes == []


def test_nobody_was_reached(run):
    assert run.connections == []


def test_messages_are_short_lines_that_give_nothing_away(run):
    from tests.grading.hostile.attacks import TOKEN

    for message in run.messages:
        assert len(message) <= 300 and message.isprintable() and not message.startswith(("=", "+", "-", "@"))
        assert TOKEN not in message and "not graded:" not in message


def test_it_ends_in_time(run):
    assert run.seconds < 30 * len(run.rows)
