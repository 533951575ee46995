"""What the scorer gives back, as plain numbers, as text and as a table with a strip of surprisals."""

import html
import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Ranked:
    """One candidate of a ranking.

    Attributes:
        index: its place in the list given; text: itself.
        value: nats, for each token or byte where asked.
        margin: by how much it beats the next one (infinite for the last: it beats nothing, nor is it tied).
    """

    index: int
    text: str
    value: float
    margin: float


class _Shown:
    """Text in a terminal, a table with strips in a notebook (inline styles only: they survive in an untrusted one).

    Each kind has its own _numbers(), name and value, and _strips(): by name, pairs of a token and its surprisal (None
    for a token that was given).
    """

    flags: tuple[str, ...]

    def _rows(self) -> dict[str, str]:
        return self._numbers() | ({"flags": ", ".join(self.flags)} if self.flags else {})

    def __repr__(self) -> str:
        rows = self._rows()
        for name, strip in self._strips().items():
            rows[name] = " ".join(f"{token!r}" if nats is None else f"{token!r}:{nats:z.2f}" for token, nats in strip)
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())

    def _repr_html_(self) -> str:
        cell = '<td style="text-align:{}">{}</td>'.format
        rows = (
            f"<tr>{cell('left', html.escape(n))}{cell('right', html.escape(v))}</tr>" for n, v in self._rows().items()
        )
        strips = (
            f'<div style="line-height:2.6">{name} {"".join(_token_html(*each) for each in strip)}</div>'
            for name, strip in self._strips().items()
        )
        return f"<table>{''.join(rows)}</table>{''.join(strips)}"


def _token_html(token: str, surprisal: float | None) -> str:
    """One token over its surprisal; the darker the orange, the more surprising (the number stands below it)."""
    shade = 0.0 if surprisal is None else min(1.0, surprisal / 10)
    ground = f"#ff{round(255 - 96 * shade):02x}{round(255 - 255 * shade):02x}"
    below = "given" if surprisal is None else f"{surprisal:z.2f}"
    return (
        '<span style="display:inline-block;text-align:center;line-height:1.2;margin:1px;padding:1px 4px;'
        f'overflow-wrap:anywhere;border:1px solid #999;color:#000000;background:{ground}">'
        f'<code style="color:#000000;background:{ground}">{html.escape(_visible(token))}</code>'
        f'<br><span style="font-size:80%">{below}</span></span>'
    )


def _visible(token: str) -> str:
    """The token with its spaces, line ends and other signs that nobody sees."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in token.replace(" ", "␣"))
    return "".join(shown) or "·"


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
        return 0.0 - self.log_probs  # of a certain token 0, not -0

    @property
    def log_prob(self) -> float:
        """log Pr(text | BOS), nats."""
        return float(self.log_probs.sum())

    def _numbers(self):
        return {"log Pr(text)": f"{self.log_prob:z.4f}", "tokens": str(len(self.ids))}

    def _strips(self):
        return {"text": zip(self.tokens, self.surprisals.tolist(), strict=True)}


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

    def _numbers(self):
        values = {"log Pr([x, y])": self.joint, "log Pr(x)": self.marginal, "log Pr(y | x)": self.conditional}
        shown = {name: f"{value:z.4f}" for name, value in values.items()}
        return shown | {"tokens of x, y": f"{len(self.x_tokens)}, {len(self.y_tokens)}"}

    def _strips(self):
        given = [None] * (len(self.x_tokens) - len(self.x_log_probs))
        return {
            "x": zip(self.x_tokens, [*given, *(-self.x_log_probs).tolist()], strict=True),
            "y": zip(self.y_tokens, (-self.y_log_probs).tolist(), strict=True),
        }
