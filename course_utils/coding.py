"""A text is an interval: its width is its probability, and as many bits name it as its surprisal says.

The numbers from 0 to 1 are shared out among all texts. The first token takes its share of them, the next token its
share of that share, and so on (`interval`, exactly, for a toy language). To name an interval of width w takes at least
-log2 w bits, and ceil(-log2 w) + 1 always suffice (`name`). `encode` and `decode` do it with 32-bit integers under
any SequenceModel: arithmetic coding as Witten, Neal and Cleary wrote it down (Communications of the ACM 30, 1987).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor

import numpy as np

from course_utils.toy_language import SequenceModel, ToyLanguage

TOTAL = 2**24  # what the frequencies of one place add up to, about; a token that is all but impossible has 1 of them
BITS = 32
HALF, QUARTER = 2 ** (BITS - 1), 2 ** (BITS - 2)
CHECKED = 2  # bytes of the checksum


# --- exactly, for languages that can be written down ---


def interval(lm: ToyLanguage, text: str | Sequence[int], *, end: bool = False) -> tuple[Fraction, Fraction]:
    """The interval [low, high) of the texts that begin with `text`; with `end`, of `text` and its EOS.

    Within an interval the tokens lie in the order of their ids, EOS last. high - low is Pr(text).
    """
    low, width, context = Fraction(0), Fraction(1), [lm.bos]
    for token in [*(lm.encode(text) if isinstance(text, str) else text), *([lm.eos] if end else [])]:
        low += width * sum((lm.cond(before, context, exact=True) for before in range(token)), Fraction(0))
        width *= lm.cond(token, context, exact=True)
        context.append(token)
    return low, low + width


def name(low: Fraction, high: Fraction) -> str:
    """The shortest bits, "0110", such that every number that begins with them lies in [low, high).

    Raises ValueError for an interval without a width, which has no name.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"[{low}, {high}) is no part of [0, 1) that has a width")
    length = 0
    while (number := ceil(low * 2**length)) + 1 > floor(high * 2**length):
        length += 1
    return f"{number:0{length}b}" if length else ""


# --- in 32 bits, for every model ---


def encode(lm: SequenceModel, text: str) -> bytes:
    """The text in as few bytes as its log-probability says: a length, a checksum, then at most 2 bits beyond -log2 Pr.

    Raises ValueError for a text that the model's tokenizer cannot give back.
    """
    ids = list(lm.encode(text))
    if lm.decode(ids) != text:
        raise ValueError("the tokenizer of this model cannot give this text back, so no code for it could")
    bits = encode_ids(lm, ids)
    packed = np.packbits(np.array(list(bits), dtype=np.uint8)).tobytes()
    return _length(len(ids)) + _checksum(text) + packed


def decode(lm: SequenceModel, data: bytes) -> str:
    """The text that `encode` made `data` of, under the same model.

    Raises ValueError where its checksum is another: the data are damaged, or the model of this machine computes
    differently in the last digits, so that a token was taken for its neighbour.
    """
    count, start = _read_length(data)
    ids = decode_ids(lm, np.unpackbits(np.frombuffer(data[start + CHECKED :], dtype=np.uint8)).tolist(), count)
    text = lm.decode(ids)
    if _checksum(text) != data[start : start + CHECKED]:
        raise ValueError("the checksum is another: the data are damaged, or this machine's model computes differently")
    return text


def encode_ids(lm: SequenceModel, ids: Sequence[int]) -> list[int]:
    """The bits, 0 and 1, that name the interval of these ids (after BOS)."""
    low, high, pending, bits = 0, 2**BITS - 1, 0, []

    def say(bit: int) -> None:
        nonlocal pending
        bits.extend([bit] + [1 - bit] * pending)
        pending = 0

    for place, token in enumerate(ids):
        ends = _ends(lm, ids[:place])
        low, high = _part(low, high, ends, token)
        while True:
            if high < HALF or low >= HALF:  # the first bit is decided
                say(int(low >= HALF))
                off = HALF if low >= HALF else 0
            elif low >= QUARTER and high < HALF + QUARTER:  # around the middle: 01... or 10..., which will be seen
                pending, off = pending + 1, QUARTER
            else:
                break
            low, high = 2 * (low - off), 2 * (high - off) + 1
    if ids:
        pending += 1
        say(int(low >= QUARTER))
    return bits


def decode_ids(lm: SequenceModel, bits: Sequence[int], count: int) -> list[int]:
    """The first `count` ids of the interval that these bits name; behind their end stand zeros."""
    stream = _then_zeros(bits)
    low, high, value = 0, 2**BITS - 1, 0
    for _ in range(BITS):
        value = 2 * value + next(stream)
    ids: list[int] = []
    while len(ids) < count:
        ends = _ends(lm, ids)
        share = ((value - low + 1) * int(ends[-1]) - 1) // (high - low + 1)
        ids.append(int(np.searchsorted(ends, share, side="right")) - 1)
        low, high = _part(low, high, ends, ids[-1])
        while True:
            if high < HALF or low >= HALF:
                off = HALF if low >= HALF else 0
            elif low >= QUARTER and high < HALF + QUARTER:
                off = QUARTER
            else:
                break
            low, high, value = 2 * (low - off), 2 * (high - off) + 1, 2 * (value - off) + next(stream)
    return ids


def _ends(lm: SequenceModel, ids: Sequence[int]) -> np.ndarray:
    """int64 (V + 1,): 0, and where each token's share ends, in whole numbers; every token has at least 1."""
    shares = np.exp(lm.next_log_probs([lm.bos, *ids] if lm.bos is not None else list(ids)))
    counts = np.floor(shares * (TOTAL - len(shares))).astype(np.int64) + 1
    return np.concatenate([[0], counts.cumsum()])


def _part(low: int, high: int, ends: np.ndarray, token: int) -> tuple[int, int]:
    """The part of [low, high], ends included, that is this token's."""
    width, total = high - low + 1, int(ends[-1])
    return low + width * int(ends[token]) // total, low + width * int(ends[token + 1]) // total - 1


def _then_zeros(bits: Sequence[int]) -> Iterator[int]:
    yield from bits
    while True:
        yield 0


def _checksum(text: str) -> bytes:
    return (zlib.crc32(text.encode("utf-8")) % 2 ** (8 * CHECKED)).to_bytes(CHECKED, "big")


def _length(count: int) -> bytes:
    """A whole number, seven bits a byte, the first bit set where another one follows."""
    rest, last = divmod(count, 128)
    return bytes([*(128 | each for each in _length(rest) if rest), last]) if rest else bytes([last])


def _read_length(data: bytes) -> tuple[int, int]:
    """The number that `_length` wrote, and where it ends. Raises ValueError where it does not."""
    count = 0
    for place, byte in enumerate(data):
        count = 128 * count + byte % 128
        if byte < 128:
            return count, place + 1
    raise ValueError("the data end before they have said how long the text is")
