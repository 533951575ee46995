"""The course model in numpy: the numbers of the scorer, which are transformers' own, without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest

from course_utils import load_scorer, load_small_model
from course_utils.toy_language import SequenceModel

TEXTS = [
    "Once upon a time there was a little girl.",
    "The cat sat on the mat, and the dog didn't.",
    "Zürich, naïve: 日本語 🙂 12,345\n\n  x",
    "a",
    "",
]
PAIRS = [
    ("The cat sat on the", " mat."),
    ("She said: ", '"No."'),
    ("", "The dog ran."),
    ("Tom is hap", "py."),
    ("A b", ""),
]


@pytest.fixture(scope="module")
def small():
    return load_small_model()


@pytest.fixture(scope="module")
def scorer():
    return load_scorer(device="cpu")


def test_neither_torch_nor_transformers_is_loaded():
    code = """
import json, sys
from course_utils import load_small_model
total = float(load_small_model().log_prob(["The cat sat."])[0])
print(json.dumps([total, sorted({"torch", "transformers", "matplotlib"} & set(sys.modules))]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    total, loaded = json.loads(done.stdout)
    assert loaded == [] and total < 0


def test_it_is_what_functions_of_the_course_take(small, scorer):
    assert isinstance(small, SequenceModel)
    for name in ("bos", "vocabulary_size", "window"):
        assert getattr(small, name) == getattr(scorer, name)
    for text in TEXTS:
        assert small.encode(text) == scorer.encode(text) and small.decode(small.encode(text)) == text


def test_sums_are_those_of_the_scorer(small, scorer):
    np.testing.assert_allclose(small.log_prob(TEXTS), scorer.log_prob(TEXTS), atol=1e-4)
    np.testing.assert_allclose(small.conditional_log_prob(PAIRS), scorer.conditional_log_prob(PAIRS), atol=1e-4)


def test_tokens_are_those_of_the_scorer(small, scorer):
    for mine, theirs in zip(small.tokens(TEXTS), scorer.tokens(TEXTS), strict=True):
        assert (mine.text, mine.ids, mine.bos) == (theirs.text, theirs.ids, theirs.bos)
        np.testing.assert_allclose(mine.log_probs, theirs.log_probs, atol=1e-4)
    assert small.tokens(["The cat"])[0].tokens == ("The", " cat")


def test_the_row_of_what_comes_next(small, scorer):
    ids = [small.bos, *small.encode(TEXTS[1])]
    row = small.next_log_probs(ids)
    assert row.shape == (small.vocabulary_size,) and row.dtype == np.float64
    assert np.exp(row).sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(row, scorer.next_log_probs(ids), atol=1e-4)


def test_what_was_read_before_changes_no_number(small):
    """Trap: a cache that is not cut back where the new ids leave the old ones."""
    a, b = (
        [small.bos, *small.encode(text)] for text in ("The cat sat on the mat.", "The cat ran to the dog and slept.")
    )
    fresh = {tuple(ids): load_small_model().next_log_probs(ids) for ids in (a, b, b[:3], [small.bos], a[:-1])}
    for ids in (a, b, b, b[:3], a[:-1], a, [small.bos], b):
        np.testing.assert_allclose(small.next_log_probs(ids), fresh[tuple(ids)], atol=1e-4)


def test_the_chain_of_next_tokens_is_the_sum(small):
    ids = [small.bos, *small.encode(TEXTS[0])]
    chain = [small.next_log_probs(ids[:i])[ids[i]] for i in range(1, len(ids))]
    np.testing.assert_allclose(chain, small.tokens([TEXTS[0]])[0].log_probs, atol=1e-4)


@pytest.mark.parametrize(
    ("ids", "told"),
    [([5, 6], "begin with BOS"), ([], "begin with BOS"), ([0, 6144], "0 to 6143"), ([0] * 1026, "reads 1024 at once")],
)
def test_ids_that_it_cannot_score_are_refused(small, ids, told):
    for ask in (lambda: small.next_log_probs(ids), lambda: small.conditional_log_prob_ids([(ids, [1])])):
        with pytest.raises(ValueError, match=told):
            ask()


def test_as_many_ids_as_it_reads(small):
    assert np.isfinite(small.next_log_probs([0] + [5] * 1023)).all()
    with pytest.raises(ValueError, match="reads 1024 at once"):
        small.next_log_probs([0] + [5] * 1024)
