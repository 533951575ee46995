"""`predict`: a question before the result is seen."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from functools import lru_cache

from course_utils.lesson.playing import live
from course_utils.project import PACKAGE


@dataclass(frozen=True)
class Question:
    """A question with lettered options, each of which has its own explanation."""

    text: str
    options: dict[str, str]
    why: dict[str, str]
    answer: str

    def asked(self) -> str:
        """The question and its options, in Markdown that also reads well as it stands."""
        return "\n".join([self.text, "", *(f"- **{key}** {text}" for key, text in self.options.items())])

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
        )
        for name, entry in tomllib.loads(source.read_text(encoding="utf-8")).items()
    }


def predict(name: str, guess: str = "") -> None:
    """Ask the question `name` ("01.order"), or say whether `guess` (a letter) is right and why.

    With an empty guess the question is shown: write your letter into the cell and run it again, or, where the course's
    own `lab` runs, press its button. Nothing is recorded.
    """
    lesson, _, key = name.partition(".")
    try:
        question = questions(lesson)[key]
    except KeyError:
        raise LookupError(f"No question {key!r} in lesson {lesson}; it has: {', '.join(questions(lesson))}.") from None
    if guess.strip():
        _say(f"{question.asked()}\n\n{question.answered(guess)}")
    elif not (live() and _ask_with_buttons(question)):
        _say(f'{question.asked()}\n\nDecide first: write your letter, as in `guess="A"`, and run the cell again.')


def _ask_with_buttons(question: Question) -> bool:
    """Ask with a button for each option; False where ipywidgets is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return False
    from IPython.display import display

    _say(question.asked())
    letters = ipywidgets.ToggleButtons(options=list(question.options), value=None, style={"button_width": "4em"})
    answer = ipywidgets.Output()

    def show(change: dict) -> None:
        with answer:
            answer.clear_output(wait=True)
            _say(question.answered(change["new"]))

    letters.observe(show, names="value")
    display(letters, answer)
    return True


def _say(text: str) -> None:
    """Show Markdown: rendered in a notebook, as it stands where there is none."""
    if "IPython" not in sys.modules:  # a notebook has loaded it
        return print(text)
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text)
    else:
        display({"text/markdown": text, "text/plain": text}, raw=True)
