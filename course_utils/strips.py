"""Tokens and their surprisals as people read them: in a terminal, and as coloured strips in a notebook."""

import html
from collections.abc import Iterable

Strip = Iterable[tuple[str, float | None]]  # tokens with their surprisals in nats; None for a token that was given
SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥"}


class Shown:
    """Text in a terminal, a table with strips in a notebook (inline styles only: they survive in an untrusted one).

    Each kind has its own ``_numbers``, name and value; ``_strips``, by name; and ``flags``, which are shown where there
    are any.
    """

    flags: tuple[str, ...]

    def _numbers(self) -> dict[str, str]:
        raise NotImplementedError

    def _strips(self) -> dict[str, Strip]:
        raise NotImplementedError

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
        f'<code style="color:#000000;background:{ground}">{html.escape(visible(token))}</code>'
        f'<br><span style="font-size:80%">{below}</span></span>'
    )


def visible(token: str) -> str:
    """The token with its spaces, line ends and other signs that nobody sees; a point where it is empty."""
    shown = (SIGNS.get(c, c if c.isprintable() else c.encode("unicode_escape").decode()) for c in token)
    return "".join(shown) or "·"
