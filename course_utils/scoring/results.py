"""What the scorer gives back, as plain numbers, as text and as a table with a strip of surprisals."""

import html
import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Ranked:
    """One candidate of a ranking: its place in the list given, its text, its value in nats (per token or per byte where
    asked), and ``margin``, by how much it beats the next one (infinite for the last: it beats nothing, nor is it tied).
    """

    index: int
    text: str
    value: float
    margin: float


class _Shown:
    """Text in a terminal, a table with a strip in a notebook (inline styles only: they survive in an untrusted one)."""

    # Each kind has its own _numbers(), pairs of a name and a value, and _strip(), pairs of a token and its surprisal
    # (None for a token that was given).

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._numbers())
        lines = [f"{name:<{width}}  {value}" for name, value in self._numbers()]
        lines.append(" ".join(f"{token!r}" if s is None else f"{token!r}:{s:.2f}" for token, s in self._strip()))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="text-align:left">{html.escape(name)}</td>'
            f'<td style="text-align:right">{html.escape(value)}</td></tr>'
            for name, value in self._numbers()
        )
        strip = "".join(_token_html(token, surprisal) for token, surprisal in self._strip())
        return f'<table>{rows}</table><div style="line-height:2.6">{strip}</div>'


def _token_html(token: str, surprisal: float | None) -> str:
    """One token over its surprisal; the darker the orange, the more surprising (the number stands below it)."""
    shade = 0.0 if surprisal is None else min(1.0, surprisal / 10)
    ground = f"#ff{round(255 - 96 * shade):02x}{round(255 - 255 * shade):02x}"
    below = "given" if surprisal is None else f"{surprisal:.2f}"
    return (
        f'<span style="display:inline-block;text-align:center;line-height:1.2;margin:1px;padding:1px 4px;'
        f'border:1px solid #999;color:#000000;background:{ground}">'
        f'<code style="color:#000000;background:{ground}">{html.escape(token).replace(" ", "␣") or "·"}</code>'
        f'<br><span style="font-size:80%">{below}</span></span>'
    )


def _nats(value: float) -> str:
    return f"{value:.4f}"


@dataclass(frozen=True, repr=False)
class TokenScores(_Shown):
    """The tokens of one text, each with log Pr(token | BOS and the tokens before it), in nats.

    Attributes:
        text: the text.
        ids: its token ids, n of them (BOS is a condition, not one of them; EOS is the last where it was asked for).
        tokens: the same as texts.
        log_probs: float64 array (n,), nats.
        bos: the id that stands before the text.
        flags: any of "slid", "impossible", "empty_y".
    """

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    log_probs: np.ndarray = field(compare=False)
    bos: int | None
    flags: tuple[str, ...] = ()

    @property
    def surprisals(self) -> np.ndarray:
        """float64 array (n,), nats: minus the log-probabilities."""
        return -self.log_probs

    @property
    def log_prob(self) -> float:
        """log Pr(text | BOS), nats."""
        return float(self.log_probs.sum())

    def _numbers(self):
        return [("log Pr(text)", _nats(self.log_prob)), ("tokens", str(len(self.ids))), *_flag_row(self.flags)]

    def _strip(self):
        return [(token, float(s)) for token, s in zip(self.tokens, self.surprisals, strict=True)]


@dataclass(frozen=True, repr=False)
class PairScore(_Shown):
    """The log-probabilities of one pair (x, y), in nats; joint = marginal + conditional, all from one pass.

    Attributes:
        x, y: the texts.
        joint: log Pr([x, y]); marginal: log Pr(x). Given BOS where ``bos`` is an id. Where it is None, nothing stood
            before x: its first token is then given, not predicted, in both.
        conditional: log Pr(y | x), the direct sum over the tokens of y.
        x_tokens: the tokens that y is conditioned on, BOS left out; y_tokens: the tokens that were scored as y.
        x_log_probs: float64, one for each predicted token of x; y_log_probs: float64, one for each token of y.
        bos: the id that stood before x, or None.
        n_bytes: the UTF-8 bytes of the text y, whichever tokens spell it.
        flags: any of "merged_boundary" (a token of y reaches back into x), "empty_x", "empty_y" (no token to score:
            0.0), "slid" (longer than the model's window), "impossible" (a probability of zero among the tokens).
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

    @property
    def per_token(self) -> float:
        """The mean of y's token log-probabilities, nats; NaN for an empty y."""
        return self.conditional / len(self.y_tokens) if self.y_tokens else math.nan

    @property
    def perplexity(self) -> float:
        """exp of minus ``per_token``: the mean is over y's tokens (EOS too where it was scored, BOS never)."""
        return math.nan if math.isnan(self.per_token) else float(np.exp(-np.float64(self.per_token)))

    @property
    def bits_per_byte(self) -> float:
        """Bits that the model needs for each UTF-8 byte of y: comparable between tokenizers; NaN for an empty y."""
        return -self.conditional / math.log(2) / self.n_bytes if self.n_bytes else math.nan

    def _numbers(self):
        numbers = [
            ("log Pr([x, y])", _nats(self.joint)),
            ("log Pr(x)", _nats(self.marginal)),
            ("log Pr(y | x)", _nats(self.conditional)),
            ("tokens of x, y", f"{len(self.x_tokens)}, {len(self.y_tokens)}"),
        ]
        return numbers + _flag_row(self.flags)

    def _strip(self):
        given = [None] * (len(self.x_tokens) - len(self.x_log_probs))
        surprisals = [*given, *(-self.x_log_probs).tolist(), *(-self.y_log_probs).tolist()]
        return list(zip((*self.x_tokens, *self.y_tokens), surprisals, strict=True))


def _flag_row(flags: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("flags", ", ".join(flags))] if flags else []
