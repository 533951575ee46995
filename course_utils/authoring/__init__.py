"""For authors: executes the notebooks, writes them in one canonical form, and generates what follows from them.

notebook_files   the bytes of a notebook: reading, the canonical form, built_from, writing
png              the pictures in it, without what differs from machine to machine
execute          runs a notebook in a fresh kernel
exercises        solution notebook -> exercise notebook
index_table      the table of lessons in README.md
coverage         docs/coverage.md: card -> section -> tasks (the cards are listed in cards.toml)
environment      environment.yml from pyproject.toml
formulas         LaTeX -> MathML
rendering        cells and Markdown -> HTML
teaching_notes   teaching/ by section
website          the course as a folder of pages; `course site` is site_command
decks            a lecture as slides; `course slides` is slides_command
new_lesson_command   `course new-lesson`: a small lesson, or a task, to be written over
handout          the course without solutions, judges and known mistakes
browser          a browser without a window: pages -> PDF
lints            what every notebook must keep to
build_command    `course build` and `course build --check`
"""
