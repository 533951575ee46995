"""Texts become ids: what stands before a text, where y begins, and what is never decided in silence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from . import inputs
from .event import Event, Span, control_ids, gaps, read
from .plan import Job

PROBES = ("a", "the", "0", ".", "и", "人", "ا", "A")  # texts of several kinds of letters


@dataclass(frozen=True, eq=False)
class Encoded:
    """One pair as ids: ``ids[:n_context]`` is what y is conditioned on, ``ids[n_context:]`` is y.

    The first ``n_start`` ids are what stands before every text (BOS): a condition, never predicted. ``name`` is what
    an error calls the pair. ``text`` is x + y, read as ``own``, where each token has its ``spans`` (None if not known);
    y's first token begins at the character ``begins``.
    """

    ids: np.ndarray
    n_context: int
    n_start: int
    name: str
    flags: tuple[str, ...]
    text: str
    own: Sequence[int]
    spans: Sequence[Span] | None
    begins: int

    def job(self, first: int) -> Job:
        """The scores of all ids from ``first`` on, and of the first one never, which has nothing before it."""
        return Job(self.ids, max(1, first), self.n_context, self.name)


class Encoder:
    """Turns texts and pairs of texts into ids.

    ``bos="auto"`` does what the tokenizer does: the ids it puts before a text (often one BOS) stand before x. Where it
    puts none, BOS comes in only where there would be nothing to condition on. ``True`` puts BOS before every text,
    ``False`` never, an id puts that id. A text that begins with BOS already (a chat template) gets no second one.

    The ids of y are those of the joint text x + y after the longest prefix that they share with the ids of x alone:
    the tokenizer is asked for x + y, as the model would read it, and never for x and y apart.

    Raises:
        ValueError: an option that this tokenizer cannot serve.
    """

    def __init__(
        self,
        tokenizer,
        *,
        bos: str | bool | int = "auto",
        eos: bool | int = False,
        boundary: str = "prefix",
        lossy: str = "error",
        special_tokens: str = "control",
    ):
        self.tokenizer, self.boundary = tokenizer, inputs.one_of("boundary", boundary, ("prefix", "error"))
        self.lossy = inputs.one_of("lossy", lossy, ("error", "flag"))
        self.special_tokens = inputs.one_of("special_tokens", special_tokens, ("control", "text"))
        end = inputs.special("eos", eos, tokenizer.eos_token_id)
        self.end = [] if end is None else [end]  # the ids that stand after every text that has no EOS yet
        self.eos = tokenizer.eos_token_id if end is None else end
        if isinstance(bos, str) and bos == "auto":
            self.lead = self._added_by_tokenizer()  # the ids that stand before every text
            self.bos = self.lead[0] if self.lead else tokenizer.bos_token_id
        else:
            self.bos = inputs.special("bos", bos, tokenizer.bos_token_id)
            self.lead = [] if self.bos is None else [self.bos]

    def _added_by_tokenizer(self) -> list[int]:
        """The ids that the tokenizer puts before a text by itself (what it puts after one, EOS say, is left out).

        Seen on the first text that it has ids for: a vocabulary may lack any letter.
        """
        for text in PROBES:
            plain, full = self.tokenizer(text, add_special_tokens=False).input_ids, self.tokenizer(text).input_ids
            starts = [i for i in range(len(full)) if plain and full[i : i + len(plain)] == plain]
            if starts:
                return list(full[: starts[0]])
        around = list(self.tokenizer("").input_ids)  # no text of these: what stands around nothing
        return around[:1] if around[:1] == [self.tokenizer.bos_token_id] else []

    def ids(self, texts: Iterable[str]) -> dict[str, tuple[list[int], list[tuple[int, int]] | None]]:
        """Each different text with its ids, nothing added, and where each token stands in it (None if not known)."""
        unique, fast = list(dict.fromkeys(texts)), self.tokenizer.is_fast
        if not unique:
            return {}
        # not verbose: "longer than the maximum" is the scorer's to say (overflow)
        options = {"add_special_tokens": False, "padding": False, "truncation": False, "verbose": False}
        options |= {"split_special_tokens": True} if self.special_tokens == "text" else {}
        out = None
        # a tokenizer keeps what it was last told, and another thread may tell it to cut or to fill in between
        while out is None or fast and not is_whole(out):
            out = self.tokenizer(unique, return_offsets_mapping=fast, **options)
        if self.special_tokens == "text" and control_ids(self.tokenizer) & set().union(*out["input_ids"]):
            raise ValueError('this tokenizer cannot read its control tokens as text: leave out special_tokens="text"')
        offsets = out["offset_mapping"] if fast else [None] * len(unique)
        return dict(zip(unique, zip(out["input_ids"], offsets, strict=True), strict=True))

    def with_lead(self, ids: list[int]) -> list[int]:
        """``ids`` with what stands before every text, once."""
        return ids if ids[: len(self.lead)] == self.lead else self.lead + ids

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Encoded]:
        """One Encoded for each pair (x, y).

        Raises:
            ValueError: an empty context without a BOS; characters that no token stands for, unless lossy="flag"; with
            boundary="error", a token that spans the join.
        """
        known = self.ids(text for x, y in pairs for text in (x, x + y))
        return [self._pair(name_pair(i, x, y), x, y, known[x][0], *known[x + y]) for i, (x, y) in enumerate(pairs)]

    def texts(self, texts: Sequence[str]) -> list[Encoded]:
        """One Encoded for each text, which takes the place of y; its context is BOS alone."""
        known = self.ids(texts)
        return [self._pair(f"text {i} ({text[:80]!r})", None, text, [], *known[text]) for i, text in enumerate(texts)]

    def _pair(self, name: str, x: str | None, y: str, x_ids: list, joint_ids: list, offsets: list | None) -> Encoded:
        alone, joint = self.with_lead(x_ids if x else []), self.with_lead(joint_ids)
        differ = (i for i, (a, b) in enumerate(zip(alone, joint, strict=False)) if a != b)
        n_context, n_start = next(differ, min(len(alone), len(joint))), len(self.lead)
        text, first_of_y = (x or "") + y, n_context - (len(joint) - len(joint_ids))
        # x's ids may all be there and y's first token still reach back: a tokenizer that drops a space at the end of
        # x gives it to y's first word. Only the places of the tokens in the text show it.
        # And x's last token may reach on: one that takes the blanks behind it has taken y's first.
        begins = offsets[first_of_y][0] if offsets and 0 <= first_of_y < len(offsets) else len(x or "")
        ends = offsets[first_of_y - 1][1] if offsets and 0 < first_of_y <= len(offsets) else 0
        merged = bool(x and (n_context < len(alone) or begins < len(x) or ends > len(x)))
        if merged and self.boundary == "error":
            raise ValueError(f"{name}: a token of the joint text spans the join of x and y")
        if len(joint) == n_context or joint[-1:] != self.end:
            joint = joint + self.end
        if n_context == 0 and joint:
            if self.bos is None:
                raise ValueError(
                    f"{name}: nothing to condition on, and no BOS token; give bos=<the id that starts a text> or a "
                    "longer x"
                )
            joint, n_context, n_start = (joint if joint[0] == self.bos else [self.bos, *joint]), 1, 1
        flags = {"merged_boundary": merged, "empty_x": x == "", "empty_y": y == "" and len(joint) == n_context}
        held = tuple(flag for flag, holds in flags.items() if holds)
        begins = min(begins, len(x or ""))
        encoded = Encoded(
            np.array(joint, dtype=np.int64), n_context, n_start, name, held, text, joint_ids, offsets, begins
        )
        self._refuse_lost(encoded)
        return encoded

    def event(self, encoded: Encoded) -> Event:
        """Of which characters its score is the probability."""
        return read(self.tokenizer, encoded.text, encoded.own, encoded.spans)

    def _refuse_lost(self, encoded: Encoded) -> None:
        whole = encoded.spans is not None and not gaps(encoded.spans, len(encoded.text))
        if self.lossy == "flag" or whole:
            return
        if lost := self.event(encoded).lost:
            raise ValueError(
                f"{encoded.name}: the tokenizer has no token for {lost[:20]!r}, so the score would be that of another "
                'text; leave it out, or give lossy="flag" to score what is left'
            )


def is_whole(out) -> bool:
    """Whether a fast tokenizer gave all ids of the texts and none beside them: nothing cut off, no padding."""
    return all(map(all, out["attention_mask"])) and not any(each.overflowing for each in out.encodings)


def name_pair(i: int, x: str, y: str, width: int = 40) -> str:
    """A pair as a message names it: its number and the beginning of both texts."""
    x, y = (text if len(text) <= width else text[: width - 1] + "…" for text in (x, y))
    return f"pair {i} (x={x!r}, y={y!r})"
