"""`predict` asks before a result is seen; `reveal` says what belongs after it.

What gives an answer away stands in predictions.toml: in a notebook it would stand below the question, where outputs are
cleared, and spoil it.
"""

from __future__ import annotations

import html
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import lru_cache

from course_utils.classroom import memory
from course_utils.project import PACKAGE


@dataclass(frozen=True)
class Question:
    """A question with lettered options, each of which has its own explanation; and what is said when it is answered."""

    text: str
    options: dict[str, str]
    why: dict[str, str]
    answer: str
    reveal: str = ""

    def asked(self) -> str:
        """The question and its options, in Markdown that also reads well as it stands."""
        return "\n".join([self.text, "", *(f"- **{key}** {text}" for key, text in self.options.items())])

    def to_open(self) -> str:
        """The question with an answer to open behind each option: Markdown with <details>, which needs no kernel."""
        parts = [self.text]
        for key, text in self.options.items():
            parts += [f"<details><summary><b>{key}</b> {_in_html(text)}</summary>", self.answered(key), "</details>"]
        return "\n\n".join(parts)

    def answered(self, guess: str) -> str:
        key = guess.strip().upper()
        if key not in self.options:
            return f"The options are {', '.join(self.options)}; your guess was {guess!r}."
        return f"**{key} is {'right' if key == self.answer else 'not it'}.** {self.why[key]}"


@lru_cache
def questions(lesson: str) -> dict[str, Question]:
    """The questions of one lesson ("01"), from course_utils/lessons/lesson_01/predictions.toml, in the file's order."""
    source = PACKAGE / "lessons" / f"lesson_{lesson}" / "predictions.toml"
    if not source.is_file():
        raise LookupError(f"Lesson {lesson!r} has no questions: write the name as in predict('01.order').")
    return {
        name: Question(
            text=entry["question"],
            options={key: option["text"] for key, option in entry["options"].items()},
            why={key: option["why"] for key, option in entry["options"].items()},
            answer=entry["answer"],
            reveal=entry.get("reveal", ""),
        )
        for name, entry in tomllib.loads(source.read_text(encoding="utf-8")).items()
    }


def predict(name: str, guess: str = "") -> None:
    """Ask the question `name` ("01.order"), or say whether `guess` (a letter) is right and why.

    With an empty guess the question is shown, with an answer behind each option: decide, then open yours; or write your
    letter into the cell and run it again. Such a letter is kept among one's own copies, for `course review`.
    """
    question = _question(name)
    before, letter = memory.guessed(name), guess.strip().upper()
    if letter in question.options:
        memory.record(name, letter == question.answer, letter)
    if letter:
        changed = f"\n\n*Before, your guess was {before}.*" if before and before != letter else ""
        _say(f"{question.asked()}\n\n{question.answered(guess)}{changed}")
    else:
        _say(
            f"{question.to_open()}\n\nDecide first, then open your option.",
            plain=f'{question.asked()}\n\nDecide first: write your letter, as in `guess="A"`, and run the cell again.',
        )


def reveal(name: str) -> None:
    """Say what belongs after the result that answers the question `name`: at the end of the cell that shows it."""
    question = _question(name)
    if not question.reveal:
        raise LookupError(f"The question {name!r} has nothing to reveal: give it a text `reveal` in predictions.toml.")
    _say(question.reveal)


def _question(name: str) -> Question:
    lesson, _, key = name.partition(".")
    try:
        return questions(lesson)[key]
    except KeyError:
        raise LookupError(f"No question {key!r} in lesson {lesson}; it has: {', '.join(questions(lesson))}.") from None


def _in_html(text: str) -> str:
    """A line of Markdown where Markdown is not read: code, bold and italic type."""
    shown = html.escape(text, quote=False)
    for mark, tag in (("`", "code"), (r"\*\*", "b"), (r"\*", "i")):
        shown = re.sub(rf"{mark}([^`*]+?){mark}", rf"<{tag}>\1</{tag}>", shown)
    return shown


def _say(text: str, plain: str | None = None) -> None:
    """Show Markdown: rendered in a notebook, as it stands where there is none, or what reads better there."""
    plain = text if plain is None else plain
    if "IPython" not in sys.modules:  # a notebook has loaded it
        return print(plain)
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(plain)
    else:
        display({"text/markdown": text, "text/plain": plain}, raw=True)
