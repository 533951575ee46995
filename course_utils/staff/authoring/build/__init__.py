"""From the sources of the course to what is generated from them.

build            `course build` and `course build --check`
execute          runs a notebook in a fresh kernel
exercises        solution notebook -> exercise notebook
index_table      the table of lessons in README.md
coverage         docs/coverage.md: card -> section -> tasks (the cards are listed in cards.toml)
environment      environment.yml from pyproject.toml
handout          the course without what is for staff
new_lesson       a small lesson, or a task, to be written over
"""
