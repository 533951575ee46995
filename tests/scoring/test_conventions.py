"""BOS, EOS, the join of x and y, empty texts, windows, impossible tokens: each against a reference made by hand."""

import copy
import math

import numpy as np
import pytest
import torch

from course_utils.scoring import Scorer

from . import families, texts
from .reference import conditional, joined, nats

ABS = 1e-4
PAIRS = [
    ("the cat", " sat on the mat"),
    ("The ans", "wer"),
    ("imp", "ort"),
    ("Wh", "at"),
    ("wh", "at is"),
    ("The answer is ", "forty two"),
    ("the answer is ", " two"),
    ("naïve caf", "é 日本"),
    ("日", "本語"),
    ("the cat\n", "\n sat"),
]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("adds", ["", "bos"])
def test_conditional(pair, adds, gpt2):
    """The ids of y are those of the joint text; BOS stands before x as the tokenizer has it, and never otherwise."""
    tokenizer = texts.byte_level(adds)
    lead = [0] if adds else []
    joint, n = joined(tokenizer, *pair, lead=lead)
    if n == 0:  # all of x went into a token of y: only BOS is left to condition on
        joint, n = [0, *joint], 1
    score = Scorer(gpt2, tokenizer).score([pair])[0]
    assert score.conditional == pytest.approx(nats(joint, n), abs=ABS, rel=0)
    assert len(score.y_tokens) == len(joint) - n == len(score.y_log_probs)
    assert score.joint == pytest.approx(nats(joint, 1), abs=ABS, rel=0)
    assert score.joint == pytest.approx(score.marginal + score.conditional, abs=1e-12)
    assert Scorer(gpt2, tokenizer).conditional_log_prob([pair])[0] == pytest.approx(score.conditional, abs=1e-5)
    assert score.bos == (0 if adds or n == 1 and joint[0] == 0 else None)


def test_merged_boundary_is_flagged(gpt2, with_bos):
    """Trap: encode(x) + encode(y) is not encode(x + y)."""
    scorer = Scorer(gpt2, with_bos)
    merged = {pair: "merged_boundary" in score.flags for pair, score in zip(PAIRS, scorer.score(PAIRS), strict=True)}
    ids = lambda text: with_bos(text, add_special_tokens=False).input_ids  # noqa: E731
    for x, y in PAIRS:
        assert merged[x, y] == (ids(x + y)[: len(ids(x))] != ids(x)), (x, y)
    assert merged["wh", "at is"] and merged["The answer is ", "forty two"] and not merged["the cat", " sat on the mat"]
    apart = [0, *ids("wh"), *ids("at is")]  # the trap
    right = scorer.conditional_log_prob([("wh", "at is")])[0]
    assert abs(nats(apart, 1 + len(ids("wh"))) - right) > 0.01
    with pytest.raises(ValueError, match=r"pair 1 \(x='wh'.*join"):
        Scorer(gpt2, with_bos, boundary="error").score([("the", " cat"), ("wh", "at is")])


def test_a_space_that_the_tokenizer_drops(gpt2):
    """x's ids are all there, and yet y's first token takes x's last space: the join is inside of it."""
    tokenizer = texts.sentence_pieces(strip=True)
    ids = lambda text: tokenizer(text).input_ids  # noqa: E731
    assert ids("the cat ") == ids("the cat") == ids("the cat sat")[:-1]
    spaced, clean = Scorer(gpt2, tokenizer).score([("the cat ", "sat"), ("the cat", " sat")])
    assert spaced.conditional == pytest.approx(clean.conditional, abs=1e-6)
    assert "merged_boundary" in spaced.flags and "merged_boundary" not in clean.flags


def test_a_python_tokenizer_without_offsets(gpt2, with_bos):
    """Where tokens stand in the text is known to fast tokenizers only; the ids decide without it."""

    class Slow:
        is_fast = False
        bos_token_id, eos_token_id = 0, 1

        def __call__(self, text, **options):
            assert not options.pop("return_offsets_mapping", False)
            return with_bos(text, **options)

        def __getattr__(self, name):
            return getattr(with_bos, name)

    slow, fast = (Scorer(gpt2, tokenizer).conditional_log_prob(PAIRS) for tokenizer in (Slow(), with_bos))
    assert slow == pytest.approx(fast, abs=1e-5)


# --- BOS ---


def test_bos_auto_is_what_the_tokenizer_does(gpt2):
    """Trap: BOS prepended or not; it moves the score of everything after it."""
    x, y = "the cat", " sat"
    without, with_it = conditional(texts.byte_level(), x, y), conditional(texts.byte_level(), x, y, lead=[0])
    assert abs(without - with_it) > 0.01
    score = lambda adds, **options: Scorer(gpt2, texts.byte_level(adds), **options).conditional_log_prob([(x, y)])[0]  # noqa: E731
    assert score("") == pytest.approx(without, abs=ABS)
    assert score("bos") == pytest.approx(with_it, abs=ABS)
    assert score("", bos=True) == pytest.approx(with_it, abs=ABS)
    assert score("", bos=0) == pytest.approx(with_it, abs=ABS)
    assert score("bos", bos=False) == pytest.approx(without, abs=ABS)
    assert score("", bos=7) == pytest.approx(conditional(texts.byte_level(), x, y, lead=[7]), abs=ABS)


def test_bos_never_twice(gpt2, with_bos):
    """Trap: a chat template has written BOS already. Its text is scored as the same text without it."""
    scorer = Scorer(gpt2, with_bos)
    templated, bare = scorer.score([("<s>the cat", " sat"), ("the cat", " sat")])
    assert templated.conditional == pytest.approx(bare.conditional, abs=1e-6)
    assert templated.joint == pytest.approx(bare.joint, abs=1e-6) and templated.x_tokens == bare.x_tokens
    twice = conditional(with_bos, "<s>the cat", " sat", lead=[0])  # the trap
    assert abs(twice - bare.conditional) > 0.01
    assert scorer.log_prob(["<s>the cat"])[0] == pytest.approx(scorer.log_prob(["the cat"])[0], abs=1e-6)
    always = Scorer(gpt2, texts.byte_level(), bos=True)
    assert always.conditional_log_prob([("<s>the cat", " sat")])[0] == pytest.approx(bare.conditional, abs=1e-5)


def test_an_eos_that_the_tokenizer_adds_is_not_scored(gpt2, with_bos):
    """Trap: a tokenizer that ends every text with EOS puts one between x and y, and one after y."""
    both = texts.byte_level("both")
    assert both("the cat").input_ids[-1] == both.eos_token_id
    assert Scorer(gpt2, both).conditional_log_prob(PAIRS) == pytest.approx(
        Scorer(gpt2, with_bos).conditional_log_prob(PAIRS), abs=1e-5
    )


def test_log_prob_is_given_bos(gpt2):
    """log Pr(text | BOS), also where the tokenizer adds none; with BOS in the context it is the joint."""
    for adds in ("", "bos"):
        tokenizer = texts.byte_level(adds)
        scorer = Scorer(gpt2, tokenizer)
        ids = [0, *tokenizer("the cat sat", add_special_tokens=False).input_ids]
        assert scorer.log_prob(["the cat sat"])[0] == pytest.approx(nats(ids, 1), abs=ABS)
        assert scorer.log_prob_ids([ids])[0] == pytest.approx(nats(ids, 1), abs=ABS)
        assert scorer.bos == 0
    joint = scorer.score([("the cat", " sat")])[0].joint
    assert scorer.log_prob(["the cat sat"])[0] == pytest.approx(joint, abs=ABS)


def test_without_bos_the_first_token_is_given(gpt2, plain):
    """T ids give T - 1 terms."""
    score = Scorer(gpt2, plain).score([("the cat", " sat")])[0]
    ids = plain("the cat sat").input_ids
    assert len(score.x_log_probs) == len(score.x_tokens) - 1 and score.bos is None
    assert score.joint == pytest.approx(nats(ids, 1), abs=ABS)


# --- empty x, empty y ---


def test_empty_x_needs_bos(gpt2, plain):
    score = Scorer(gpt2, plain).score([("", "the cat")])[0]
    assert score.flags == ("empty_x",) and score.bos == 0 and score.marginal == 0.0
    assert score.conditional == pytest.approx(conditional(plain, "", "the cat", lead=[0]), abs=ABS)
    nothing = Scorer(gpt2, texts.byte_level(bos=None))
    for call in (lambda: nothing.conditional_log_prob([("the", " cat"), ("", "the")]), lambda: nothing.log_prob(["a"])):
        with pytest.raises(ValueError, match="BOS"):
            call()
    with pytest.raises(ValueError, match=r"pair 1 .*BOS"):
        nothing.conditional_log_prob([("the", " cat"), ("", "the")])
    with pytest.raises(ValueError, match="BOS"):
        Scorer(gpt2, texts.byte_level(bos=None), bos=True)
    with pytest.raises(ValueError, match="BOS"):
        Scorer(gpt2, plain, bos=False).log_prob(["the"])


def test_empty_y_is_zero_and_flagged(gpt2, plain, with_bos):
    for tokenizer in (plain, with_bos):
        both, empty, other = Scorer(gpt2, tokenizer).score([("", ""), ("the cat", ""), ("the cat", " sat")])
        assert (both.conditional, empty.conditional) == (0.0, 0.0)
        assert both.flags == ("empty_x", "empty_y") and empty.flags == ("empty_y",) and other.flags == ()
        assert empty.joint == empty.marginal == pytest.approx(other.marginal, abs=1e-5)
        assert all(math.isnan(v) for v in (empty.per_token, empty.perplexity, empty.bits_per_byte))
    assert Scorer(gpt2, plain).conditional_log_prob([]).shape == (0,)
    assert Scorer(gpt2, plain).log_prob(["", "the"])[0] == 0.0


# --- EOS ---


def test_eos_only_when_asked(gpt2, with_bos):
    x, y = "the cat", " sat"
    joint, n = joined(with_bos, x, y, lead=[0])
    without, complete = Scorer(gpt2, with_bos), Scorer(gpt2, with_bos, eos=True)
    assert without.conditional_log_prob([(x, y)])[0] == pytest.approx(nats(joint, n), abs=ABS)
    score = complete.score([(x, y)])[0]
    assert score.conditional == pytest.approx(nats([*joint, 1], n), abs=ABS) and len(score.y_tokens) == 2
    empty = complete.score([(x, "")])[0]  # the complete text is x: only its end is scored
    assert empty.conditional == pytest.approx(nats([*joint[:n], 1], n), abs=ABS) and "empty_y" not in empty.flags
    assert complete.score([(x, y + "</s>")])[0].conditional == pytest.approx(score.conditional, abs=1e-5)
    with_bos_copy = copy.deepcopy(with_bos)
    with_bos_copy.eos_token = None
    with pytest.raises(ValueError, match="EOS"):
        Scorer(gpt2, with_bos_copy, eos=True)


def test_pad_is_eos(gpt2, with_bos):
    """Trap: where padding and EOS are one id, an EOS in the text must neither be masked nor shift the count."""
    assert with_bos.pad_token_id == with_bos.eos_token_id
    pairs = [("the</s> cat", " sat</s> on"), ("a", " b</s>"), ("the cat sat on the mat and the dog", " ran after it")]
    want = [conditional(with_bos, x, y, lead=[0]) for x, y in pairs]
    left = copy.deepcopy(with_bos)
    left.padding_side = "left"
    for tokenizer in (with_bos, left):
        assert Scorer(gpt2, tokenizer).conditional_log_prob(pairs) == pytest.approx(want, abs=ABS)


# --- windows ---


def long_ids(n: int) -> list[int]:
    return [0, *torch.randint(2, 320, (n - 1,), generator=torch.Generator().manual_seed(n)).tolist()]


def test_too_long_is_an_error_that_names_the_pair(gpt2, with_bos):
    """Trap: cut off on the left, in silence."""
    y = " the cat" * families.WINDOW
    with pytest.raises(ValueError, match=r"pair 1 \(x='the'.*reads 160 at once"):
        Scorer(gpt2, with_bos).score([("a", " b"), ("the", y)])
    short = copy.deepcopy(with_bos)
    short.model_max_length = 8  # a tokenizer's own limit cuts nothing either
    x, y = "the cat sat on the mat and the dog", " ran after the cat and what is it"
    assert Scorer(gpt2, short).conditional_log_prob([(x, y)])[0] == pytest.approx(
        conditional(with_bos, x, y, lead=[0]), abs=ABS
    )


def test_a_truncating_tokenizer_truncates_nothing(gpt2):
    """Trap: a tokenizer file may carry truncation and padding of its own."""
    tokenizer = texts.byte_level("bos")
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=64)
    clean = texts.byte_level("bos")
    assert Scorer(gpt2, tokenizer).conditional_log_prob(PAIRS) == pytest.approx(
        Scorer(gpt2, clean).conditional_log_prob(PAIRS), abs=1e-5
    )


def test_the_last_id_needs_no_place_in_the_window(gpt2, plain):
    """It is predicted, never read: window + 1 ids still fit."""
    ids = long_ids(families.WINDOW + 1)
    scorer = Scorer(gpt2, plain)
    assert scorer.window == families.WINDOW
    assert scorer.log_prob_ids([ids])[0] == pytest.approx(nats(ids, 1), abs=3 * ABS)
    with pytest.raises(ValueError, match="sequence 0"):
        scorer.log_prob_ids([[*ids, 5]])
    assert scorer.next_log_probs(ids[:-1])[ids[-1]] == pytest.approx(nats(ids, len(ids) - 1), abs=ABS)
    with pytest.raises(ValueError, match="sequence 0"):
        scorer.next_log_probs(ids)
    slid = Scorer(gpt2, plain, overflow="slide")
    assert slid.next_log_probs(ids)[5] == pytest.approx(slid.conditional_log_prob_ids([(ids, [5])])[0], abs=ABS)


@pytest.mark.parametrize("stride", [None, 1, 50, families.WINDOW])
@pytest.mark.parametrize("n_context", [1, 100, 300])
def test_windows(stride, n_context, gpt2, plain):
    """Every token once, each with at least window - stride + 1 ids before it; BOS is read in the first window only."""
    window, step = families.WINDOW, stride or families.WINDOW // 2
    ids = long_ids(window + 21 if stride == 1 else 2 * window + 37)
    n_context = min(n_context, len(ids) - 5)
    want, scored = 0.0, 1
    for start in range(0, len(ids), step):
        part = ids[start : start + window + 1]
        if start + len(part) <= scored:
            break
        tokens = families.reference(families.exact("gpt2"), part)
        for t in range(scored, start + len(part)):
            want += tokens[t - start - 1].item() if t >= n_context else 0.0
        scored = start + len(part)
    assert scored == len(ids)
    for simple in (False, True):
        scorer = Scorer(gpt2, plain, overflow="slide", stride=stride, simple=simple)
        got = scorer.conditional_log_prob_ids([(ids[:n_context], ids[n_context:]), ([0], [5])])
        assert got[0] == pytest.approx(want, abs=1e-3, rel=0)


def test_sliding_is_one_window_where_the_text_fits(gpt2, with_bos):
    text = "the cat sat on the mat " * 4
    one, slid = Scorer(gpt2, with_bos), Scorer(gpt2, with_bos, overflow="slide", stride=7)
    assert slid.log_prob([text])[0] == pytest.approx(one.log_prob([text])[0], abs=1e-5)
    assert "slid" not in slid.tokens([text])[0].flags
    assert "slid" in slid.tokens([text * 10])[0].flags and "slid" in slid.score([(text, text * 10)])[0].flags
    for stride in (0, families.WINDOW + 1):
        with pytest.raises(ValueError, match="stride"):
            Scorer(gpt2, with_bos, overflow="slide", stride=stride)


# --- impossible, not a number ---


def broken(model, ids, value: float):
    """A copy of the model whose output layer gives these words this logit."""
    changed = copy.deepcopy(model)
    old = changed.lm_head
    changed.lm_head = torch.nn.Linear(old.in_features, old.out_features, bias=True, device=old.weight.device)
    with torch.no_grad():
        changed.lm_head.weight.copy_(old.weight)
        changed.lm_head.bias.zero_()
        changed.lm_head.bias[ids] = value
    changed.config.tie_word_embeddings = False
    return changed


def test_impossible(gpt2, with_bos):
    """Trap: a floor under zero probabilities, which lets an impossible text beat a possible one."""
    cat, sat = (with_bos(word, add_special_tokens=False).input_ids[0] for word in (" cat", " sat"))
    model = broken(gpt2, [sat], -math.inf)
    for simple in (False, True):
        scorer = Scorer(model, with_bos, simple=simple)
        hit, fine, before = scorer.score([("the cat", " sat"), ("the", " cat"), ("the cat sat", " on")])
        assert hit.conditional == hit.joint == -math.inf and hit.flags == ("impossible",)
        assert math.isfinite(fine.joint) and fine.flags == ()
        assert before.marginal == before.joint == -math.inf and "impossible" in before.flags
        assert math.isfinite(before.conditional)  # trap: joint - marginal would be -inf - (-inf), NaN
        assert hit.perplexity == math.inf
        best = scorer.rank("the cat", [" sat", " on"])
        assert [r.text for r in best] == [" on", " sat"] and best[0].margin == math.inf
        both = scorer.rank("the cat", [" sat", " sat"])
        assert [r.index for r in both] == [0, 1] and both[0].margin == 0.0
    assert cat != sat


def test_nan_names_the_pair(gpt2, with_bos):
    model = copy.deepcopy(gpt2)
    with torch.no_grad():
        model.transformer.wte.weight[with_bos(" dog", add_special_tokens=False).input_ids[0]] = math.nan
    model.lm_head.weight = torch.nn.Parameter(gpt2.lm_head.weight.clone())
    for simple in (False, True):
        scorer = Scorer(model, with_bos, simple=simple)
        with pytest.raises(ValueError, match=r"pair 1 \(x='the dog', y=' ran'\).*NaN"):
            scorer.conditional_log_prob([("the cat", " sat"), ("the dog", " ran"), ("the", " cat")])
        assert np.isfinite(scorer.conditional_log_prob([("the cat", " sat")])).all()
    everywhere = copy.deepcopy(gpt2)
    everywhere.lm_head.weight = torch.nn.Parameter(torch.full_like(gpt2.lm_head.weight, math.nan))
    with pytest.raises(ValueError, match=r"pair 0 .*NaN"):
        Scorer(everywhere, with_bos).conditional_log_prob([("the cat", " sat")])


def test_options_that_do_not_exist(gpt2, plain):
    for options in ({"boundary": "x"}, {"overflow": "cut"}, {"batch_tokens": 0}, {"bos": "yes"}):
        with pytest.raises(ValueError):
            Scorer(gpt2, plain, **options)
    scorer = Scorer(gpt2, plain)
    for pairs in (["ab"], [("a", 1)], [("a", "b", "c")]):
        with pytest.raises(TypeError, match="pair 0"):
            scorer.score(pairs)
    with pytest.raises(ValueError, match="by is one of"):
        scorer.rank("a", ["b"], by="mean")


@pytest.mark.parametrize("half", ["the \ud83d", "\udc67 cat"])
def test_half_of_a_surrogate_pair_is_no_text(half, gpt2, plain):
    """It has no bytes: tokenizers fall over it each in its own way."""
    scorer = Scorer(gpt2, plain)
    for pair in ((half, " cat"), ("the", half)):
        with pytest.raises(ValueError, match=r"pair 1 is no Unicode text.*surrogate.*ud"):
            scorer.score([("the", " cat"), pair])
    for call in (scorer.log_prob, scorer.tokens):
        with pytest.raises(ValueError, match="text 1 is no Unicode text"):
            call(["the cat", half])


def test_one_text_is_a_list_of_one(gpt2, plain):
    """Trap: a text is a sequence too, of its characters."""
    scorer = Scorer(gpt2, plain)
    assert scorer.log_prob("the cat") == pytest.approx(scorer.log_prob(["the cat"]), abs=1e-6)
    assert scorer.tokens("the cat")[0].text == "the cat"
    with pytest.raises(TypeError, match="text 1: 5 is no text"):
        scorer.log_prob(["the cat", 5])


def test_a_tokenizer_that_knows_more_words_than_the_model(gpt2, with_bos):
    """An id without an embedding is an error that names the pair, not one of the device."""
    tokenizer = copy.deepcopy(with_bos)
    tokenizer.add_tokens([f"<extra{i}>" for i in range(20)])
    assert len(tokenizer) > families.VOCABULARY
    with pytest.raises(ValueError, match=r"pair 1 .*vocabulary"):
        Scorer(gpt2, tokenizer).score([("the", " cat"), ("the", "<extra19>")])
