"""What a report is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from course_utils.staff.grading.intake.doors import Own
from course_utils.staff.grading.intake.marks import Mark, Marks
from course_utils.staff.grading.intake.named import Parts
from course_utils.staff.grading.intake.roster import Enrolled, Platform
from course_utils.staff.grading.place.pristine import Exercise
from course_utils.staff.grading.records import Record
from course_utils.staff.grading.tables import total_of


@dataclass(frozen=True)
class Graded:
    """All that a report is made of. `marks`: what a person gave, None where no table of points was named.

    `platform` has, by student, the name and number by which a learning platform knows them. `counted`: the exercises
    whose points make the maximum, None for all. `aside`: by student, files of an exercise that were not graded, with
    the reasons. `notes`: lines on the intake for the operator. `paths`: of the files that were graded. `own`: a
    platform's own table that the roster is. `late`: the share of the points that lateness costs, None where nobody can
    tell; None for all where there is no rule.
    """

    records: list[Record]
    exercises: dict[str, Exercise]
    about: dict
    enrolled: dict[str, Enrolled] = field(default_factory=dict)
    marks: Marks | None = None
    platform: Mapping[str, Platform] = field(default_factory=dict)
    counted: Collection[str] | None = None
    aside: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    paths: dict[tuple[str, str], Parts] = field(default_factory=dict)
    own: Own | None = None
    late: dict[tuple[str, str], float | None] | None = None

    @property
    def of_the_maximum(self) -> list[Exercise]:
        """The exercises whose points make the maximum."""
        return [one for name, one in self.exercises.items() if self.counted is None or name in self.counted]

    def number(self, student: str, door: str) -> str:
        """The number by which a platform knows the student; "" where it is not known, or is another platform's."""
        known = self.platform.get(student, ("", ""))
        return known[1] if known[3:] in ((), (door,)) else ""

    def off(self, record: Record) -> float | None:
        """The points that lateness costs a record; None where they are not known."""
        share = (self.late or {}).get((record.student, record.exercise), 0.0)
        earned = total_of((record.points, self.by_person(record.student, record.exercise)))
        return None if share is None or earned is None else share * earned

    def name(self, student: str) -> str:
        """The student's name where the roster or the platform tells it, else ""."""
        enrolled = self.enrolled.get(student)
        return (enrolled.name if enrolled else "") or self.platform.get(student, ("", ""))[0]

    def mark(self, student: str, task: str) -> Mark | None:
        return (self.marks or {}).get((student, task))

    def by_person(self, student: str, exercise: str) -> float:
        """The points that a person gave the student for an exercise."""
        marks = (self.mark(student, task.id) for task in self.exercises[exercise].open_tasks)
        return sum(mark.points for mark in marks if mark)


@dataclass(frozen=True)
class Changes:
    """What is different from the report that was there before. rows: lines of changes.csv; higher, lower: how many."""

    rows: list[tuple[str, ...]]
    higher: int = 0
    lower: int = 0
