"""What comes back, as numbers, as text and in a notebook."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from course_utils.scoring import PairScore, Ranked, Scorer, TokenScores
from course_utils.staff.authoring.lints.figures import colour_faults


@pytest.fixture(scope="module")
def score(gpt2, with_bos) -> PairScore:
    return Scorer(gpt2, with_bos).score([("the <b>cat</b>", " sät on")])[0]


def test_measures_of_length(score):
    """Traps: bytes counted as characters; BOS counted among the tokens; bits for nats."""
    assert score.n_bytes == len(" sät on".encode()) == 8
    assert score.per_token == pytest.approx(score.conditional / len(score.y_tokens))
    assert score.perplexity == pytest.approx(math.exp(-score.conditional / len(score.y_log_probs)))
    assert score.bits_per_byte == pytest.approx(-score.conditional / math.log(2) / 8)
    assert score.y_log_probs.dtype == np.float64 and score.conditional == pytest.approx(math.fsum(score.y_log_probs))
    assert score.marginal == pytest.approx(math.fsum(score.x_log_probs))
    assert isinstance(score.joint, float) and len(score.x_tokens) == len(score.x_log_probs)


def test_the_answer_key():
    """-1.5 - 0.9 - 1.1 = -3.5 over 3 tokens and 11 bytes."""
    values = np.array([-1.5, -0.9, -1.1])
    score = PairScore("", "the cat sat", -3.5, 0.0, -3.5, (), ("the", " cat", " sat"), np.zeros(0), values, 0, 11)
    assert score.per_token == pytest.approx(-3.5 / 3)
    assert score.perplexity == pytest.approx(3.2112705, abs=1e-7)
    assert score.bits_per_byte == pytest.approx(0.4590393, abs=1e-7)


def test_rank_by_total_by_token_and_by_byte(gpt2, with_bos):
    """The total and the means are different objectives; the order is best first."""
    scorer = Scorer(gpt2, with_bos)
    candidates = [" sat", " sat on the mat", " 日本", ""]
    scores = scorer.score([("the cat", y) for y in candidates])
    for by, values in {
        "log_prob": [s.conditional for s in scores],
        "per_token": [s.conditional / len(s.y_tokens) for s in scores[:3]] + [-math.inf],
        "per_byte": [s.conditional / len(s.y.encode()) for s in scores[:3]] + [-math.inf],
    }.items():
        ranked = scorer.rank("the cat", candidates, by=by)
        assert all(isinstance(r, Ranked) for r in ranked)
        assert [r.index for r in ranked] == sorted(range(4), key=lambda i: -values[i])
        assert [r.text for r in ranked] == [candidates[r.index] for r in ranked]
        finite = [r for r in ranked if not math.isnan(r.value)]
        assert [r.value for r in finite] == pytest.approx([values[r.index] for r in finite], abs=1e-5)
        for upper, lower in zip(finite, finite[1:], strict=False):
            assert upper.margin == pytest.approx(upper.value - lower.value) and upper.margin >= 0
    ranks = [[r.index for r in scorer.rank("the cat", candidates[:2], by=by)] for by in ("log_prob", "per_token")]
    assert ranks[0] == [0, 1]
    assert scorer.rank("the cat", [" sat"])[0].margin == math.inf and scorer.rank("the cat", []) == []


def test_tokens_read_as_text(gpt2, with_bos):
    first, second = Scorer(gpt2, with_bos).tokens(["the cat sat", "日本"])
    assert isinstance(first, TokenScores) and "".join(first.tokens) == "the cat sat"
    assert len(first.ids) == len(first.tokens) == len(first.log_probs) and first.bos == 0
    assert "\ufffd" not in "".join(second.tokens) and len(second.tokens) > 2
    in_bytes = "".join(second.tokens).encode().decode("unicode_escape").encode("latin-1")
    assert in_bytes.decode() == "日本"  # a part of a character, which is no text, is shown as its bytes
    assert first.flags == second.flags == ()  # a text alone has no x that could be empty
    assert (first.surprisals == -first.log_probs).all() and (first.surprisals >= 0).all()


class Reader(HTMLParser):
    """Every tag closed, nothing that an untrusted notebook strips."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        assert tag in {"table", "tr", "td", "div", "span", "code", "br"} and set(dict(attributes)) <= {"style"}
        self.open += [tag] if tag != "br" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html(score, gpt2, with_bos):
    tokens = Scorer(gpt2, with_bos).tokens(["the cat <i>"])[0]
    for shown in (score, tokens):
        reader = Reader()
        reader.feed(shown._repr_html_())
        assert not reader.open
        assert "<script" not in shown._repr_html_() and "<b>" not in shown._repr_html_()
    assert f"{score.conditional:.4f}" in score._repr_html_()
    for surprisal in -score.y_log_probs:
        assert f"{surprisal:.2f}" in score._repr_html_()
    grounds = re.findall(r"background:(#ff\w{4})\"><code", score._repr_html_())
    assert len(grounds) == len(score.x_tokens) + len(score.y_tokens)
    assert colour_faults(score._repr_html_()) == []


def test_signs_that_nobody_sees(gpt2, with_bos):
    """A line end in the strip would tear its box apart, a tab leaves it empty."""
    shown = Scorer(gpt2, with_bos).tokens(["a\n b\tc\u200d"])[0]._repr_html_()
    assert ">↵<" in shown and ">⇥<" in shown and "␣" in shown and not set("\n\t\u200d") & set(shown)


def test_a_certain_token_has_no_minus(score):
    values = np.array([0.0, -1e-9])
    shown = PairScore("a", "b c", -1e-9, -0.0, -1e-9, ("a",), ("b", " c"), np.zeros(1), values, 0, 3)
    assert "-0" not in str(shown) + shown._repr_html_() and "'b':0.00" in str(shown)


def test_x_and_y_stand_apart(score):
    """Where y begins is what a reader looks for first."""
    *_, x, y = str(score).split("\n")
    assert x.split()[0] == "x" and y.split()[0] == "y"
    assert [line.count(":") for line in (x, y)] == [len(score.x_tokens), len(score.y_tokens)]
    before, after = score._repr_html_().split(">y <")
    assert before.count("<code") == len(score.x_tokens) and after.count("<code") == len(score.y_tokens)


def test_plain_text(score, gpt2, plain):
    assert str(score) == repr(score) and f"{score.marginal:.4f}" in str(score) and "<" not in str(score).split("\n")[0]
    given = Scorer(gpt2, plain).score([("the cat", " sat")])[0]
    assert "given" in given._repr_html_()  # without BOS the first token has no probability of its own
    empty = Scorer(gpt2, plain).score([("", "")])[0]
    assert "empty_x, empty_y" in str(empty) and empty._repr_html_()


def test_names_are_loaded_on_first_use():
    """The package itself loads neither torch nor transformers."""
    import subprocess
    import sys

    code = (
        "import sys, course_utils.scoring, course_utils.cli.score; "
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules); "
        "from course_utils.scoring import Ranked; assert 'torch' not in sys.modules; "
        "assert 'Scorer' in dir(course_utils.scoring)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import course_utils.scoring

    with pytest.raises(AttributeError):
        course_utils.scoring.nothing  # noqa: B018
