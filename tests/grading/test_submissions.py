"""Files that strangers wrote: found in every layout, read if they are what they should be, else refused and why."""

import json
import os
import stat
import zipfile

import pytest

from course_utils.staff.grading.intake import reading, zips
from course_utils.staff.grading.intake.finding import UNREADABLE, NoSubmissions, clean_name, find
from course_utils.staff.grading.intake.manifest import by_metadata, by_name
from course_utils.staff.grading.intake.reading import Unusable
from tests.grading.notebooks import NAME, RIGHT, dumps, notebook

KNOWN = ["01_chain_rule", "02_beginnings_and_ends"]


def put(folder, path, data=b"{}"):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def lay_out(source, paths, zipped):
    """These files below a folder, or in a zip file."""
    if zipped:
        with zipfile.ZipFile(source, "w") as archive:
            for path in paths:
                archive.writestr(path, "{}")
    else:
        for path in paths:
            put(source, path)


def owners(source):
    return [(file.student, file.name) for file in find(source)[1]]


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_a_folder_for_each_student(tmp_path):
    put(tmp_path, f"zoe/{NAME}.ipynb")
    put(tmp_path, f"adam/{NAME}.ipynb")
    (tmp_path / "empty").mkdir()
    students, files, *_ = find(tmp_path)
    assert students == ["adam", "empty", "zoe"]
    assert [file.student for file in files] == ["adam", "zoe"]


def test_nbgraders_layout(tmp_path):
    put(tmp_path, f"adam/week1/{NAME}.ipynb")
    assert owners(tmp_path) == [("adam", f"{NAME}.ipynb")]


CANVAS = ["doejane_4711_98765_01_chain_rule.ipynb", "roemax_LATE_4712_98766_01_chain_rule-1.ipynb"]
MOODLE = ["Jane Doe_4711_assignsubmission_file_/01_chain_rule.ipynb", "Max Roe_4712_assignsubmission_file/x.ipynb"]
MOODLE_FLAT = ["Jane Doe_4711_assignsubmission_file_01_chain_rule.ipynb"]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (CANVAS, [("doejane_4711", "01_chain_rule.ipynb"), ("roemax_4712", "01_chain_rule-1.ipynb")]),
        (MOODLE, [("Jane Doe_4711", "01_chain_rule.ipynb"), ("Max Roe_4712", "x.ipynb")]),
        (MOODLE_FLAT, [("Jane Doe_4711", "01_chain_rule.ipynb")]),
    ],
)
def test_downloads_of_platforms(tmp_path, paths, expected, zipped):
    source = tmp_path / "download.zip" if zipped else tmp_path / "download"
    lay_out(source, paths, zipped)
    assert owners(source) == expected
    assert [file.late for file in find(source)[1]] == ["LATE" in path for path in paths]


def test_a_zip_of_a_folder_with_its_name_is_unwrapped(tmp_path):
    with zipfile.ZipFile(tmp_path / "hand-ins.zip", "w") as archive:
        archive.writestr(f"hand-ins/adam/{NAME}.ipynb", "{}")
    assert owners(tmp_path / "hand-ins.zip") == [("adam", f"{NAME}.ipynb")]


GRADESCOPE = [f"assignment_5_export/submission_{n}/{NAME}.ipynb" for n in (71, 72)]
WRAPPED_MOODLE = [f"CS-hw1-99/{path}" for path in MOODLE]
RENAMED = [f"submissions/{student}/{NAME}.ipynb" for student in ("adam", "eve", "zoe")]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (GRADESCOPE, {"submission_71", "submission_72"}),
        ([GRADESCOPE[0]], {"submission_71"}),
        ([path.removeprefix("assignment_5_export/") for path in GRADESCOPE], {"submission_71", "submission_72"}),
        (WRAPPED_MOODLE, {"Jane Doe_4711", "Max Roe_4712"}),
        (RENAMED, {"adam", "eve", "zoe"}),
        ([f"adam/ps1/{NAME}.ipynb", "adam/ps2/02_beginnings_and_ends.ipynb"], {"adam"}),
        ([f"Jane Doe_4711_assignsubmission_file_/{n}/{NAME}.ipynb" for n in (1, 2, 3)], {"Jane Doe_4711"}),
    ],
)
def test_a_folder_around_everything_is_no_student(tmp_path, paths, expected, zipped):
    source = tmp_path / ("all (1).zip" if zipped else "all")
    if zipped:
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("submission_metadata.yml", "x")
            for path in paths:
                archive.writestr(path, "{}")
    else:
        for path in paths:
            put(source, path)
    assert {file.student for file in find(source)[1]} == expected == set(find(source)[0])


@pytest.mark.parametrize("name", [f"{NAME}.IPYNB", f"{NAME}.ipynb.txt", f"{NAME}.ipynb.json", f"{NAME}.Ipynb"])
def test_endings_that_browsers_and_systems_make(tmp_path, name):
    put(tmp_path, f"adam/{name}", dumps(notebook(RIGHT)))
    (file,) = find(tmp_path)[1]
    assert reading.read_notebook(file.read())["cells"] and file.stem == NAME


@pytest.mark.parametrize("zipped", [False, True])
def test_who_handed_in_something_else_is_there_and_is_told(tmp_path, zipped):
    source = tmp_path / ("all.zip" if zipped else "all")
    paths = [f"adam/{NAME}.pdf", f"eve/{NAME}.ipynb", "eve/notes.pdf", f"roe_1_2_{NAME}.zip", "readme.txt"]
    lay_out(source, paths, zipped)
    assert owners(source) == [("adam", f"{NAME}.pdf"), ("eve", f"{NAME}.ipynb"), ("roe_1", f"{NAME}.zip")]
    with pytest.raises(Unusable, match=r"\.pdf file and no notebook"):
        find(source)[1][0].read()


def test_hidden_files_and_checkpoints_are_not_submissions(tmp_path):
    put(tmp_path, f"adam/{NAME}.ipynb")
    put(tmp_path, f"adam/.ipynb_checkpoints/{NAME}-checkpoint.ipynb")
    put(tmp_path, f"__MACOSX/adam/._{NAME}.ipynb")
    put(tmp_path, "adam/dis.py", b"raise SystemExit")
    assert owners(tmp_path) == [("adam", f"{NAME}.ipynb")]


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "text file"])
def test_what_holds_no_submissions_is_the_operators_mistake(tmp_path, kind):
    source = tmp_path / "source"
    if kind == "empty folder":
        source.mkdir()
    if kind == "text file":
        source.write_text("hello")
    with pytest.raises(NoSubmissions, match="source"):
        find(source)


# --- hostile names and archives ---------------------------------------------------------------------------------------


def test_entries_that_leave_the_archive_are_not_looked_at(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in (f"../{NAME}.ipynb", f"/etc/{NAME}.ipynb", f"adam/../../{NAME}.ipynb", f"adam/{NAME}.ipynb"):
            archive.writestr(name, "{}")
    assert owners(tmp_path / "a.zip") == [("adam", f"{NAME}.ipynb")]


def test_a_zip_bomb_is_refused_without_being_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_FILE", 1024**2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"adam/{NAME}.ipynb", b" " * (64 * 1024**2))
    (file,) = find(tmp_path / "a.zip")[1]
    asked, read = [], zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n=None: asked.append(n) or read(self, n))
    with pytest.raises(Unusable, match="larger than 1 MB"):
        file.read()
    assert asked == [1024**2 + 1]


def test_a_file_that_is_too_large_is_refused_and_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_FILE", 1024**2)
    put(tmp_path, f"adam/{NAME}.ipynb", b"{}".ljust(1024**2))
    put(tmp_path, f"eve/{NAME}.ipynb", b"{}".ljust(1024**2 + 1))
    adams, eves = find(tmp_path).files
    assert len(adams.read()) == 1024**2
    with pytest.raises(Unusable, match="larger than 1 MB"):
        eves.read()


def test_an_archive_of_too_many_files_is_no_download(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "MOST_FILES", 2)
    for count in (2, 3):
        lay_out(tmp_path / f"{count}.zip", [f"s{number}/{NAME}.ipynb" for number in range(count)], zipped=True)
    assert len(find(tmp_path / "2.zip").files) == 2
    with pytest.raises(NoSubmissions, match="more than 2 files"):
        find(tmp_path / "3.zip")


def test_an_archive_may_say_no_time_and_have_the_separators_of_windows(tmp_path):
    info = zipfile.ZipInfo(rf"adam\{NAME}.ipynb", (2026, 11, 31, 12, 0, 0))  # no calendar has this day
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "{}")
    (file,) = find(tmp_path / "a.zip").files
    assert (file.student, file.name, file.modified.year) == ("adam", f"{NAME}.ipynb", 1980)


def test_a_link_in_an_archive_is_refused(tmp_path):
    info = zipfile.ZipInfo(f"adam/{NAME}.ipynb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Unusable, match="link"):
        find(tmp_path / "a.zip")[1][0].read()


def test_an_archive_is_opened_once_and_not_for_each_of_its_files(tmp_path, monkeypatch):
    """To open it is to read its whole table: once for each file, that grows with the square of their number."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"s{number}/{NAME}.ipynb", str(number))
    opened, open_archive = [], zipfile.ZipFile.__init__
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *a, **k: opened.append(1) or open_archive(*a, **k))
    assert {file.read() for file in find(tmp_path / "a.zip")[1]} == {str(number).encode() for number in range(20)}
    assert len(opened) == 1


def test_a_damaged_archive_entry_is_refused_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"adam/{NAME}.ipynb", "a" * 1000)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[200] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(Unusable, match="archive"):
        find(tmp_path / "a.zip")[1][0].read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_links_and_pipes_are_refused_without_being_read(tmp_path):
    secret = put(tmp_path, "secret/elsewhere.txt", b"a secret")
    for name in ("linked", "piped"):
        (tmp_path / "in" / name).mkdir(parents=True)
    (tmp_path / "in" / "linked" / f"{NAME}.ipynb").symlink_to(secret)
    os.mkfifo(tmp_path / "in" / "piped" / f"{NAME}.ipynb")
    for file in find(tmp_path / "in")[1]:
        with pytest.raises(Unusable, match="link|ordinary") as refused:
            file.read()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("zipped", [False, True])
def test_how_deep_a_notebook_may_lie(tmp_path, zipped):
    source = tmp_path / ("all.zip" if zipped else "all")
    lay_out(source, ["a/b/c/d/e/six.ipynb", "a/b/c/d/e/f/seven.ipynb", "b/2/3/four.pdf", "b/2/3/4/five.pdf"], zipped)
    assert [file.name for file in find(source).files] == ["six.ipynb", "four.pdf"]


@pytest.mark.parametrize("zipped", [False, True])
def test_what_programs_leave_behind_is_not_looked_at(tmp_path, zipped):
    source = tmp_path / ("all.zip" if zipped else "all")
    unseen = ["__MACOSX/adam/a.ipynb", "adam/.ipynb_checkpoints/a.ipynb", "adam/node_modules/a.ipynb", "adam/._a.ipynb"]
    lay_out(source, [f"adam/{NAME}.ipynb", *unseen], zipped)
    assert owners(source) == [("adam", f"{NAME}.ipynb")]


def test_a_name_of_endless_length_in_an_archive_is_passed_over(tmp_path):
    lay_out(tmp_path / "a.zip", [f"adam/{NAME}.ipynb", f"eve/{'x' * 2000}.ipynb"], zipped=True)
    assert owners(tmp_path / "a.zip") == [("adam", f"{NAME}.ipynb")]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_paper_beside_the_folder_around_everything_is_nobodys(tmp_path, zipped):
    source = tmp_path / ("all (1).zip" if zipped else "all")
    lay_out(source, [*WRAPPED_MOODLE, "read me.pdf"], zipped)
    found = find(source)
    assert found.students == ["Jane Doe_4711", "Max Roe_4712"]
    assert [(file.student, file.name) for file in found.beside] == [("", "read me.pdf")]


def test_a_folder_that_is_a_link_is_not_entered_and_is_told(tmp_path):
    put(tmp_path, f"elsewhere/{NAME}.ipynb")
    put(tmp_path, f"in/adam/{NAME}.ipynb")
    (tmp_path / "in" / "eve").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert sorted(owners(tmp_path / "in")) == [("adam", f"{NAME}.ipynb"), ("eve", UNREADABLE)]
    (linked,) = (file for file in find(tmp_path / "in").files if file.student == "eve")
    with pytest.raises(Unusable, match="the folder is a link"):
        linked.read()


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Jose\u0301", "Jos\u00e9"),
        ("a\nb", "a b"),
        ("evil\u202egnp", "evil gnp"),
        ('a/b\\c:d*e?"<>|', "a_b_c_d_e_____"),
        ("..", "unnamed"),
        ("x" * 200, "x" * 80),
        ("\U0001f600" * 80, "\U0001f600" * 50),  # 200 bytes
        ("x" * 78 + ". y", "x" * 78),
        ("ghost\udc80", "ghost_"),
    ],
)
def test_names_become_safe(name, clean):
    assert clean_name(name) == clean


def test_two_students_whose_names_look_the_same_stay_two(tmp_path):
    for name in ("Jos\u00e9", "Jose\u0301"):  # composed and decomposed
        put(tmp_path, f"{name}/{NAME}.ipynb")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system keeps one form of a name")
    found = find(tmp_path)
    assert found.students == ["Jos\u00e9", "Jos\u00e9 (2)"]
    assert found.renamed == {"Jos\u00e9": r"'Jose\u0301'", "Jos\u00e9 (2)": r"'Jos\xe9'"}


def test_who_has_a_name_of_their_own_is_not_said_to_look_like_another(tmp_path):
    for name in ("a\u00a0b", "adam", "adam (2)"):
        put(tmp_path, f"{name}/{NAME}.ipynb")
    assert find(tmp_path).renamed == {}


def test_names_of_files_can_be_shown(tmp_path):
    put(tmp_path, f"adam/\u202ebe\u0301 {NAME}.ipynb")
    (file,) = find(tmp_path)[1]
    assert file.parts == (f"b\u00e9 {NAME}.ipynb",) and file.path == ("adam", *file.parts)


def test_what_lies_beside_notebooks_and_at_the_top_is_seen_and_is_nobodys_work(tmp_path):
    for path in (f"eve/{NAME}.ipynb", "eve/notes.pdf", "master.ipynb", "eve/a/b/c/deep.ipynb", "eve/a/b/c/deep.pdf"):
        put(tmp_path, path)
    found = find(tmp_path)
    assert ["/".join(file.path) for file in found.files] == [f"eve/{NAME}.ipynb", "eve/a/b/c/deep.ipynb"]
    assert [(file.student, file.name) for file in found.beside] == [("", "master.ipynb"), ("eve", "notes.pdf")]


def test_the_number_of_an_attempt_is_canvass(tmp_path):
    for name in ("doe_4711_98765_a.ipynb", "doe_4711_98766_a-1.ipynb"):
        put(tmp_path, name)
    assert [file.attempt for file in find(tmp_path)[1]] == [98766, 98765]


# --- which exercise ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "exercise"),
    [
        ("01_chain_rule.ipynb", "01_chain_rule"),
        ("01_chain_rule-Copy1.ipynb", "01_chain_rule"),
        ("my 01 chain rule (2).ipynb", "01_chain_rule"),
        ("01-Chain-Rule.IPYNB", "01_chain_rule"),
        ("homework.ipynb", None),
    ],
)
def test_by_name(name, exercise):
    assert by_name(name, KNOWN) == exercise


def test_metadata_says_which_exercise_it_is():
    read = reading.read_notebook(dumps(notebook()))
    assert by_metadata(read, KNOWN) == NAME
    read["course"]["lesson"] = ["no", "string"]
    assert by_metadata(read, KNOWN) is None
    read["course"]["lesson"] = "03_of_another_course"
    assert by_metadata(read, KNOWN) is None


def test_of_two_names_in_a_files_name_the_longer_counts():
    assert by_name("01_chain_rule_again.ipynb", ["01_chain_rule_again", *KNOWN]) == "01_chain_rule_again"


# --- format -----------------------------------------------------------------------------------------------------------

TEXT = json.dumps(notebook(RIGHT))
REFUSED = {
    "empty": (b"", "empty"),
    "blank": (b" \n ", "empty"),
    "web page below blank lines": (b"\n\n  <html>", "web page"),
    "login page": (b"<!DOCTYPE html><html><body>Log in", "web page"),
    "binary": (bytes(range(256)) * 10, "binary"),
    "latin-1": ('{"cells": ["é"]}'.encode("latin-1"), "UTF-8"),
    "utf-16": (TEXT.encode("utf-16"), "UTF-16"),
    "utf-16 without a mark": (TEXT.encode("utf-16-le"), "UTF-16"),
    "half a file": (TEXT[: len(TEXT) // 2].encode(), "not valid JSON"),
    "list": (b"[1, 2]", "not a notebook"),
    "null": (b"null", "not a notebook"),
    "string": (b'"cells"', "not a notebook"),
    "no cells": (b'{"nbformat": 4, "metadata": {}}', "no cells"),
    "cells of another type": (b'{"nbformat": 4, "cells": {"a": 1}}', "no cells"),
    "no format": (b'{"cells": []}', "nbformat"),
    "format 3": (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "format"),
    "format 99": (b'{"nbformat": 99, "cells": []}', "format"),
    "format true": (b'{"nbformat": true, "cells": []}', "format"),
    "nested deeply": (b'{"nbformat": 4, "cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested"),
    "long integer": (b'{"nbformat": 4, "cells": [], "x": ' + b"9" * 5_000 + b"}", "digits"),
    "many cells": (json.dumps({"nbformat": 4, "cells": [{}] * 20_000}).encode(), "cells"),
}


@pytest.mark.parametrize(
    ("limit", "at", "data", "said"),
    [
        ("MOST_CELLS", 3, lambda n: dumps({"nbformat": 4, "cells": [{}] * n}), "more than 3 cells"),
        ("MOST_VALUES", 9, lambda n: dumps({"nbformat": 4, "cells": [], "x": [0] * (n - 4)}), "too many values"),
        ("MOST_DIGITS", 5, lambda n: dumps({"nbformat": 4, "cells": [], "x": 10 ** (n - 1)}), "digits"),
        ("LARGEST_FILE", 2**20, lambda n: b'{"nbformat": 4, "cells": []}'.ljust(n), "larger than 1 MB"),
    ],
)
def test_up_to_a_limit_and_not_beyond(monkeypatch, limit, at, data, said):
    monkeypatch.setattr(reading, limit, at)
    assert reading.read_notebook(reading.bounded(data(at)))["cells"] is not None
    with pytest.raises(Unusable, match=said):
        reading.read_notebook(reading.bounded(data(at + 1)))


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason(case):
    data, reason = REFUSED[case]
    with pytest.raises(Unusable, match=reason) as refused:
        reading.read_notebook(data)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def same_cells(data):
    read = reading.read_notebook(data)
    return [c["source"] for c in read["cells"]] == ["".join(c["source"]) for c in notebook(RIGHT)["cells"]]


def test_accepted_as_it_is_and_with_a_byte_order_mark():
    assert same_cells(TEXT.encode())
    assert same_cells(b"\xef\xbb\xbf" + TEXT.encode())


def test_accepted_with_nan_foreign_kernel_and_metadata_of_any_type():
    content = notebook(RIGHT)
    content["metadata"] |= {"kernelspec": {"name": "julia-1.9"}, "widgets": float("nan"), "colab": {"x": [None]}}
    content["nbformat_minor"] = 2
    assert "NaN" in json.dumps(content)
    assert same_cells(json.dumps(content).encode())


def test_cells_of_odd_types_do_no_harm():
    cells = [None, 7, {}, {"cell_type": ["code"]}, {"cell_type": "code", "source": {"a": 1}, "metadata": [], "id": 5}]
    cells += [{"cell_type": "code", "source": ["x = 1\n", 5, "y = 2"], "metadata": {"nbgrader": "yes"}}]
    read = reading.read_notebook(json.dumps({"nbformat": 4, "metadata": None, "cells": cells}).encode())
    assert [c["source"] for c in read["cells"]] == ["", "", "", "x = 1\ny = 2"]


def test_lone_surrogates_become_text_that_can_be_written():
    content = {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = '\ud800'"}]}
    (cell,) = reading.read_notebook(json.dumps(content).encode())["cells"]
    assert cell["source"].encode("utf-8") == b"x = '?'"
