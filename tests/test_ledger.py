"""The books of a loss: what counts, what it adds up to, and how it looks on a page."""

import math
import re

import pytest

from course_utils.ledger import loss_ledger
from course_utils.plots.style import contrast

TOKENS = ["<s>", "User:", " What", "4", "<end>"]
LOG_PROBS = [-2.0, -1.0, -0.25, -0.5]


def test_only_what_has_a_label_is_added_up():
    books = loss_ledger(TOKENS, [-100, -100, -100, "4", "<end>"], LOG_PROBS, n_prompt=3)
    assert [row.total for row in books.rows] == [0, 0, 0, -0.25, -0.75]
    assert (books.total, books.count, books.loss) == (-0.75, 2, 0.375)
    assert [row.role for row in books.rows] == ["start", "prompt", "prompt", "response", "response"]


def test_the_start_symbol_never_counts():
    books = loss_ledger(TOKENS, TOKENS, LOG_PROBS, n_prompt=3)
    assert (books.total, books.count) == (-3.75, 4)
    assert books.rows[0].log_prob is None and not books.rows[0].counted


def test_nothing_counted_has_no_mean():
    assert math.isnan(loss_ledger(TOKENS, [-100] * 5, LOG_PROBS, n_prompt=3).loss)


def test_the_table_reads_the_same_in_a_terminal_and_on_a_page():
    books = loss_ledger(TOKENS, [-100, -100, -100, "4", "<end>"], LOG_PROBS, n_prompt=3)
    lines = repr(books).splitlines()
    assert lines[3].split() == ["2", "␣What", "prompt", "-100", "-1.00", "-", "0.00"]
    assert lines[5].split() == ["4", "<end>", "response", "<end>", "-0.50", "yes", "-0.75"]
    page = books._repr_html_()
    assert "&lt;end&gt;" in page and "<end>" not in page
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    assert cells[2 * 7 : 3 * 7] == ["2", "␣What", "prompt", "-100", "-1.00", "-", "0.00"]


def test_every_cell_of_the_page_sets_both_its_colours():
    page = loss_ledger(TOKENS, [-100, -100, -100, "4", "<end>"], LOG_PROBS, n_prompt=3)._repr_html_()
    looks = re.findall(r"<t[dh] style=\"([^\"]*)\"", page)
    assert len(looks) == 6 * 7
    for look in looks:
        ground, text = re.search(r"background: (#\w+); color: (#\w+)", look).groups()
        assert contrast(ground, text) >= 4.5
    assert "<style" not in page and "class=" not in page


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="5 tokens need as many labels"):
        loss_ledger(TOKENS, [-100] * 5, [*LOG_PROBS, -1.0], n_prompt=3)
