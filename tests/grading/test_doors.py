"""What platforms make of names, in the words of their own code: whose a file is, which attempt, when, and how late."""

import os
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest

from course_utils.staff.grading.intake import classroom, finding, zips
from course_utils.staff.grading.intake.finding import find
from tests.grading.notebooks import NAME

N = f"{NAME}.ipynb"


def put(folder, paths):
    """Files below a folder: their text by path."""
    for path, text in paths.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def said(folder, paths):
    """Of each file: its path, its student, their name and number, its path below them."""
    found = find(put(folder, dict.fromkeys(paths, "{}") if not isinstance(paths, dict) else paths))
    return {
        ("/".join(file.path), file.student): (*(file.platform or ("", ""))[:2], "/".join(file.parts))
        for file in [*found.files, *found.beside]
    }


# --- names in paths -----------------------------------------------------------------------------------------------

CANVAS = {
    "doejane_4711_98765_01_chain_rule.ipynb": ("doejane", "4711", "01_chain_rule.ipynb", False),
    "roemax_LATE_4712_98766_x-1.ipynb": ("roemax", "4712", "x-1.ipynb", True),
    "student_12_4713_98767_01_chain_rule.ipynb": ("student_12", "4713", "01_chain_rule.ipynb", False),
    "van_der_berg_LATE_4714_98768_10_a.ipynb": ("van_der_berg", "4714", "10_a.ipynb", True),
    "tim_late_4715_98769_hw.ipynb": ("tim_late", "4715", "hw.ipynb", False),
    "doejane_4711_98770_2026_hw.ipynb": ("doejane", "4711", "2026_hw.ipynb", False),
    "doejane_4711_98771_20261130_hw.ipynb": ("doejane", "4711", "20261130_hw.ipynb", False),
    "team2_4716_98772_1_2_3.ipynb": ("team2", "4716", "1_2_3.ipynb", False),
    "anon_Xy12Z_98773_01_chain_rule.ipynb": ("anon", "Xy12Z", "01_chain_rule.ipynb", False),
    "LATE_anon_Qw34E_98774_01_chain_rule.ipynb": ("anon", "Qw34E", "01_chain_rule.ipynb", True),
    "müllerjörg_4717_98775_01_chain_rule.ipynb": ("müllerjörg", "4717", "01_chain_rule.ipynb", False),
    "a_1_2_b.ipynb": ("a", "1", "b.ipynb", False),
    "onlytext_4718_text.html": ("onlytext", "4718", "text.html", False),
}


@pytest.mark.parametrize("name", CANVAS)
def test_canvas_anchors_its_names_at_the_end(tmp_path, name):
    (file,) = find(put(tmp_path, {name: "{}"})).files
    student, number, within, late = CANVAS[name]
    assert (*file.platform[:2], "/".join(file.parts), file.late) == (student, number, within, late)
    assert file.student == f"{student}_{number}"


FOLDERS = {
    "moodle": {
        f"Jane Doe_4711_assignsubmission_file_/{N}": ("Jane Doe_4711", "Jane Doe", "4711", N),
        f"Max Roe_4712_assignsubmission_file/ps1/{N}": ("Max Roe_4712", "Max Roe", "4712", f"ps1/{N}"),
        f"Participant_4713_assignsubmission_file_{N}": ("Participant_4713", "Participant", "4713", N),
        f"Team A_7_assignsubmission_file_/{N}": ("Team A_7", "Team A", "7", N),
        f"Default group_assignsubmission_file_/{N}": ("Default group", "Default group", "", N),
        "Eve_4714_assignsubmission_onlinetext_/onlinetext.html": ("Eve_4714", "Eve", "4714", "onlinetext.html"),
    },
    "brightspace": {
        f"1234-567 - Jane Doe- Nov 5, 2020 1159 PM - {N}": ("Jane Doe_1234", "Jane Doe", "1234", N),
        f"1235-567 - Max - Roe - Nov 5, 2020 105 AM/{N}": ("Max - Roe_1235", "Max - Roe", "1235", N),
        f"1236-567 - Müller Jörg - 5 November, 2020 1:05 PM - my - {N}": (
            "Müller Jörg_1236", "Müller Jörg", "1236", f"my - {N}"),
        "index.html": ("", "", "", "index.html"),
    },
    "blackboard": {
        f"HW_1_jdoe_attempt_2026-11-30-18-00-01_{N}": ("jdoe", "", "jdoe", N),
        f"HW_1_max_roe_attempt_2026-11-30-18-00-02_{N}": ("max_roe", "", "max_roe", N),
    },
    "sakai": {
        f"HW 1/Doe, Jane(jdoe)/Submission attachment(s)/{N}": ("jdoe", "Doe, Jane", "jdoe", N),
        f"HW 1/Sukarno,(sukarno)/Submission attachment(s)/{N}": ("sukarno", "Sukarno", "sukarno", N),
        f"HW 1/a1b2 Anonymous/Submission attachment(s)/{N}": ("a1b2 Anonymous", "", "", N),
    },
    "sakai without folders": {
        f"Doe, Jane(jdoe)_Submission attachment(s)_{N}": ("jdoe", "Doe, Jane", "jdoe", N),
    },
}  # fmt: skip


@pytest.mark.parametrize("above", ["", "anything at all", "one/in"])
@pytest.mark.parametrize("platform", FOLDERS)
def test_whose_it_is_and_what_lies_above_does_not_matter(tmp_path, platform, above):
    paths = FOLDERS[platform]
    prefix = f"{above}/" if above else ""
    assert said(tmp_path, [prefix + path for path in paths]) == {
        (prefix + path, student): (name, number, within) for path, (student, name, number, within) in paths.items()
    }


def test_times_that_a_name_tells(tmp_path):
    def times(folder, paths):
        return [file.modified for file in find(put(folder, dict.fromkeys(paths, "{}"))).files]

    assert times(tmp_path / "brightspace", FOLDERS["brightspace"]) == [
        datetime(2020, 11, 5, 23, 59), datetime(2020, 11, 5, 1, 5), datetime(2020, 11, 5, 13, 5)
    ]  # fmt: skip
    assert times(tmp_path / "blackboard", FOLDERS["blackboard"]) == [
        datetime(2026, 11, 30, 18, 0, 1), datetime(2026, 11, 30, 18, 0, 2)
    ]  # fmt: skip


def test_two_attempts_are_one_students_and_the_later_is_the_last(tmp_path):
    names = [f"HW_jdoe_attempt_2026-11-{day}-18-00-00_{N}" for day in (29, 30)]
    first, last = sorted(find(put(tmp_path, dict.fromkeys(names, "{}"))).files, key=lambda file: file.path)
    assert first.student == last.student == "jdoe" and first.attempt < last.attempt


def test_blackboards_own_note_says_who_it_is_where_the_names_do_not(tmp_path):
    stem = "HW_1_max_roe_attempt_2026-11-30-18-00-02"
    note = "Name: Max Roe (max_roe)\nAssignment: HW 1\nDate Submitted: Monday\n"
    assert said(tmp_path, {f"{stem}_{N}": "{}", f"{stem}.txt": note}) == {
        (f"{stem}_{N}", "max_roe"): ("Max Roe", "max_roe", N)
    }


# --- notes beside the files -------------------------------------------------------------------------------------------

METADATA = """---
submission_71:
  :submitters:
  - :name: "J\\u00f6rg O'Neil"
    :sid: '0815'
    :email: joerg@x.org
  :created_at: 2026-11-30 18:00:01.123456789 Z
  :score: 1.0
  :results:
    tests:
    - output: |
        submission_72:
          :submitters:
          - :name: Nobody
  :history:
  - :id: 5
    :created_at: 2020-01-01 00:00:00 Z
submission_72:
  :submitters:
  - :name: 'Zoe O''Hara'
    :sid:
    :email: zoe@x.org
  - :name: Max Roe
    :sid: '17'
    :email: max@x.org
  :created_at: 2026-12-01 09:30:00 +01:00
"""


def test_gradescopes_metadata_say_who_and_when_and_every_member_of_a_group_gets_the_row(tmp_path):
    top = "assignment_5_export"
    paths = {f"{top}/submission_{n}/{N}": "{}" for n in (71, 72, 73)} | {f"{top}/submission_metadata.yml": METADATA}
    assert said(tmp_path, paths) == {
        (f"{top}/submission_71/{N}", "Jörg O'Neil_0815"): ("Jörg O'Neil", "0815", N),
        (f"{top}/submission_72/{N}", "Zoe O'Hara_zoe@x.org"): ("Zoe O'Hara", "zoe@x.org", N),
        (f"{top}/submission_72/{N}", "Max Roe_17"): ("Max Roe", "17", N),
        (f"{top}/submission_73/{N}", "submission_73"): ("", "", N),
    }
    times = {file.student: file.modified for file in find(tmp_path).files}
    assert times["Jörg O'Neil_0815"] == datetime(2026, 11, 30, 18, 0, 1, 123456, UTC)
    assert times["Max Roe_17"] == times["Zoe O'Hara_zoe@x.org"] == datetime(2026, 12, 1, 8, 30, tzinfo=UTC)


def test_metadata_in_a_students_own_folder_say_nothing(tmp_path):
    paths = {f"submission_71/{N}": "{}", "submission_71/submission_metadata.yml": METADATA}
    assert [student for _, student in said(tmp_path, paths)] == ["submission_71"]


def test_sakais_notes_say_when_and_who_is_in_a_team(tmp_path):
    team, jane = "HW 1/Team A (0a1b-2c)", "HW 1/Doe, Jane(jdoe)"
    paths = {
        f"{team}/Submission attachment(s)/{N}": "{}",
        f"{team}/timestamp.txt": "2026-11-30T18:00:00.123Z",
        f"{team}/members.txt": "Roe, Max(mroe); Poe, Zoe(zpoe)",
        f"{jane}/Submission attachment(s)/{N}": "{}",
        f"{jane}/timestamp.txt": "20261130190000123",
        f"{jane}/Feedback Attachment(s)/{N}": "the instructor's",
        f"{jane}/comments.txt": "",
        "HW 1/grades.csv": "",
    }
    assert said(tmp_path, paths) == {
        (f"{team}/Submission attachment(s)/{N}", "mroe"): ("Roe, Max", "mroe", N),
        (f"{team}/Submission attachment(s)/{N}", "zpoe"): ("Poe, Zoe", "zpoe", N),
        (f"{jane}/Submission attachment(s)/{N}", "jdoe"): ("Doe, Jane", "jdoe", N),
    }
    times = {file.student: file.modified for file in find(tmp_path).files}
    assert times["zpoe"] == datetime(2026, 11, 30, 18, 0, 0, 123000, UTC)
    assert times["jdoe"] == datetime(2026, 11, 30, 19, tzinfo=UTC)


def test_a_student_who_hands_in_what_looks_like_a_note_loses_nothing(tmp_path):
    paths = {f"adam/{N}": "{}", "adam/timestamp.txt": "x", "adam/members.txt": "eve", f"Doe, J(jd)/{N}": "{}"}
    paths |= {"Doe, J(jd)/timestamp.txt": "2026-11-30T18:00:00Z", f"Doe, J(jd)/my work/{N}": "{}"}
    found = find(put(tmp_path, paths))
    assert [(file.student, file.parts) for file in found.files] == [("adam", (N,)), ("jd", (N,)), ("jd", (N,))]


def test_blackboards_note_is_all_there_is_of_a_text_that_was_typed_in(tmp_path):
    note = "HW_1_max_roe_attempt_2026-11-30-18-00-02.txt"
    assert said(tmp_path, {note: "Name: Max Roe (max_roe)\n", f"HW_1_eve_attempt_2026-11-30-18-00-02_{N}": "{}"}) == {
        (note, "max_roe"): ("Max Roe", "max_roe", note),
        (f"HW_1_eve_attempt_2026-11-30-18-00-02_{N}", "eve"): ("", "eve", N),
    }


# --- clones -----------------------------------------------------------------------------------------------------------


def git(folder, *words, day=1):
    when = f"2026-11-{day:02}T12:00:00+0100"
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    who = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=folder, env=environment, check=True, capture_output=True)


def clone(folder, **days):
    """A repository with these exercises below exercises/ and work/, each committed on its day of November."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for path, day in days.items():
        put(folder, {f"{path.replace('__', '/')}/{N}": path})
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "x", day=day)
    return folder


@pytest.fixture(scope="module")
def classroom_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classroom")
    clone(folder / "hw1-submissions" / "hw1-jane", exercises=3, work=5)
    clone(folder / "hw1-submissions" / "hw1-max-roe", exercises=9)
    return folder


def test_the_time_of_a_clones_file_is_that_of_its_last_commit(classroom_folder):
    found = {(file.student, file.parts[0]): file.modified for file in find(classroom_folder).files}
    assert found == {
        (student, folder): datetime(2026, 11, day, 11, tzinfo=UTC)
        for student, folder, day in [("jane", "exercises", 3), ("jane", "work", 5), ("max-roe", "exercises", 9)]
    }


def test_packed_branches_and_clones_below_a_students_folder_are_understood(tmp_path):
    git(clone(tmp_path / "jane" / "hw1", exercises=3), "pack-refs", "--all")
    clone(tmp_path / "max" / "hw1", exercises=4)
    found = {file.student: file.modified.day for file in find(tmp_path).files}
    assert found == {"jane": 3, "max": 4}


def test_a_shallow_clone_tells_its_times(tmp_path, classroom_folder):
    origin = (classroom_folder / "hw1-submissions" / "hw1-jane").as_uri()
    git(tmp_path, "clone", "-q", "--depth", "1", origin, "jane")
    assert {file.modified.day for file in find(tmp_path).files} == {5}


def sign(folder):
    """Gives the last commit a signature that git would have to verify."""
    said = {"cwd": folder, "check": True, "capture_output": True}
    commit = subprocess.run(["git", "-c", "log.showSignature=false", "cat-file", "commit", "HEAD"], **said).stdout
    signature = b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"
    write = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
    name = subprocess.run(write, input=commit.replace(b"\n\n", signature, 1), **said).stdout.decode().strip()
    (folder / ".git" / "refs" / "heads" / "main").write_text(name + "\n")


HOSTILE = {
    "fsmonitor": "[core]\n fsmonitor = {trap}",
    "signature": "[log]\n showSignature = true\n[gpg]\n program = {trap}",
    "pager": "[core]\n pager = {trap}\n[pager]\n log = {trap}",
    "external diff": "[diff]\n external = {trap}\n[core]\n hooksPath = {folder}",
    "promisor": '[extensions]\n partialClone = o\n[remote "o"]\n promisor = true\n url = ext::{trap}\n'
    " uploadpack = {trap}\n[protocol]\n allow = always",
    "broken": "[[[",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_a_repository_is_configured_to_run_is_not_run(tmp_path, case):
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\necho x >> {sprung}\n")
    trap.chmod(0o755)
    folder = clone(tmp_path / "in" / "jane", exercises=3)
    (folder / ".git" / "config").write_text(HOSTILE[case].format(trap=trap, folder=tmp_path))
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (folder / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (folder / ".git" / "hooks" / hook).chmod(0o755)
    if case == "signature":
        sign(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert [file.modified.day for file in find(tmp_path / "in").files] == [3]
    assert not sprung.exists()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_objects_that_are_missing_are_not_fetched(tmp_path):
    folder = clone(tmp_path / "in" / "jane", exercises=3)
    (folder / ".git" / "config").write_text(HOSTILE["promisor"].format(trap=f"touch {tmp_path}/sprung"))
    for path in (folder / ".git" / "objects").glob("??/*"):
        path.unlink()
    assert len(find(tmp_path / "in").files) == 1 and not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("head", ["ref: refs/heads/../../../x", "ref: /etc/passwd", "--output=x", "", "a" * 40])
def test_a_head_that_leads_elsewhere_gives_no_time(tmp_path, head):
    folder = clone(tmp_path / "jane", exercises=3)
    (folder / ".git" / "HEAD").write_text(head)
    assert classroom.log(folder) == ""


def test_a_repository_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    folder = clone(tmp_path / "jane", exercises=3)
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(classroom, "SECONDS", 0.2)
    assert classroom.log(folder) == ""


def test_a_repository_that_is_a_link_is_not_looked_into(tmp_path):
    folder = clone(tmp_path / "elsewhere", exercises=3)
    (tmp_path / "jane").mkdir()
    (tmp_path / "jane" / ".git").symlink_to(folder / ".git")
    assert classroom.log(tmp_path / "jane") == ""


# --- zip files --------------------------------------------------------------------------------------------------------


def packed(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_names_without_the_flag_are_utf_8_or_code_page_437(tmp_path):
    data = packed(tmp_path / "a.zip", {f"J\u00f6rg/{N}": "1", f"Zo\u00eb/{N}": "2"}).read_bytes()
    for name, raw in (("J\u00f6rg", "J\u00f6rg".encode()), ("Zo\u00eb", "Zo\u00eb".encode())):
        assert raw in data, name
    flagged = bytearray(data)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = flagged.find(signature)
        while place >= 0:
            flagged[place + at + 1] &= ~0x08  # as macOS writes it
            place = flagged.find(signature, place + 1)
    (tmp_path / "mac.zip").write_bytes(flagged)
    assert find(tmp_path / "mac.zip").students == ["J\u00f6rg", "Zo\u00eb"]
    info = zipfile.ZipInfo("x")
    info.filename, info.flag_bits = "J\u00f6rg.ipynb", 0
    assert zips.name(info) == "J\u00f6rg.ipynb"  # as Windows writes it: 0x94 is no UTF-8


@pytest.mark.parametrize("zipped", [False, True])
def test_a_zip_file_that_a_student_handed_in_is_read(tmp_path, zipped):
    inner = packed(tmp_path / "inner.zip", {f"my work/{N}": "{}", "notes.pdf": "", "deep/er.zip": "x"}).read_bytes()
    files = {"doejane_4711_98765_hw.zip": inner, f"roemax_4712_98766_{N}": b"{}"}
    source = tmp_path / "in"
    if zipped:
        packed(tmp_path / "in.zip", files)
        source = tmp_path / "in.zip"
    else:
        source.mkdir()
        for name, data in files.items():
            (source / name).write_bytes(data)
    found = find(source)
    assert [(file.student, "/".join(file.parts)) for file in found.files] == [
        ("doejane_4711", f"hw.zip/my work/{N}"), ("roemax_4712", N)
    ]  # fmt: skip
    assert found.files[0].read() == b"{}"


def test_a_zip_file_each_is_a_student_each_and_one_above_is_a_folder(tmp_path):
    each = {f"{who}.zip": packed(tmp_path / "x.zip", {f"{who}/{N}": "{}"}).read_bytes() for who in ("adam", "eve")}
    for name, data in each.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    assert [(file.student, file.parts) for file in find(tmp_path / "in").files] == [("adam", (N,)), ("eve", (N,))]
    moodle = packed(tmp_path / "all" / "CS-hw1.zip", dict.fromkeys(list(FOLDERS["moodle"])[:2], "{}"))
    assert find(moodle.parent).students == ["Jane Doe_4711", "Max Roe_4712"]


@pytest.mark.parametrize(("limited", "limit"), [(zips, "MOST_NESTED"), (finding, "MOST_PACKED")])
def test_a_zip_file_of_far_too_many_files_is_not_read(tmp_path, monkeypatch, limited, limit):
    monkeypatch.setattr(limited, limit, 2)
    for count in (2, 3):
        packed(tmp_path / "in" / f"s{count}.zip", {f"{number}/{N}": "{}" for number in range(count)})
    found = find(tmp_path / "in")
    assert [file.parts for file in found.files] == [("0", N), ("1", N)]
    assert [file.name for file in found.beside] == ["s3.zip"]
