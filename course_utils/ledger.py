"""The books of a loss: a table with a row for each token, which says what was counted and what it came to."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.strips import visible

__all__ = ["IGNORED", "Ledger", "LedgerRow", "loss_ledger"]

IGNORED = -100  # the label that cross_entropy, and so every loss of transformers, leaves out

COLUMNS = ("at", "token", "role", "label", "log Pr", "counted", "sum")
# Colours are set on every cell, ground and text: a page with a dark theme has others of its own.
HEAD = "background: #1A1A1A; color: #FFFFFF"
ROWS = {True: "background: #DCEEFA; color: #1A1A1A", False: "background: #F0F0F0; color: #595959"}
CELL = "padding: 2px 10px; border: 1px solid #FFFFFF; white-space: pre; text-align: "


@dataclass(frozen=True)
class LedgerRow:
    """One token: `log_prob` in nats, None for the first one, which nothing predicts; `total` is the sum so far."""

    position: int
    token: str
    role: str  # "start", "prompt" or "response"
    label: str  # the label's text, or "-100"
    log_prob: float | None
    counted: bool
    total: float

    def cells(self) -> tuple[str, ...]:
        """The row as text, column by column."""
        log_prob = "none" if self.log_prob is None else f"{self.log_prob:.2f}"
        label = self.label if self.label == str(IGNORED) else visible(self.label)
        counted = "yes" if self.counted else "-"
        return (str(self.position), visible(self.token), self.role, label, log_prob, counted, f"{self.total:.2f}")


@dataclass(frozen=True)
class Ledger:
    """A loss token by token; shows itself as a table, in a notebook and in a terminal."""

    rows: tuple[LedgerRow, ...]

    @property
    def total(self) -> float:
        """The sum of the log-probabilities that count, in nats."""
        return self.rows[-1].total if self.rows else 0.0

    @property
    def count(self) -> int:
        """How many tokens count."""
        return sum(row.counted for row in self.rows)

    @property
    def loss(self) -> float:
        """Minus the mean of what counts, in nats; NaN where nothing does, as in torch."""
        return -self.total / self.count if self.count else float("nan")

    def __repr__(self) -> str:
        table = [COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
        numeric = (0, 4, 6)
        return "\n".join(
            "  ".join(
                cell.rjust(width) if i in numeric else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        )

    def _repr_html_(self) -> str:
        def line(tag: str, cells: Sequence[str], look: str) -> str:
            sides = ("right", "left", "left", "left", "right", "left", "right")
            inside = "".join(
                f'<{tag} style="{CELL}{side}; {look}">{html.escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )
            return f"<tr>{inside}</tr>"

        body = "".join(line("td", row.cells(), ROWS[row.counted]) for row in self.rows)
        return f'<table style="border-collapse: collapse">{line("th", COLUMNS, HEAD)}{body}</table>'


def loss_ledger(
    tokens: Sequence[str], labels: Sequence[str | int], log_probs: Sequence[float], n_prompt: int
) -> Ledger:
    """Keep the books of the loss on one text.

    tokens: (T,) the text of each token, the start symbol first. labels: (T,) the text of each label, unshifted (that of
    token t stands at t), or -100. log_probs: (T - 1,) nats, log Pr(token t | tokens before t) for t = 1, 2, ...
    n_prompt: how many tokens are the prompt, the start symbol included.

    A token counts where its label is not -100; the first one never does: nothing stands before it.
    Raises ValueError where the lengths do not fit.
    """
    if not len(tokens) == len(labels) == len(log_probs) + 1:
        raise ValueError(
            f"{len(tokens)} tokens need as many labels and one log-probability less; "
            f"got {len(labels)} labels and {len(log_probs)} log-probabilities"
        )
    rows: list[LedgerRow] = []
    total = 0.0
    for t, (token, label) in enumerate(zip(tokens, labels, strict=True)):
        log_prob = float(log_probs[t - 1]) if t else None
        counted = log_prob is not None and label != IGNORED
        total += log_prob if log_prob is not None and counted else 0.0
        role = "start" if t == 0 else "prompt" if t < n_prompt else "response"
        rows.append(LedgerRow(t, token, role, str(label), log_prob, counted, total))
    return Ledger(tuple(rows))
