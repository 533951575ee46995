"""What the scorer gives back: plain numbers, which show themselves as a table with strips of surprisals."""

import math
from dataclasses import dataclass, field

import numpy as np

from course_utils.strips import Shown, Strip


@dataclass(frozen=True)
class Ranked:
    """One candidate of a ranking.

    Attributes:
        index: its place in the list given; text: itself.
        value: nats, for each token or byte where asked.
        margin: by how much it beats the next one (infinite for the last: it beats nothing, nor is it tied).
        flags: those of its ``PairScore``.
    """

    index: int
    text: str
    value: float
    margin: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class TokenScores(Shown):
    """The tokens of one text, each with log Pr(token | BOS and the tokens before it), in nats.

    Attributes:
        text: the text.
        ids: its token ids, n of them (BOS is a condition, not one of them; EOS is the last where it was asked for).
        tokens: the same as texts.
        log_probs: float64 array (n,), nats.
        bos: the id that stands before the text.
        flags: any of "slid", "impossible", "empty_y", and those of ``event.Event``.
        exact: whether this is the probability of exactly these characters.
    """

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    log_probs: np.ndarray = field(compare=False)
    bos: int | None
    flags: tuple[str, ...] = ()
    exact: bool = True

    @property
    def surprisals(self) -> np.ndarray:
        """float64 array (n,), nats: minus the log-probabilities."""
        return 0.0 - self.log_probs  # of a certain token 0, not -0

    @property
    def log_prob(self) -> float:
        """log Pr(text | BOS), nats."""
        return float(self.log_probs.sum())

    def _numbers(self) -> dict[str, str]:
        return {"log Pr(text)": f"{self.log_prob:z.4f}", "tokens": str(len(self.ids))}

    def _strips(self) -> dict[str, Strip]:
        return {"text": zip(self.tokens, self.surprisals.tolist(), strict=True)}


@dataclass(frozen=True, repr=False)
class PairScore(Shown):
    """The log-probabilities of one pair (x, y), in nats; joint = marginal + conditional, all from one pass.

    Attributes:
        x, y: the texts.
        joint: log Pr([x, y]); marginal: log Pr(x). Given BOS where ``bos`` is an id. Where it is None, nothing stood
            before x: its first token is then given, not predicted, in both.
        conditional: log Pr(y | x), the direct sum over the tokens of y.
        x_tokens: the tokens that y is conditioned on, BOS left out; y_tokens: the tokens that were scored as y.
        x_log_probs: float64, one for each predicted token of x; y_log_probs: float64, one for each token of y.
        bos: the id that stood before x, or None.
        n_bytes: the UTF-8 bytes of the characters that were scored: those of y, from where its first token begins.
        flags: any of "merged_boundary" (a token spans the join, from either side), "empty_x", "empty_y" (no
            characters: 0.0), "slid" (longer than the model's window), "impossible" (a probability of zero among the
            tokens), and those of ``event.Event``.
        exact: whether ``conditional`` is log Pr of exactly the characters of y, given exactly those of x.
    """

    x: str
    y: str
    joint: float
    marginal: float
    conditional: float
    x_tokens: tuple[str, ...]
    y_tokens: tuple[str, ...]
    x_log_probs: np.ndarray = field(compare=False)
    y_log_probs: np.ndarray = field(compare=False)
    bos: int | None
    n_bytes: int
    flags: tuple[str, ...] = ()
    exact: bool = True

    @property
    def per_token(self) -> float:
        """The mean of y's token log-probabilities, nats; NaN for an empty y."""
        return self.conditional / (len(self.y_tokens) or math.nan)

    @property
    def per_byte(self) -> float:
        """log Pr(y | x) for each UTF-8 byte of y, nats; NaN for an empty y."""
        return self.conditional / (self.n_bytes or math.nan)

    @property
    def perplexity(self) -> float:
        """exp of minus ``per_token``: the mean is over y's tokens (EOS too where it was scored, BOS never)."""
        return float(np.exp(np.float64(-self.per_token)))

    @property
    def bits_per_byte(self) -> float:
        """Bits that the model needs for each UTF-8 byte of y: comparable between tokenizers; NaN for an empty y."""
        return -self.per_byte / math.log(2)

    def _numbers(self) -> dict[str, str]:
        values = {"log Pr([x, y])": self.joint, "log Pr(x)": self.marginal, "log Pr(y | x)": self.conditional}
        shown = {name: f"{value:z.4f}" for name, value in values.items()}
        return shown | {"tokens of x, y": f"{len(self.x_tokens)}, {len(self.y_tokens)}"}

    def _strips(self) -> dict[str, Strip]:
        given = [None] * (len(self.x_tokens) - len(self.x_log_probs))
        return {
            "x": zip(self.x_tokens, [*given, *(-self.x_log_probs).tolist()], strict=True),
            "y": zip(self.y_tokens, (-self.y_log_probs).tolist(), strict=True),
        }
