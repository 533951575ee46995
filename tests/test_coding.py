"""A text is an interval: the numbers of lesson 01, and a coder that spends no more than the surprisal says."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import coding, load_small_model
from course_utils.toy_language import constant_eos, leaky_eos, random_language, toy_bigram

ALICE = (
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or "
    "twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it."
)  # Lewis Carroll, Alice's Adventures in Wonderland (1865), public domain


@pytest.fixture(scope="module")
def small():
    return load_small_model()


# --- exactly ---


@pytest.mark.parametrize(
    ("text", "end", "low", "high"),
    [
        ("", False, Fraction(0), Fraction(1)),
        ("a", False, Fraction(0), Fraction(6, 10)),
        ("b", False, Fraction(6, 10), Fraction(1)),
        ("ab", False, Fraction(3, 50), Fraction(24, 50)),
        ("ab", True, Fraction(177, 500), Fraction(240, 500)),
    ],
)
def test_the_interval_of_a_text(text, end, low, high):
    assert coding.interval(toy_bigram(), text, end=end) == (low, high)


@pytest.mark.parametrize(("text", "code"), [("ab", "0110"), ("ba", "110001")])
def test_the_name_of_a_complete_text(text, code):
    low, high = coding.interval(toy_bigram(), text, end=True)
    assert coding.name(low, high) == code and len(code) == math.ceil(-math.log2(high - low)) + 1


def test_what_begins_with_a_text_lies_within_it_and_fills_it():
    lm = toy_bigram()
    low, high = coding.interval(lm, "ab")
    parts = [coding.interval(lm, "aba"), coding.interval(lm, "abb"), coding.interval(lm, "ab", end=True)]
    assert [low, *(end for _, end in parts)] == [*(start for start, _ in parts), high]


def test_a_leaky_end_leaves_a_gap_of_one_half():
    """Every string of n letters has the same width; so they need not all be listed. What is left is what never ends."""
    lm, covered = leaky_eos(), Fraction(0)
    for n in range(40):
        low, high = coding.interval(lm, "a" * n, end=True)
        covered += 2**n * (high - low)
        assert covered == 1 - Fraction(n + 3, 2 * (n + 2))
    assert Fraction(1, 2) - Fraction(1, 80) < covered < Fraction(1, 2)


fractions = st.fractions(min_value=0, max_value=1, max_denominator=10**6)


@given(fractions, fractions)
def test_a_name_names_its_interval_and_no_shorter_one_does(one, other):
    low, high = sorted([one, other])
    if low == high:
        with pytest.raises(ValueError, match="width"):
            coding.name(low, high)
        return
    bits = coding.name(low, high)
    start, size = Fraction(int(bits or "0", 2), 2 ** len(bits)), Fraction(1, 2 ** len(bits))
    assert low <= start and start + size <= high
    assert -math.log2(high - low) - 1e-9 <= len(bits) <= math.ceil(-math.log2(high - low)) + 1
    for length in range(len(bits)):  # by trying them all, near the interval
        at = math.floor(low * 2**length)
        assert not any(low <= Fraction(n, 2**length) and Fraction(n + 1, 2**length) <= high for n in range(at, at + 4))


# --- in 32 bits ---


def bits_of(lm, ids) -> float:
    """-log2 Pr(ids | BOS), by adding up what the model says of one token after the other."""
    context, bits = [lm.bos], 0.0
    for token in ids:
        bits -= lm.next_log_probs(context)[token] / math.log(2)
        context.append(token)
    return bits


LANGUAGES = [toy_bigram(), constant_eos(), random_language(5)]


@given(st.sampled_from(LANGUAGES), st.data())
def test_ids_come_back_and_cost_what_their_surprisal_says(lm, data):
    ids = data.draw(st.lists(st.integers(1, lm.vocabulary_size - 1), max_size=60))
    code = coding.encode_ids(lm, ids)
    assert coding.decode_ids(lm, code, len(ids)) == ids
    wanted = bits_of(lm, ids)
    assert len(code) <= wanted + 2 or math.isinf(wanted)
    assert len(code) >= min(wanted, 20) - 0.1 * len(ids) - 1


class Even:
    """As many tokens as are asked for, of which the first is nearly certain: a hard case for whole numbers."""

    bos, eos = None, None

    def __init__(self, size: int, certain: float) -> None:
        self.vocabulary_size = size
        self.row = np.log(np.array([certain, *[(1 - certain) / (size - 1)] * (size - 1)]))

    def next_log_probs(self, ids):
        return self.row


@pytest.mark.parametrize("certain", [0.001, 0.3, 0.9])
def test_a_long_text_costs_no_more_than_a_thousandth_beyond(certain):
    lm, chance = Even(300, certain), np.random.default_rng(7)
    ids = chance.choice(300, size=3000, p=np.exp(lm.row) / np.exp(lm.row).sum()).tolist()
    code = coding.encode_ids(lm, ids)
    assert coding.decode_ids(lm, code, len(ids)) == ids
    assert len(code) <= 1.001 * -lm.row[ids].sum() / math.log(2) + 2


@given(st.lists(st.integers(0, 5), max_size=400), st.sampled_from([0.001, 0.5, 1 - 1e-6]))
def test_tokens_that_are_nearly_certain_or_nearly_impossible(ids, certain):
    lm = Even(6000, certain)
    code = coding.encode_ids(lm, ids)
    assert coding.decode_ids(lm, code, len(ids)) == ids
    assert len(code) <= -sum(lm.row[ids]) / math.log(2) + 2 + 0.001 * len(ids)


def test_the_first_sentence_of_alice(small):
    ids = small.encode(ALICE)
    assert small.log_prob([ALICE])[0] == pytest.approx(-191.8182, abs=1e-3)
    assert len(ALICE.encode()) == 218
    code = coding.encode_ids(small, ids)
    assert bits_of(small, ids) == pytest.approx(276.735, abs=0.002) and len(code) <= 278
    data = coding.encode(small, ALICE)
    assert len(data) == 1 + coding.CHECKED + 35 and coding.decode(small, data) == ALICE


@pytest.mark.parametrize("text", ["", "a", "日本語 🙂 naïve\n", "The cat sat on the mat. " * 8])
def test_texts_come_back(small, text):
    assert coding.decode(small, coding.encode(small, text)) == text


def test_lengths_of_many_bytes_come_back():
    for count in (0, 1, 127, 128, 16_383, 16_384, 10**9):
        data = coding._length(count)
        assert coding._read_length(data + b"\x05") == (count, len(data))


def test_damaged_data_are_told(small):
    data = bytearray(coding.encode(small, ALICE))
    data[10] ^= 4
    with pytest.raises(ValueError, match="checksum"):
        coding.decode(small, bytes(data))
    with pytest.raises(ValueError, match="how long"):
        coding.decode(small, b"\xff")


def test_a_machine_that_computes_differently_is_told(small):
    class Other:
        bos, eos, vocabulary_size = small.bos, small.eos, small.vocabulary_size
        decode = staticmethod(small.decode)

        def next_log_probs(self, ids):
            row = 1.02 * small.next_log_probs(ids)
            return row - np.log(np.exp(row).sum())

    with pytest.raises(ValueError, match="computes differently"):
        coding.decode(Other(), coding.encode(small, ALICE))


def test_a_text_that_the_tokenizer_cannot_give_back_is_refused():
    with pytest.raises(ValueError, match="cannot give this text back"):
        coding.encode(Lower(), "The")


class Lower(Even):
    """A model whose tokenizer lowers letters."""

    def __init__(self) -> None:
        super().__init__(200, 0.5)

    def encode(self, text):
        return [ord(letter) for letter in text.lower()]

    def decode(self, ids):
        return "".join(map(chr, ids))
