"""The event: of which characters, given which, a score is the probability.

What goes wrong in practice goes wrong before the model: a tokenizer drops characters, writes others, or takes what a
user typed for a sign of control. The score is then right, and of another text. ``read`` compares the text with what its
tokens stand for, and ``Event`` says what it found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]  # of characters: [start, end)


@dataclass(frozen=True)
class Event:
    """What the tokens of a text stand for.

    Attributes:
        exact: whether they stand for exactly its characters: decoding them gives the text.
        flags: why not, any of
            "lost_text": characters that no token stands for;
            "unknown_token": an unknown token stands for some, as it does for others;
            "changed_text": decoding gives other characters (accents, capitals, ligatures, blanks);
            "special_text": characters that became a control token. The text is exact all the same, and hardly meant.
        lost: the characters that no token stands for.
    """

    exact: bool = True
    flags: tuple[str, ...] = ()
    lost: str = ""


def gaps(spans: Sequence[Span], length: int) -> list[Span]:
    """The characters of a text of this length that are in no span; spans may overlap, and are in their order."""
    found, end = [], 0
    for start, stop in spans:
        if start > end:
            found.append((end, start))
        end = max(end, stop)
    return [*found, (end, length)] if end < length else found


def read(tokenizer, text: str, ids: Sequence[int], spans: Sequence[Span] | None) -> Event:
    """The event of a text that was read as these ids; ``spans`` are None where a tokenizer knows none.

    Decoding decides: where it gives the text back, no character is lost, whatever the spans leave out (some tokenizers
    have a blank stand in no token, and put it there again).
    """
    special = () if control_ids(tokenizer).isdisjoint(ids) else ("special_text",)
    unknown = tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids
    back = decoded(tokenizer, ids)
    if back == text and not unknown:
        return Event(flags=special)
    lost = left_out(text, back)
    changed = lost is None and not unknown
    if lost is None or unknown:  # what changed hides what is missing: the places of the tokens show it, but for blanks
        lost = "".join("".join(text[a:b] for a, b in gaps(spans or [(0, len(text))], len(text))).split())
    flags = {"lost_text": lost != "", "unknown_token": unknown, "changed_text": changed}
    return Event(exact=False, flags=(*(flag for flag, holds in flags.items() if holds), *special), lost=lost)


def left_out(text: str, back: str) -> str | None:
    """The characters without which the text is ``back``; None where that is no part of it, in its order."""
    missing, rest = [], iter(text)
    for sign in back:
        for other in rest:
            if other == sign:
                break
            missing.append(other)
        else:
            return None
    return "".join([*missing, *rest])


def control_ids(tokenizer) -> set[int]:
    """The ids that steer a model and are no text: BOS, EOS, the ends of turns; not the unknown token."""
    return set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}


def decoded(tokenizer, ids: Sequence[int]) -> str:
    """The text of some ids, as it is."""
    return tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
