"""The tags that tie sections and tasks to cards, and the numbers of the answer key."""

import re

from course_utils.notebooks import source
from course_utils.staff.authoring.lints.numbers import quoted, shown, values
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.authoring.sections import cards, headings, known_cards, section, tagged_headings

CARD_ID = re.compile(r"\b[SCQKX]\d{1,2}\b")


def card_tags(notebook: Notebook) -> list[Problem]:
    """Card tags name cards that exist and stand on heading cells: a lecture's sections, the headers of tasks."""
    known = by_card()
    tagged = {(card, heading.index) for card, heading in tagged_headings(notebook)}
    problems = []
    for index, cell in enumerate(notebook.cells):
        for card in cards(cell):
            if card not in known:
                problems.append(notebook.problem(cell, f"there is no card {card} in cards.toml"))
            if (card, index) not in tagged:
                problems.append(notebook.problem(cell, f"card:{card} belongs on a cell with a heading"))
            elif notebook.folder != "notebooks" and not cell["id"].endswith("-task"):
                problems.append(notebook.problem(cell, f"card:{card} belongs on the header of a task"))
    return problems


def card_numbers(notebook: Notebook) -> list[Problem]:
    """Each number that the answer key gives for a card is an output of a section that is tagged with the card."""
    if notebook.folder != "notebooks":
        return []
    known, seen, where = by_card(), {}, {}
    for card, heading in tagged_headings(notebook):
        texts = [text for cell in section(notebook, heading) for text in shown(cell)]
        seen[card] = seen.get(card, set()) | values(texts)
        where.setdefault(card, notebook.cells[heading.index])
    return [
        notebook.problem(where[card], f"card {card}: no output of its section shows {number}")
        for card in seen
        for number in known.get(card, {}).get("numbers", [])
        if not any(map(quoted(number)[0].is_rounded, seen[card]))
    ]


def card_list(notebook: Notebook) -> list[Problem]:
    """What a lecture lists under "Cards covered" are the cards that its sections are tagged with."""
    tagged = {card for card, _ in tagged_headings(notebook)}
    for heading in headings(notebook):
        if heading.text == "Cards covered":
            text = "\n".join(map(source, section(notebook, heading)))
            differing = sorted(tagged ^ set(CARD_ID.findall(text)))
            if differing:
                fault = f"{', '.join(differing)}: either listed here or tagged on a section, not both"
                return [notebook.problem(notebook.cells[heading.index], fault)]
    return []


def by_card() -> dict[str, dict]:
    return {card: entry for entries in known_cards().values() for card, entry in entries.items()}
