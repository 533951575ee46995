"""A class of sixty people with names of many languages, handed in through every platform: layouts and gradebooks.

Every seventh is late by a day and two hours, every fifth has handed in twice, and the last ten are five teams of two.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.grading.notebooks import NAME, RIGHT, dumps, notebook

N = f"{NAME}.ipynb"
ANSWERED = dumps(notebook({"E01.1": RIGHT["E01.1"]}))
DUE = datetime(2026, 11, 30, 18, tzinfo=UTC)
LATE = timedelta(days=1, hours=2)

FIRST = (
    "Jörg Siobhán José-Luis Zoë Øyvind Łukasz Nguyễn Şebnem Ñusta Đorđe Θάλεια Олексій 小明 さくら 지우 محمد שרה अनन्या "
    "Ngọc-Anh D'Angelo"
).split()
LAST = ("Müller", "O'Brien", "García López")


@dataclass(frozen=True)
class Person:
    index: int
    first: str
    last: str
    team: str = ""

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def login(self) -> str:
        return f"u_{self.index:02}"  # with an underscore and a number at its end

    @property
    def number(self) -> int:
        return 4700 + self.index

    @property
    def late(self) -> bool:
        return self.index % 7 == 6

    @property
    def twice(self) -> bool:
        return self.index % 5 == 4

    @property
    def when(self) -> datetime:
        return DUE + LATE if self.late else DUE - timedelta(hours=1)


CLASS = [Person(i, FIRST[i % 20], LAST[i // 20], f"Team Ä {(i - 50) // 2}" if i >= 50 else "") for i in range(60)]
HANDED_IN = [person for person in CLASS if not person.team or person.index % 2 == 0]  # one of a team does it for both
FEW = [*CLASS[:7], *CLASS[58:]]  # where each costs a process


def hand(person: Person) -> Person:
    """Who handed in for this person."""
    return CLASS[person.index - person.index % 2] if person.team else person


def is_late(person: Person) -> bool:
    return hand(person).late


def _write(folder: Path, path: str, when: datetime | None = None, data: bytes = ANSWERED) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    if when:
        os.utime(target, (when.timestamp(), when.timestamp()))


def _each(folder: Path, name: Callable[[Person, datetime, int], str], timed: bool = False) -> None:
    """A file each, and one of an hour before where there are two. name: of a person, a time, and a running number."""
    for at, person in enumerate(HANDED_IN):
        for earlier in (1, 0) if person.twice else (0,):
            when = person.when - timedelta(hours=earlier)
            _write(folder, name(person, when, 98_000 + 2 * at - earlier), when if timed else None)


def canvas(folder: Path) -> str:
    def name(person: Person, when: datetime, number: int) -> str:
        who = person.team or f"{person.last}, {person.first}"
        who = "".join(letter for letter in who.lower() if letter.isalnum() or letter == "_")
        return f"{who}{'_LATE' * person.late}_{person.number}_{number}_{N}"

    _each(folder, name)
    rows = [f'"{p.last}, {p.first}",{p.number},{p.login},Section 1,3,,5,{p.team}' for p in CLASS]
    head = ["Student,ID,SIS Login ID,Section,01 Chain Rule: reading (76),01 Chain Rule (77),Quiz (78),group"]
    head += [",,,,,Manual Posting,,"]
    return "\n".join([*head, "    Points Possible,,,,5,11,10,", *rows, "Student, Test".join('""') + ",1,x,,,,,"])


def moodle(folder: Path) -> str:
    def name(person: Person, when: datetime, number: int) -> str:
        who = f"{person.team}_{900 + person.index}" if person.team else f"{person.name}_{person.number}"
        return f"CS-hw1-99/{who}_assignsubmission_file_/{when:%H}/{N}"

    _each(folder, name, timed=True)
    rows = [f"Participant {p.number},{p.name},,{p.login}@x.org,Submitted,{p.team},,11,," for p in CLASS]
    head = "Identifier,Full name,ID number,Email address,Status,Group,Grade,Maximum Grade,"
    return "\n".join([f"{head}Last modified (grade),Feedback comments,deadline"] + [f"{row},{DUE}" for row in rows])


def gradescope(folder: Path) -> str:
    told = []
    for person in HANDED_IN:
        _write(folder, f"assignment_5_export/submission_{person.number}/{N}")
        members = [one for one in CLASS if one == person or (person.team and one.team == person.team)]
        told += [f"submission_{person.number}:", "  :submitters:"]
        for one in members:
            quoted = one.name.replace("'", "''")
            told += [f"  - :name: '{quoted}'", f"    :sid: '{one.number}'", f"    :email: {one.login}@x.org"]
        told += [f"  :created_at: {person.when:%Y-%m-%d %H:%M:%S.%f}000 Z"]
    _write(folder, "assignment_5_export/submission_metadata.yml", data="\n".join(told).encode())
    rows = [f"{p.first},{p.last},{p.number},{p.login}@x.org,Student,{DUE}" for p in CLASS]
    return "\n".join(["First Name,Last Name,SID,Email,Role,deadline", *rows, "Ina,Structor,,i@x.org,Instructor,"])


def brightspace(folder: Path) -> str:
    def name(person: Person, when: datetime, number: int) -> str:
        who = person.team or person.name
        return f"download/{person.number}-31 - {who}- {when:%b %d, %Y %I%M %p} - {N}"

    _each(folder, name)
    _write(folder, "download/index.html")
    rows = [f"#0{p.number},#{p.login},{p.last},{p.first},,{p.team},{DUE},#" for p in CLASS]
    head = (
        "OrgDefinedId,Username,Last Name,First Name,01 Chain Rule Points Grade <Numeric MaxPoints:11>,group,deadline,"
    )
    return "\n".join([f"{head}End-of-Line Indicator", *rows])


def blackboard(folder: Path) -> str:
    def name(person: Person, when: datetime, number: int) -> str:
        stem = f"HW_1_{person.login}_attempt_{when:%Y-%m-%d-%H-%M-%S}"
        _write(folder, f"{stem}.txt", data=f"Name: {person.name} ({person.login})\nAssignment: HW 1\n".encode())
        return f"{stem}_{N}"

    _each(folder, name)
    rows = [f'"{p.last}"\t"{p.first}"\t"{p.login}"\t"0{p.number}"\t""\t"{DUE}"' for p in CLASS]
    return "\n".join(['"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"01 chain rule |5"\t"deadline"', *rows])


def sakai(folder: Path) -> str:
    for person in HANDED_IN:
        above = f"HW 1/{person.team} (0a1b-{person.index})" if person.team else f"HW 1/{_sorted(person)}"
        _write(folder, f"{above}/Submission attachment(s)/{N}")
        _write(folder, f"{above}/timestamp.txt", data=f"{person.when:%Y-%m-%dT%H:%M:%S}.000Z".encode())
        if person.team:
            members = "; ".join(_sorted(one) for one in CLASS if one.team == person.team)
            _write(folder, f"{above}/members.txt", data=members.encode())
    rows = [f'{p.login},{p.login},"{p.last}",{p.first},,{DUE}' for p in CLASS]
    return "\n".join(["HW 1,Points,,,,", "", "Display ID,ID,Last Name,First Name,grade,deadline", *rows])


def _sorted(person: Person) -> str:
    return f"{person.last}, {person.first}({person.login})"


def zips(folder: Path) -> str:
    """A zip file each, in a zip file, with names that no flag says to be UTF-8."""
    outer = folder / "hand-ins.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(outer, "w") as archive:
        for person in CLASS:
            inner = folder / "inner.zip"
            with zipfile.ZipFile(inner, "w") as own:
                own.writestr(zipfile.ZipInfo(f"Übung/{N}", person.when.timetuple()[:6]), ANSWERED)
            archive.write(inner, f"everybody/{person.name}.zip")
            inner.unlink()
    return "\n".join(["student;name;deadline"] + [f"{p.login};{p.name};{DUE}" for p in CLASS])
