"""Names and archives that attack: everybody has their rows, and nothing is written elsewhere. No kernel is needed."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from course_utils.staff.grading.intake.finding import NoSubmissions
from course_utils.staff.grading.run.run import Order, grade
from tests.grading.hostile.attacks import NAMES, STUB
from tests.grading.hostile.conftest import rows_of, state
from tests.grading.hostile.notebooks import NAME, POINTS


def report(source: Path, folder: Path) -> dict:
    """Grades with no answer to run; the rows by student."""
    (folder / "kernels").mkdir()
    grade(Order(source, folder / "out", exercise="02", seed=1), folder / "kernels")
    return rows_of(folder / "out")


def test_names_of_students(tmp_path):
    made = []
    for name, known_as in NAMES.items():
        try:
            target = tmp_path / "in" / name / f"{NAME}.ipynb"
            target.parent.mkdir(parents=True)
            target.write_bytes(STUB)
            made.append(known_as)
        except (OSError, ValueError):
            continue  # not every file system has every name; an archive has (see below)
    assert len(made) >= 10
    rows = report(tmp_path / "in", tmp_path)
    assert set(rows) == set(made)
    assert all(list(tasks) == list(POINTS) for tasks in rows.values())


def test_names_in_an_archive(tmp_path):
    source = tmp_path / "in.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for name in NAMES:
            if "/" not in name and "\udcff" not in name:
                archive.writestr(f"{name}/{NAME}.ipynb", STUB)
        archive.writestr(f"{'x' * 60_000}/{NAME}.ipynb", STUB)
        archive.writestr(f"numbers/{NAME}-{'9' * 900}.ipynb", STUB)
        archive.writestr(f"many/{'_1' * 400}{NAME}.ipynb", STUB)
        for way_out in (
            f"../{NAME}.ipynb",
            f"/etc/{NAME}.ipynb",
            f"a/../../{NAME}.ipynb",
            f"C:\\x\\..\\..\\{NAME}.ipynb",
        ):
            archive.writestr(way_out, STUB)
    before = state(tmp_path.parent)
    rows = report(source, tmp_path)
    assert {"numbers", "many", "'=cmd_'calc'!A0", "\U0001f600" * 50} <= set(rows)
    assert not [student for student in rows if ".." in student.strip("._") or "x" * 100 in student]
    new = [path for path in state(tmp_path.parent) if path not in before]
    assert new and all(Path(path).relative_to(tmp_path).parts[0] in ("out", "kernels") for path in new)


def test_file_names_of_any_bytes(tmp_path):
    folder = tmp_path / "in" / "adam"
    folder.mkdir(parents=True)
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe 02 beginnings and ends.ipynb")).write_bytes(STUB)
    except OSError:
        pytest.skip("this file system wants names to be text")
    assert {row["status"] for row in report(tmp_path / "in", tmp_path)["adam"].values()} == {"missing"}


def damaged(folder: Path, method: int) -> Path:
    """An archive with a good file and one whose packed bytes are spoilt."""
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"adam/{NAME}.ipynb", STUB)
        archive.writestr(f"eve/{NAME}.ipynb", b'{"x": "' + os.urandom(3000).hex().encode() + b'"}')
        at = archive.infolist()[1].header_offset + 200
    data = bytearray(path.read_bytes())
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_file_in_an_archive_is_the_only_one_that_suffers(tmp_path, method):
    rows = report(damaged(tmp_path, method), tmp_path)
    assert {row["status"] for row in rows["eve"].values()} == {"invalid"}
    assert {row["status"] for row in rows["adam"].values()} == {"missing"}


def test_archives_with_links_bombs_doubles_and_passwords(tmp_path):
    source = tmp_path / "in.zip"
    link = zipfile.ZipInfo(f"link/{NAME}.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr(f"bomb/{NAME}.ipynb", b" " * (40 * 2**20))
        for _ in range(2):
            with pytest.warns(UserWarning) if _ else pytest.MonkeyPatch.context():
                archive.writestr(f"twice/{NAME}.ipynb", STUB)
        archive.writestr(f"locked/{NAME}.ipynb", STUB)
    data = bytearray(source.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(f"locked/{NAME}".encode()))
    data[at + 8] |= 1  # the flag of a file with a password
    source.write_bytes(data)
    rows = report(source, tmp_path)
    statuses = {student: {row["status"] for row in tasks.values()} for student, tasks in rows.items()}
    assert statuses == {"link": {"invalid"}, "bomb": {"invalid"}, "locked": {"invalid"}, "twice": {"missing"}}
    assert "link" in rows["link"]["E02.1"]["message"] and "root" not in rows["link"]["E02.1"]["message"]


def test_a_broken_archive_is_said_in_one_line(tmp_path):
    source = tmp_path / "in.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(f"adam/{NAME}.ipynb", STUB)
    data = bytearray(source.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at : at + 4] = struct.pack("<I", zlib.crc32(b"x"))
    source.write_bytes(data)
    with pytest.raises(NoSubmissions, match="zip file"):
        report(source, tmp_path)


def test_names_in_downloads_of_platforms(tmp_path):
    """Also those that are no text: the exports and pages name these students too."""
    place = tmp_path / "in"
    place.mkdir()
    for name in (b"\xff\xfe_11_assignsubmission_file_", "\u202eeve\n;=1+1_12_assignsubmission_file_".encode()):
        try:
            folder = Path(os.fsdecode(os.fsencode(place) + b"/" + name))
            folder.mkdir()
        except OSError:
            pytest.skip("this file system wants names to be text")
        (folder / f"{NAME}.ipynb").write_bytes(STUB)
    (tmp_path / "kernels").mkdir()
    formats = ("canvas", "moodle", "gradescope")
    grade(Order(place, tmp_path / "out", exercise="02", seed=1, formats=formats), tmp_path / "kernels")
    assert set(rows_of(tmp_path / "out")) == {"___11", "eve ;'=1+1_12"}
    for written in (tmp_path / "out").rglob("*.*"):
        if written.suffix == ".zip":
            names = zipfile.ZipFile(written).namelist()
            assert all(name.isprintable() and name.count("/") <= 1 and ".." not in name for name in names)
        elif written.is_file():
            text = written.read_text(encoding="utf-8")
            assert "\u202e" not in text and (written.suffix != ".csv" or ";=" not in text)


def test_students_who_differ_by_what_a_spreadsheet_needs_stay_two(tmp_path):
    for name in ("=1", "'=1"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / f"{NAME}.ipynb").write_bytes(STUB)
    assert set(report(tmp_path / "in", tmp_path)) == {"'=1", "'=1 (2)"}


def test_a_folder_that_is_a_link_is_not_entered_and_its_student_not_forgotten(tmp_path):
    for folder in (tmp_path / "elsewhere", tmp_path / "in" / "adam"):
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_bytes(STUB)
    (tmp_path / "in" / "eve").symlink_to(tmp_path / "elsewhere")
    rows = report(tmp_path / "in", tmp_path)
    assert "the folder is a link" in rows["eve"]["E02.1"]["message"]
    assert "link" not in rows["adam"]["E02.1"]["message"]


def test_times_that_no_calendar_has(tmp_path, monkeypatch):
    (tmp_path / "in" / "adam").mkdir(parents=True)
    path = tmp_path / "in" / "adam" / f"{NAME}.ipynb"
    path.write_bytes(STUB)
    os.utime(path, (10**12, 10**12))  # a file system may cut it down to what it can keep
    assert {row["status"] for row in report(tmp_path / "in", tmp_path)["adam"].values()} == {"missing"}


def test_files_that_are_none(tmp_path):
    for student in ("pipe", "device", "link", "loop", "folder"):
        (tmp_path / "in" / student).mkdir(parents=True)
    place = tmp_path / "in"
    os.mkfifo(place / "pipe" / f"{NAME}.ipynb")
    (place / "device" / f"{NAME}.ipynb").symlink_to("/dev/zero")
    (tmp_path / "secret.txt").write_text("a secret of the teacher")
    (place / "link" / f"{NAME}.ipynb").symlink_to(tmp_path / "secret.txt")
    (place / "loop" / f"{NAME}.ipynb").symlink_to(place / "loop" / f"{NAME}.ipynb")
    (place / "folder" / f"{NAME}.ipynb").mkdir()
    rows = report(place, tmp_path)
    statuses = {student: {row["status"] for row in tasks.values()} for student, tasks in rows.items()}
    assert statuses == dict.fromkeys(("pipe", "device", "link", "loop"), {"invalid"}) | {"folder": {"missing"}}
    assert not [row for tasks in rows.values() for row in tasks.values() if "secret" in row["message"]]
