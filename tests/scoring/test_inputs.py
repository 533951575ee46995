"""What may be given, and what is refused with its number instead of being scored as something else."""

import copy

import numpy as np
import pytest
import torch

from course_utils.scoring import Scorer, inputs

from . import families, texts
from .reference import conditional, joined, nats

ABS = 1e-4
X, Y = "the cat", " sat on the mat"


@pytest.fixture
def scorer(gpt2, with_bos):
    return Scorer(gpt2, with_bos)


PAIR_METHODS = [Scorer.conditional_log_prob, Scorer.score]
TEXT_METHODS = [Scorer.log_prob, Scorer.tokens]


def number(score) -> float:
    return float(getattr(score, "conditional", score))


@pytest.mark.parametrize("method", PAIR_METHODS)
@pytest.mark.parametrize(
    "pair",
    [(X, Y), [X, Y], np.array([X, Y]), {"x": X, "y": Y}, {"id": 7, "y": Y, "x": X}],
    ids=["tuple", "list", "array", "mapping", "line of a file"],
)
def test_a_pair(pair, method, scorer, with_bos):
    """Trap: a mapping has two keys, and was scored as the pair ("x", "y")."""
    want = conditional(with_bos, X, Y, lead=[0])
    (score,) = method(scorer, [pair])
    assert number(score) == pytest.approx(want, abs=ABS)
    (score,) = method(scorer, iter([pair]))
    assert number(score) == pytest.approx(want, abs=ABS)
    assert getattr(score, "y", Y) == Y


NO_PAIR = {
    "a text of two letters": "ab",
    "bytes": b"ab",
    "a set": {X, Y},
    "a mapping without y": {"x": X, "target": Y},
    "a mapping of two": {"prompt": X, "reply": Y},
    "one text": (X,),
    "three texts": (X, Y, Y),
    "no text": (X, None),
    "numbers": (1, 2),
    "lists of texts": ([X], [Y]),
    "nothing": None,
    "a generator": (text for text in (X, Y)),
}


@pytest.mark.parametrize("method", PAIR_METHODS)
@pytest.mark.parametrize("pair", NO_PAIR.values(), ids=NO_PAIR)
def test_what_is_no_pair_is_refused_with_its_number(pair, method, scorer):
    with pytest.raises(TypeError, match="^pair 1"):
        method(scorer, [(X, Y), pair])


@pytest.mark.parametrize("method", PAIR_METHODS)
def test_what_is_no_list_of_pairs(method, scorer):
    """Traps: two columns, read as two pairs; a mapping, a text or a pair in place of a list of pairs."""
    with pytest.raises(TypeError, match=r"zip\(xs, ys\)"):
        method(scorer, (["the", "a"], [" cat", " b"]))
    for given in ({"x": X, "y": Y}, "ab", {(X, Y)}, 5, None, b"ab"):
        with pytest.raises(TypeError, match="list of pairs"):
            method(scorer, given)
    with pytest.raises(TypeError, match="^pair 0 is 'ab'"):
        method(scorer, ("ab", "cd"))


@pytest.mark.parametrize("method", TEXT_METHODS)
def test_what_is_no_list_of_texts(method, scorer):
    for given in ({"x": X, "y": Y}, {X, Y}, b"ab", 5, None):
        with pytest.raises(TypeError, match="list of texts"):
            method(scorer, given)
    for text in (5, None, b"ab", [X], (X, Y)):
        with pytest.raises(TypeError, match=r"^text 1: .* is no text"):
            method(scorer, [X, text])
    assert len(method(scorer, {X: 1, Y: 2}.keys())) == 2  # keys have an order


def test_candidates(scorer):
    """Traps: one candidate, read as its letters; candidates that can be gone through only once."""
    assert [ranked.text for ranked in scorer.rank(X, " sat")] == [" sat"]
    listed, made = (scorer.rank(X, given) for given in ([" sat", " ran"], (y for y in (" sat", " ran"))))
    assert listed == made and len(made) == 2
    with pytest.raises(TypeError, match="text 1"):
        scorer.rank(X, [" sat", 5])
    for given in ({" sat": 1}, {" sat"}):
        with pytest.raises(TypeError, match="list of texts"):
            scorer.rank(X, given)


def test_encode_and_decode(scorer):
    with pytest.raises(TypeError, match="no text"):
        scorer.encode(5)
    ids = scorer.encode(X)
    assert scorer.decode(np.array(ids)) == scorer.decode(torch.tensor(ids)) == X
    with pytest.raises(TypeError, match="no id"):
        scorer.decode([5.0])


# --- ids ---


def id_calls(scorer) -> dict:
    """Each method that takes ids, with the name that an error gives to the second of what it is given."""
    return {
        "sequence 1": lambda ids: scorer.log_prob_ids([[0, 5], ids]),
        "pair 1": lambda ids: scorer.conditional_log_prob_ids([([0, 5], [9]), (ids, [7])]),
        "sequence 0": lambda ids: scorer.next_log_probs(ids),
    }


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, torch.tensor, lambda ids: [*map(np.int64, ids)], lambda ids: [*map(torch.tensor, ids)]],
    ids=["list", "tuple", "array", "tensor", "numpy ids", "tensors of one id"],
)
def test_integers_of_any_kind_are_ids(make, scorer):
    ids = [0, 5, 9, 30]
    assert scorer.log_prob_ids([make(ids)])[0] == pytest.approx(nats(ids, 1), abs=ABS)
    for pair in ((make(ids[:2]), make(ids[2:])), {"x": make(ids[:2]), "y": make(ids[2:])}):
        assert scorer.conditional_log_prob_ids([pair])[0] == pytest.approx(nats(ids, 2), abs=ABS)
    assert scorer.next_log_probs(make(ids[:3]))[30] == pytest.approx(nats(ids, 3), abs=ABS)


@pytest.mark.parametrize(
    "ids",
    [[0, 5.0], np.array([0.0, 5.0]), torch.tensor([0.0, 5.0]), [0, 5.7], [0, True], [False, 5], np.array([False, True])]
    + [[0, "5"], "05", b"05", [0, None], [[0, 5]], np.array([[0, 5]]), {0: 5}, {0, 5}, 5, None, [0, np.nan]],
    ids=repr,
)
def test_what_is_no_id_is_refused_with_its_number(ids, scorer):
    """Trap: floats were cut to integers, without a word."""
    for name, call in id_calls(scorer).items():
        with pytest.raises(TypeError, match=f"^{name}"):
            call(ids)


def test_ids_begin_with_bos_everywhere(scorer, gpt2, plain):
    """Trap: a context without BOS is another context."""
    for name, call in id_calls(scorer).items():
        with pytest.raises(ValueError, match=rf"^{name}: .*BOS.*got \[5, 9\]"):
            call([5, 9])
        with pytest.raises(ValueError, match=rf"^{name}: no ids to condition on"):
            call([])
    free = Scorer(gpt2, plain, bos=False)
    assert free.bos is None
    assert free.conditional_log_prob_ids([([5, 9], [30])])[0] == pytest.approx(nats([5, 9, 30], 2), abs=ABS)


def test_ids_outside_of_the_vocabulary(scorer):
    for bad in (-1, families.VOCABULARY, 2**63, -(2**70)):
        for name, call in id_calls(scorer).items():
            with pytest.raises(ValueError, match=f"^{name}"):
                call([0, bad])
        with pytest.raises(ValueError, match="^pair 0"):
            scorer.conditional_log_prob_ids([([0], [bad])])


def test_pairs_of_ids(scorer):
    for pair in ("ab", ([0], [5], [6]), ([0],), {"x": [0]}, 5):
        with pytest.raises(TypeError, match="^pair 1"):
            scorer.conditional_log_prob_ids([([0], [5]), pair])
    for given in (([0, 5], [9]), {"x": [0], "y": [5]}):
        with pytest.raises(TypeError, match="list of pairs"):
            scorer.conditional_log_prob_ids(given)
    for pair in ((0, 5), ([0], 5), ([0], [5.0])):
        with pytest.raises(TypeError, match="^pair 0.* is no"):
            scorer.conditional_log_prob_ids([pair])
    with pytest.raises(TypeError, match="sequence 0: 0 is no sequence of ids"):
        scorer.log_prob_ids([0, 5, 9])


# --- options ---


def test_eos_takes_an_id(gpt2, with_bos):
    """Trap: any number is true, so that eos=7 scored the tokenizer's own EOS."""
    joint, n = joined(with_bos, X, Y, lead=[0])
    own, none = nats([*joint, 1], n), nats(joint, n)
    for eos, want, attribute in [
        (True, own, 1),
        (np.True_, own, 1),
        (1, own, 1),
        (False, none, 1),
        (7, nats([*joint, 7], n), 7),
        (np.int64(7), nats([*joint, 7], n), 7),
        (0, nats([*joint, 0], n), 0),
    ]:
        scorer = Scorer(gpt2, with_bos, eos=eos)
        assert scorer.conditional_log_prob([(X, Y)])[0] == pytest.approx(want, abs=ABS), eos
        assert scorer.eos == attribute
    turn = Scorer(gpt2, with_bos, eos=7)
    assert turn.tokens([X])[0].ids[-1] == 7
    without = copy.deepcopy(with_bos)
    without.eos_token = None
    assert Scorer(gpt2, without, eos=7).conditional_log_prob([(X, Y)])[0] == pytest.approx(
        nats([*joint, 7], n), abs=ABS
    )


def test_an_end_that_stands_there_is_not_put_again(gpt2, with_bos):
    """A template may have ended the turn already."""
    (comma,) = with_bos(",", add_special_tokens=False).input_ids
    scorer = Scorer(gpt2, with_bos, eos=comma)
    once, written = scorer.conditional_log_prob([("the", " cat"), ("the", " cat,")])
    assert once == pytest.approx(written, abs=1e-5)


def test_bos_takes_an_id_of_numpy(gpt2):
    for zero in (np.int64(0), np.int32(0), np.uint8(0), torch.tensor(0)):
        scorer = Scorer(gpt2, texts.byte_level(), bos=zero)
        assert scorer.bos == 0 and type(scorer.bos) is int
        assert scorer.conditional_log_prob([(X, Y)])[0] == pytest.approx(
            conditional(texts.byte_level(), X, Y, lead=[0]), abs=ABS
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bos": "yes"}, 'bos is "auto", True, False or an id, not .yes.'),
        ({"bos": 0.0}, "bos is"),
        ({"bos": None}, "bos is"),
        ({"eos": "yes"}, "eos is"),
        ({"eos": 7.0}, "eos is"),
        ({"eos": None}, "eos is"),
        ({"bos": 9999}, "bos is id .*9999.*vocabulary"),
        ({"bos": -1}, "bos is id .*vocabulary"),
        ({"eos": 9999}, "eos is id .*vocabulary"),
        ({"boundary": "x"}, "boundary is one of prefix, error"),
        ({"overflow": None}, "overflow is one of error, slide"),
        ({"batch_tokens": 0}, "batch_tokens is a whole number"),
        ({"batch_tokens": 10.5}, "batch_tokens is a whole number"),
        ({"batch_tokens": True}, "batch_tokens is a whole number"),
        ({"stride": 0}, "stride is a whole number from 1 to 160"),
        ({"stride": 161}, "stride is a whole number"),
        ({"stride": 2.5}, "stride is a whole number"),
    ],
)
def test_options_that_make_no_sense(options, said, gpt2, with_bos):
    with pytest.raises(ValueError, match=said):
        Scorer(gpt2, with_bos, **options)


def test_messages_are_short():
    """Trap: an error that repeats a megabyte of what was given."""
    for call in (lambda: inputs.pairs(["a" * 10**6]), lambda: inputs.ids("pair 0", ["a" * 10**6])):
        with pytest.raises(TypeError) as caught:
            call()
        assert len(str(caught.value)) < 300
