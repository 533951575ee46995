"""Of which characters a score is the probability: for each habit of a tokenizer the smallest text that shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from course_utils.scoring import Scorer
from course_utils.scoring.event import gaps, left_out, read

from . import texts
from .texts import BOS, CORPUS, EOS, UNK


def trained(
    model, trainer, *, normalizer=None, pre=None, decoder=None, unk: str | None = UNK
) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer or tokenizer.normalizer
    tokenizer.pre_tokenizer = pre or tokenizer.pre_tokenizer
    tokenizer.decoder = decoder or tokenizer.decoder
    tokenizer.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, unk_token=unk)


SPECIAL = {"special_tokens": [BOS, EOS, UNK], "show_progress": False}


def bytes_of_a_corpus() -> PreTrainedTokenizerFast:
    """Byte-level pieces whose alphabet is that of a corpus: all other bytes have no token, and no unknown one."""
    trainer = trainers.BpeTrainer(vocab_size=60, **SPECIAL)
    pre, decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre, decoder
    tokenizer.train_from_iterator(["the cat sat on the mat"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)


def characters(normalizer=None) -> PreTrainedTokenizerFast:
    trainer = trainers.BpeTrainer(vocab_size=60, limit_alphabet=60, **SPECIAL)
    return trained(models.BPE(unk_token=UNK), trainer, normalizer=normalizer, decoder=decoders.Fuse())


def word_pieces() -> PreTrainedTokenizerFast:
    return trained(
        models.WordPiece(unk_token=UNK),
        trainers.WordPieceTrainer(vocab_size=200, **SPECIAL),
        normalizer=normalizers.BertNormalizer(),
        pre=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.WordPiece(cleanup=False),
    )


def unigram() -> PreTrainedTokenizerFast:
    trainer = trainers.UnigramTrainer(vocab_size=120, unk_token=UNK, **SPECIAL)
    pre, decoder = pre_tokenizers.Metaspace(prepend_scheme="always"), decoders.Metaspace(prepend_scheme="always")
    return trained(models.Unigram(), trainer, pre=pre, decoder=decoder)


def last_piece_takes_blanks() -> PreTrainedTokenizerFast:
    """A control token of which the blanks behind it are a part (``rstrip``)."""
    tokenizer = texts.byte_level("bos")
    from tokenizers import AddedToken

    tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken("<turn>", rstrip=True)]})
    return tokenizer


KINDS = {
    "bytes": texts.byte_level,
    "sentence pieces": texts.sentence_pieces,
    "sentence pieces, stripped": lambda: texts.sentence_pieces(strip=True),
    "bytes of a corpus": bytes_of_a_corpus,
    "characters": characters,
    "characters, NFKC": lambda: characters(normalizers.NFKC()),
    "characters, lower case": lambda: characters(normalizers.Lowercase()),
    "word pieces": word_pieces,
    "unigram": unigram,
    "blanks behind a control token": last_piece_takes_blanks,
}
TOKENIZERS = {name: make() for name, make in KINDS.items()}


def event(kind: str, text: str):
    out = TOKENIZERS[kind](text, add_special_tokens=False, return_offsets_mapping=True)
    return read(TOKENIZERS[kind], text, out.input_ids, out.offset_mapping)


@pytest.mark.parametrize(
    ("kind", "text", "flags", "lost"),
    [
        ("bytes", "日本 ok", (), ""),
        ("bytes", "the cat</s>", ("special_text",), ""),
        ("sentence pieces", "the cat", (), ""),
        ("sentence pieces, stripped", " the cat", ("lost_text",), " "),
        ("bytes of a corpus", "the cat", (), ""),
        ("bytes of a corpus", "ж", ("lost_text",), "ж"),
        ("bytes of a corpus", "the жat", ("lost_text",), "ж"),
        ("characters", "the cat", (), ""),
        ("characters", "@", ("unknown_token",), ""),
        ("characters, NFKC", "ﬁ", ("changed_text",), ""),
        ("characters, lower case", "The", ("changed_text",), ""),
        ("word pieces", "the cat", (), ""),
        ("word pieces", "the  cat", ("lost_text",), " "),
        ("word pieces", "The cat", ("changed_text",), ""),
        ("word pieces", "café", ("changed_text",), ""),
        ("unigram", "the cat", (), ""),
        ("unigram", "@", ("unknown_token",), ""),
    ],
)
def test_the_smallest_text_of_each_flag(kind, text, flags, lost):
    found = event(kind, text)
    assert (found.flags, found.lost) == (flags, lost)
    assert found.exact == (not set(flags) - {"special_text"})


alphabet = st.text(
    st.one_of(st.sampled_from("the cat sat on mat.<>/s \n\t\xa0ﬁéÉжd日🙂"), st.characters(exclude_categories=["Cs"])),
    max_size=12,
)


@pytest.mark.parametrize("kind", list(KINDS))
@given(text=alphabet)
def test_either_the_ids_give_the_text_back_or_a_flag_says_why_not(kind, text):
    """Against a decoder that was not asked: the tokens' own pieces, put together by the tokenizer's backend."""
    found = event(kind, text)
    ids = TOKENIZERS[kind](text, add_special_tokens=False).input_ids
    back = TOKENIZERS[kind].backend_tokenizer.decode(ids, skip_special_tokens=False)
    same = back == text and TOKENIZERS[kind].unk_token_id not in ids
    assert found.exact == same and bool(set(found.flags) - {"special_text"}) == (not same)
    if not ids and text:
        assert {"lost_text", "changed_text"} & set(found.flags), "no token at all, and nobody says so"


@pytest.mark.parametrize("corpus", ["01 10 0011", "привет мир", "xyz", "a"])
def test_bos_is_found_whatever_letters_a_vocabulary_lacks(corpus, gpt2):
    """Trap: a tokenizer without the letter that is asked for has no ids to be found among its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator([corpus], trainers.BpeTrainer(vocab_size=60, **SPECIAL))
    texts._template(tokenizer, "both")
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
    scorer = Scorer(gpt2, made)
    assert scorer.bos == 0 and scorer.tokens([corpus])[0].bos == 0
    assert scorer.log_prob([corpus])[0] < 0


@pytest.mark.parametrize(
    ("spans", "length", "expected"),
    [([], 0, []), ([], 3, [(0, 3)]), ([(0, 2), (1, 3)], 4, [(3, 4)]), ([(1, 2), (2, 2), (4, 5)], 5, [(0, 1), (2, 4)])],
)
def test_gaps(spans, length, expected):
    assert gaps(spans, length) == expected


@pytest.mark.parametrize(
    ("text", "back", "missing"),
    [
        ("abc", "abc", ""),
        ("abc", "", "abc"),
        ("abab", "ab", "ab"),
        ("abc", "ac", "b"),
        ("abc", "ca", None),
        ("", "a", None),
    ],
)
def test_what_is_left_out(text, back, missing):
    assert left_out(text, back) == missing


@pytest.mark.parametrize("method", ["conditional_log_prob", "score"])
@pytest.mark.parametrize("pair", [("the cat", " жж"), ("ж", " cat")])
def test_a_text_that_was_not_read_wins_no_ranking_in_silence(pair, method, gpt2):
    """Trap: no token, no factor, log Pr = 0.0, the best score there is."""
    scorer = Scorer(gpt2, TOKENIZERS["bytes of a corpus"], bos=True)
    with pytest.raises(ValueError, match=r"pair 1 .*no token for 'ж.*lossy=\"flag\""):
        getattr(scorer, method)([("the cat", " sat"), pair])
    with pytest.raises(ValueError, match="pair 1"):
        scorer.rank("the", [" cat", " ж"])
    with pytest.raises(ValueError, match="text 0"):
        scorer.log_prob(["ж"])


def test_what_is_left_is_scored_where_that_is_asked_for(gpt2):
    scorer = Scorer(gpt2, TOKENIZERS["bytes of a corpus"], bos=True, lossy="flag")
    score, plain = scorer.score([("the", " cжat"), ("the", " cat")])
    assert score.conditional == pytest.approx(plain.conditional, abs=1e-5)
    assert (score.exact, score.flags, score.n_bytes) == (False, ("lost_text",), 4)
    assert (plain.exact, plain.flags, plain.n_bytes) == (True, (), 4)
    (tokens,) = scorer.tokens(["жж"])
    assert (tokens.log_prob, tokens.exact, "lost_text" in tokens.flags) == (0.0, False, True)
    assert "lost_text" in repr(score)


def test_a_token_of_x_that_takes_what_begins_y(gpt2):
    """From the other side: the blank that begins y belongs to a control token of x."""
    tokenizer = TOKENIZERS["blanks behind a control token"]
    score = Scorer(gpt2, tokenizer).score([("the<turn>", " cat"), ("the cat", " sat")])
    assert "merged_boundary" in score[0].flags and not score[0].exact
    assert score[1].flags == () and score[1].exact
    with pytest.raises(ValueError, match="spans the join"):
        Scorer(gpt2, tokenizer, boundary="error").score([("the<turn>", " cat")])


def test_bytes_are_those_of_the_characters_that_were_scored(gpt2):
    """Where y's first token reaches back into x, its characters of x were scored, too."""
    score = Scorer(gpt2, texts.byte_level("bos")).score([("The ans", "wer")])[0]
    assert "merged_boundary" in score.flags
    scored = "".join(score.y_tokens)
    assert scored.endswith("wer") and score.n_bytes == len(scored.encode()) > 3


JOINS = [
    ("the cat", " sat"),
    ("the", "re"),
    ("", "the cat"),
    ("the cat", ""),
    ("the ", "cat"),
    ("the cat.", "The"),
    ("日", "本"),
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bytes of a corpus"])
@pytest.mark.parametrize(("x", "y"), JOINS)
def test_ids_that_are_joined_are_those_of_the_text_or_there_are_none(kind, x, y, gpt2):
    scorer = Scorer(gpt2, TOKENIZERS[kind], bos=True)
    joint, own = (TOKENIZERS[kind](text, add_special_tokens=False).input_ids for text in (x + y, x))
    if joint[: len(own)] == own:
        assert scorer.encode(x) + scorer.encode(y, after=x) == joint
    else:
        with pytest.raises(ValueError, match="spans the join"):
            scorer.encode(y, after=x)


def test_what_a_user_typed_may_be_read_as_text(gpt2):
    """Trap: "</s>" at the end of a reply is the end of the text for the model, and was four letters for its author."""
    tokenizer, text = TOKENIZERS["bytes"], "the cat</s>"
    control, plain = (Scorer(gpt2, tokenizer, bos=True, special_tokens=kind) for kind in ("control", "text"))
    assert control.encode(text)[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in plain.encode(text) and plain.decode(plain.encode(text)) == text
    with_control, as_text = control.tokens([text])[0], plain.tokens([text])[0]
    assert ("special_text" in with_control.flags, as_text.flags) == (True, ())
    assert control.encode(text)[-1] == tokenizer.eos_token_id, "what one scorer asked for changes nothing for another"


def test_a_ranking_says_which_candidates_are_not_what_they_seem(gpt2):
    scorer = Scorer(gpt2, TOKENIZERS["bytes of a corpus"], bos=True, lossy="flag")
    found = {each.text: each.flags for each in scorer.rank("the", [" cat", " caжt"])}
    assert found == {" cat": (), " caжt": ("lost_text",)}
