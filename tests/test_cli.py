"""The `course` command: its table, laying out work/, the server's command, doctor's lines, and --require."""

import argparse
import ast
import errno
import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from course_utils import cli, project, requirements
from course_utils.cli import doctor, lab
from course_utils.cli import test as test_command
from course_utils.staff.grading.sandbox import isolation

ROOT = Path(__file__).resolve().parents[1]
pytest_plugins = ["pytester"]


def python(code: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, encoding="utf-8")


# ------------------------------------------------------------------------------------------------------- the package


def test_importing_the_package_is_cheap():
    heavy = ("torch", "transformers", "numpy", "matplotlib")
    code = f"""
        import sys, time
        start = time.process_time()
        import course_utils
        import course_utils.lesson
        import course_utils.cli
        print(time.process_time() - start)
        print([name for name in {heavy} if name in sys.modules and name != "numpy"])
    """
    seconds, loaded = python(textwrap.dedent(code)).stdout.splitlines()
    assert float(seconds) < 0.2
    assert loaded == "[]"


def test_names_are_loaded_on_first_use():
    code = """
        import sys, course_utils
        assert "course_utils.toy_language" not in sys.modules
        from course_utils import ToyLanguage
        import course_utils.toy_language as home
        print(ToyLanguage is home.ToyLanguage, "Scorer" in dir(course_utils), "torch" in sys.modules)
    """
    assert python(textwrap.dedent(code)).stdout.split() == ["True", "True", "False"]


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import course_utils

    with pytest.raises(AttributeError, match="no_such_name"):
        course_utils.no_such_name  # noqa: B018


# ------------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert f"course.py {name}" in text
    assert len(text.split("options:")[0].split()) > 15, "the help says nothing of what the command is for"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_overview_lists_the_commands_that_are_there(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert all(command.summary in text for command in cli.COMMANDS.values())


def test_an_unknown_command_names_the_known_ones(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["labb"])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert "labb" in message and "doctor" in message


def test_choosing_a_command_loads_no_other():
    code = """
        import sys
        from course_utils.cli import main
        try:
            main(["lab", "--help"])
        except SystemExit:
            pass
        print([n for n in ("course_utils.cli.doctor", "course_utils.grading", "torch") if n in sys.modules])
    """
    assert python(textwrap.dedent(code)).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_needs_only_the_standard_library(name):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from course_utils.cli import main; main([{name!r}, '--help'])"
    )
    helped = python(code, "-I", "-S")
    assert (helped.returncode, helped.stderr) == (0, "") and f"course.py {name}" in helped.stdout


def test_what_the_package_imports_belongs_to_an_extra():
    """Each package that a module imports is one that pyproject.toml names, for the commands of that module's part."""
    parts = {"scoring": "score", "language_model": "score", "cli": "lab", "staff/grading": "grade"}
    parts |= {"staff/judging": "grade", "staff/authoring": "author"}
    elsewhere = {"distributed": "cluster"}  # said where it is imported
    other_names = {"PIL": "pillow", "zmq": "pyzmq"}
    in_notebooks = {"ipython", "ipywidgets", "torch", "transformers"}  # a helper asks for them where a lesson has them
    unnamed = []
    for path in (ROOT / "course_utils").rglob("*.py"):
        place = path.relative_to(ROOT / "course_utils").as_posix()
        extra = next((extra for part, extra in parts.items() if place.startswith(part)), "")
        named = set(map(requirements.name_of, requirements.required(extra))) | (set() if extra else in_notebooks)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in {name.partition(".")[0] for name in found} - {"course_utils"} - set(sys.stdlib_module_names):
                name = other_names.get(top, top.lower().replace("_", "-"))
                if name not in named and name not in elsewhere:
                    unnamed.append(f"{place}: {top}, not in {extra or 'dependencies'}")
    assert not unnamed


@pytest.fixture
def metadata_of(monkeypatch, tmp_path):
    """The package as a wheel leaves it, in a folder of its own, beside no clone; with these lines in its metadata."""

    def lies_alone(*lines: str) -> None:
        for module in (project, requirements):
            monkeypatch.setattr(module, "PACKAGE", tmp_path / "site-packages" / "course_utils")
        monkeypatch.setattr(importlib.metadata, "requires", lambda name: list(lines))
        monkeypatch.chdir(tmp_path)

    return lies_alone


def test_an_installed_package_knows_what_it_needs(metadata_of):
    metadata_of(
        "numpy>=2.0",
        'torch>=2.9; extra == "score"',
        "course_utils[score]; extra == 'lab'",
        'seccomp; sys_platform == "no such" and extra == "lab"',
        'course_utils[lab]; extra == "grade"',
    )
    assert requirements.required() == ["numpy>=2.0"]
    assert requirements.required("score") == ["numpy>=2.0", "torch>=2.9"]
    seccomp = 'seccomp; sys_platform == "no such"'
    assert requirements.required("grade") == ["numpy>=2.0", seccomp, "torch>=2.9"]
    assert requirements.missing("grade") == []


def test_an_extra_that_names_others_brings_what_they_bring():
    here = requirements.required("test")
    assert not [text for text in here if text.startswith("course_utils")]
    assert {"numpy>=2.0", "torch>=2.9", "jupyterlab>=4.4", "ruff>=0.12", "dask>=2025.1", "uv>=0.8"} <= set(here)
    assert not {"torch>=2.9", "jupyterlab>=4.4"} & set(requirements.required())


def test_a_command_whose_packages_are_not_there_says_what_brings_them(metadata_of, monkeypatch, capsys):
    metadata_of("numpy", *(f'nobody-wrote-{n}; extra == "score"' for n in range(5)))
    assert cli.main(["score", "pairs.jsonl", "--out", "scores.jsonl"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith(
        "course score: not installed: nobody-wrote-0, nobody-wrote-1, nobody-wrote-2 and 2 more. "
    )
    assert told.err.endswith(' -m pip install "course_utils[score]"\n')


@pytest.mark.parametrize("name", [name for name, command in cli.COMMANDS.items() if command.clone])
def test_a_command_that_needs_the_course_says_so_where_there_is_none(metadata_of, capsys, name):
    metadata_of()
    arguments = {"grade": ["in", "--out", "out"], "new-lesson": ["13_x"]}.get(name, [])
    assert cli.main([name, *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith(f"course {name}: ") and "clone" in told.err


@pytest.mark.parametrize("driver", [True, False])
def test_the_command_that_installs_takes_the_cpu_build_where_there_is_no_gpu(metadata_of, monkeypatch, driver):
    metadata_of('torch; extra == "score"')
    monkeypatch.setattr(requirements, "missing", lambda *extras: ["torch"])
    monkeypatch.setattr(requirements, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(sys, "platform", "linux")
    first, *rest = requirements.install_command("score").split(" && ")
    assert ("whl/cpu" in first) == bool(rest) == (not driver)
    assert [first, *rest][-1].endswith('pip install "course_utils[score]"')


def test_the_readme_names_commands_and_files_that_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python3 course\.py ([a-z-]+)", text)) - {"--help"}
    assert {"lab", "test", "doctor", "check", "grade", "build"} <= named <= set(cli.COMMANDS)
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    files = [
        name for name in re.findall(r"`([\w/.-]+\.[a-z]{2,5})`", text) if not name.startswith(("report/", "course.py"))
    ]
    assert linked and files
    assert not [name for name in linked + files if not (ROOT / name).exists()]


def test_the_version_is_the_same_everywhere():
    import course_utils

    assert f"\nversion: {course_utils.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {course_utils.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --------------------------------------------------------------------------------------------------------- course lab


def notebook(*sources: str) -> dict:
    output = {"name": "stdout", "output_type": "stream", "text": ["an old output\n"]}
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [output], "execution_count": 7}
        for n, text in enumerate(sources)
    ]
    prose = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "Ελληνικά, ⟨s⟩ and 中文"}
    return {"cells": [prose, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def course(tmp_path) -> Path:
    """A small course in a folder whose name has a space and a letter beyond ASCII."""
    root = tmp_path / "my course é"
    for folder, name in (
        ("notebooks", "00_start_here"),
        ("notebooks", "01_chain_rule"),
        ("exercises", "01_chain_rule"),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(notebook(f"# {folder} {name}"), ensure_ascii=False)
        (root / folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return root


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_work_gets_every_lecture_and_exercise_without_outputs(course):
    before = files(course / "notebooks")
    new = lab.lay_out_work(course)
    work = course / "work"
    assert sorted(files(work)) == ["00_start_here.ipynb", "01_chain_rule.ipynb", "exercises/01_chain_rule.ipynb"]
    assert sorted(new) == sorted(work / name for name in files(work))
    for name, content in files(work).items():
        document = json.loads(content.decode("utf-8"))
        assert document["cells"][0]["source"] == "Ελληνικά, ⟨s⟩ and 中文"
        cell = document["cells"][1]
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
        assert cell["source"].startswith("# exercises" if name.startswith("exercises/") else "# notebooks")
    assert files(course / "notebooks") == before


def test_pages_to_look_things_up_in_lie_beside_the_copies_and_follow_the_course(course):
    (course / "docs").mkdir()
    for page in (ROOT / "docs").glob("*.md"):
        (course / "docs" / page.name).write_bytes(page.read_bytes())
    lab.lay_out_work(course)
    work = course / "work"
    assert sorted(path.stem for path in (work / "docs").iterdir()) == sorted(lab.REFERENCE)
    known = {f"../{path.name}" for path in (ROOT / "notebooks").iterdir()}
    for page in (work / "docs").iterdir():
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert link in known or (page.parent / link).is_file() or link.startswith("http"), (page.name, link)
    (course / "docs" / "glossary.md").write_text("# Newer", encoding="utf-8")
    assert lab.lay_out_work(course) == []
    assert (work / "docs" / "glossary.md").read_text(encoding="utf-8") == "# Newer"


def test_a_copy_is_as_jupyterlab_would_save_it(course):
    """Else an untouched notebook asks to be saved: the kernel's own words for its language are in it."""
    from ipykernel.ipkernel import IPythonKernel

    lab.lay_out_work(course)
    for path in (course / "work").rglob("*.ipynb"):
        assert json.loads(path.read_bytes())["metadata"]["language_info"] == IPythonKernel.language_info


def test_what_is_in_work_is_never_overwritten(course):
    lab.lay_out_work(course)
    (course / "work" / "01_chain_rule.ipynb").write_bytes(b"mine")
    (course / "work" / "exercises" / "01_chain_rule.ipynb").write_bytes(b"")
    (course / "work" / "00_start_here.ipynb").unlink()
    assert lab.lay_out_work(course) == [course / "work" / "00_start_here.ipynb"]
    assert (course / "work" / "01_chain_rule.ipynb").read_bytes() == b"mine"
    assert (course / "work" / "exercises" / "01_chain_rule.ipynb").read_bytes() == b""


def test_after_an_update_lab_says_what_is_newer_and_touches_nothing(course):
    def built_from(path, value):
        document = json.loads(path.read_text(encoding="utf-8"))
        document["metadata"] = {"course": {"built_from": value}} if value else {}
        path.write_text(json.dumps(document), encoding="utf-8")

    for path in (course / "notebooks").glob("*.ipynb"):
        built_from(path, "old")
    lab.lay_out_work(course)
    assert lab.newer_than_work(course) == ""
    built_from(course / "notebooks" / "01_chain_rule.ipynb", "new")
    before = files(course / "work")
    news = lab.newer_than_work(course)
    assert "01_chain_rule" in news and "00_start_here" not in news and "exercises/" not in news
    assert lab.lay_out_work(course) == [] and files(course / "work") == before
    built_from(course / "work" / "01_chain_rule.ipynb", None)  # saved by a program that drops what it does not know
    assert lab.newer_than_work(course) == ""
    (course / "work" / "01_chain_rule.ipynb").write_bytes(b"mine")
    assert lab.newer_than_work(course) == ""


def changed(path: Path, **sources: str) -> None:
    """The next version of a notebook: other sources by cell id."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for cell in document["cells"]:
        cell["source"] = sources.get(cell["id"], cell["source"])
    path.write_text(json.dumps(document), encoding="utf-8")


def test_what_is_new_is_said_once_for_each_version_and_not_of_what_the_student_changed(opened, course, capsys):
    exercise, yours = (course / folder / "01_chain_rule.ipynb" for folder in ("exercises", "work/exercises"))
    opened()
    changed(yours, m="my own text", c0="my answer")
    capsys.readouterr()
    opened()
    assert "newer" not in capsys.readouterr().out
    changed(exercise, m="a corrected text")
    before = yours.read_bytes()
    opened()
    said = capsys.readouterr().out
    assert re.search(r"^  exercises/01_chain_rule +prose", said, re.M) and "lab --take 01\n" in said
    assert "\n  01_chain_rule" not in said and yours.read_bytes() == before
    opened()
    assert "newer" not in capsys.readouterr().out
    changed(exercise, m="a text corrected again")
    opened()
    assert "exercises/01_chain_rule" in capsys.readouterr().out
    changed(course / "notebooks" / "00_start_here.ipynb", m="corrected too")
    opened()
    said = capsys.readouterr().out
    assert "00_start_here" in said and "exercises/" not in said
    opened()
    assert "newer" not in capsys.readouterr().out
    (course / "work" / lab.TOLD).write_bytes(b"\xff broken")
    opened()
    assert "exercises/01_chain_rule" in capsys.readouterr().out


def test_take_brings_the_new_text_keeps_what_is_yours_and_the_old_file_beside_it(course, capsys):
    lab.lay_out_work(course)
    changed(course / "work" / "01_chain_rule.ipynb", c0="my own code")
    old = (course / "work" / "01_chain_rule.ipynb").read_bytes()
    for text in ("corrected", "corrected again"):
        changed(course / "notebooks" / "01_chain_rule.ipynb", m=text)
        assert lab.take(course, ["1", "01"]) == 0
        told = capsys.readouterr().out
        cells = json.loads((course / "work" / "01_chain_rule.ipynb").read_text(encoding="utf-8"))["cells"]
        assert ["".join(cell["source"]) for cell in cells] == [text, "my own code"]
        assert "work/exercises/01_chain_rule.ipynb: there is nothing newer" in told
        assert lab.newer_than_work(course) == ""
    assert "As it was: work/01_chain_rule-old-2.ipynb" in told
    assert (course / "work" / "01_chain_rule-old.ipynb").read_bytes() == old
    assert lab.lay_out_work(course) == []


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("0", ["00_start_here"]),
        ("01", ["01_chain_rule", "exercises/01_chain_rule"]),
        ("01_chain_rule", ["01_chain_rule", "exercises/01_chain_rule"]),
        ("exercises/1", ["exercises/01_chain_rule"]),
        ("work/exercises/01_chain_rule.ipynb", ["exercises/01_chain_rule"]),
        ("notebooks/01", ["01_chain_rule"]),
        ("work\\01_chain_rule.ipynb", ["01_chain_rule"]),
    ],
)
def test_take_understands_the_names_of_lessons(course, name, taken):
    assert lab.take(course, [name]) == 0
    assert sorted(files(course / "work")) == sorted(f"{one}.ipynb" for one in taken)


@pytest.mark.parametrize("wrong", ["7", "work", "exercises/00", ""])
def test_take_of_what_is_not_there_does_nothing_at_all(course, capsys, wrong):
    assert lab.take(course, ["01", wrong]) == 2
    assert "there are lessons 00, 01" in capsys.readouterr().err and not (course / "work").exists()


@pytest.mark.parametrize(
    "broken",
    [b"", b"mine", b"\xff\xfe", b"[]", b'{"nbformat": 3}', b'{"nbformat": 4, "cells": [1]}', b"[" * 100_000]
    + [b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "markdown", "source": "\\ud800"}]}'],
)
def test_a_copy_that_cannot_be_read_is_left_alone_and_the_others_are_taken(course, capsys, broken):
    lab.lay_out_work(course)
    changed(course / "exercises" / "01_chain_rule.ipynb", m="corrected")
    (course / "work" / "01_chain_rule.ipynb").write_bytes(broken)
    assert lab.take(course, ["01"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("work/01_chain_rule.ipynb: left as it is. It cannot be ") and "rename it" in told.err
    assert (course / "work" / "01_chain_rule.ipynb").read_bytes() == broken
    assert sorted(files(course / "work")) == [
        *("00_start_here.ipynb", "01_chain_rule.ipynb"),
        *("exercises/01_chain_rule-old.ipynb", "exercises/01_chain_rule.ipynb"),
    ]


@pytest.mark.parametrize("writes", [0, 1])
def test_a_full_disk_leaves_the_copy_as_it_was(course, monkeypatch, capsys, writes):
    lab.lay_out_work(course)
    changed(course / "notebooks" / "01_chain_rule.ipynb", m="corrected")
    before, left, write = files(course / "work"), [writes], Path.write_bytes

    def refuses(self, data):
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        left[0] -= 1
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", refuses)
    assert lab.take(course, ["01"]) == 2 and "Make room" in capsys.readouterr().err
    after = files(course / "work")
    assert before.items() <= after.items() and not [name for name in after if name.endswith(".part")]


def test_lab_names_few_new_notebooks_and_counts_many(tmp_path):
    paths = [tmp_path / f"{i:02}_x.ipynb" for i in range(5)] + [tmp_path / "exercises" / "01_x.ipynb"]
    assert lab.new_in_work([]) == ""
    assert lab.new_in_work(paths[-2:]) == "New in work/: 04_x, exercises/01_x"
    assert lab.new_in_work(paths) == "New in work/: 5 lectures, 1 exercises"


def test_an_interrupted_copy_leaves_no_half_notebook(course, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lab.lay_out_work(course)
    assert not list((course / "work").glob("*.ipynb"))
    assert len(lab.lay_out_work(course)) == 3
    assert not list((course / "work").rglob("*.part"))


def test_the_committed_course_lies_in_work_as_the_readme_says(tmp_path):
    for folder in ("notebooks", "exercises"):
        (tmp_path / folder).symlink_to(ROOT / folder, target_is_directory=True)
    names = {path.relative_to(tmp_path / "work").as_posix() for path in lab.lay_out_work(tmp_path)}
    assert {"00_start_here.ipynb", "01_chain_rule.ipynb", "exercises/01_chain_rule.ipynb"} <= names


def test_git_ignores_work():
    result = subprocess.run(["git", "check-ignore", "-q", "work/x.ipynb"], cwd=ROOT)
    if result.returncode == 128:
        pytest.skip("this is no clone of a git repository")
    assert result.returncode == 0


def test_the_server_is_reachable_from_this_machine_only():
    command = lab.server_command(Path("somewhere"), port=18123, token="t", browser=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert {"--ServerApp.port=18123", "--ServerApp.port_retries=0", "--IdentityProvider.token=t"} <= set(command)
    assert "--no-browser" in command
    assert not [word for word in lab.server_command(Path("somewhere")) if "token" in word or "port" in word]


def test_the_users_configuration_stays():
    environment = lab.server_environment({"JUPYTER_CONFIG_PATH": "mine", "HOME": "h"})
    assert environment["HOME"] == "h"
    ours, mine = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "mine"
    assert (Path(ours) / "labconfig" / "page_config.json").is_file()


@pytest.fixture
def opened(monkeypatch, course, tmp_path):
    """Calls `course lab` on the small course; what would be started is recorded in `started`."""
    monkeypatch.setattr(lab.project, "course_folder", lambda: course)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    started = []
    monkeypatch.setattr(lab, "_become", lambda command, environment: started.append(command) or 0)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("COURSE_WORK", "")
    parser = argparse.ArgumentParser()
    lab.add_arguments(parser)

    def open_it(*words: str) -> tuple[int, int]:
        return lab.run(parser.parse_args(list(words) or ["--no-browser"])), len(started)

    open_it.started = started
    return open_it


def test_lab_starts_where_it_may_write(opened, course):
    assert opened() == (0, 1) and (course / "work" / "00_start_here.ipynb").is_file()


def test_lab_copies_into_another_folder_where_the_course_may_not_be_written(opened, course, tmp_path, capsys):
    mine, before = tmp_path / "home" / "log prob", files(course)
    assert opened("--work", str(mine)) == (0, 1)
    assert sorted(files(mine)) == ["00_start_here.ipynb", "01_chain_rule.ipynb", "exercises/01_chain_rule.ipynb"]
    assert files(course) == before and f"New in {mine}/: " in capsys.readouterr().out
    assert f"--ServerApp.root_dir={mine}" in opened.started[0]
    assert os.environ["COURSE_WORK"] == str(mine), "a kernel has to know it, and `course check` in a terminal"


def test_lay_out_opens_nothing(opened, course, tmp_path):
    assert opened("--lay-out", "--work", str(tmp_path / "mine")) == (0, 0)
    assert (tmp_path / "mine" / "exercises" / "01_chain_rule.ipynb").is_file()


@pytest.mark.parametrize(
    ("words", "connected", "told"),
    [
        ([], False, "Opening the course in your browser. Stop it here with Ctrl-C."),
        (["--no-browser"], False, "Open the address below in a browser. Stop it here with Ctrl-C."),
        (["--port", "9123"], True, "ssh -N -L 9123:127.0.0.1:9123 "),
        (["--ip", "0.0.0.0", "--no-browser"], False, "who has the address below, with its token, can run code as you"),
    ],
)
def test_lab_says_how_to_open_it(opened, monkeypatch, capsys, words, connected, told):
    if connected:
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5 10.0.0.2 22")
    assert opened("--port", "9123", *words) == (0, 1)
    assert told in capsys.readouterr().out
    (command,) = opened.started
    assert ("--no-browser" in command) == (connected or "--no-browser" in words)
    assert f"--ServerApp.ip={'0.0.0.0' if '--ip' in words else '127.0.0.1'}" in command


def test_by_ssh_the_port_that_is_told_is_free(opened, monkeypatch, capsys):
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5 10.0.0.2 22")
    with socket.socket() as taken:
        with suppress(OSError):  # or somebody else has it already
            taken.bind(("127.0.0.1", 8888))
        assert opened("--no-browser") == (0, 1)
    port = re.search(r"-L (\d+):127.0.0.1:\1 ", capsys.readouterr().out)[1]
    assert port != "8888" and f"--ServerApp.port={port}" in opened.started[0]


def refusal(opened, capsys) -> str:
    assert opened() == (2, 0)
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and told.err.startswith("course lab: ")
    return told.err


@pytest.mark.parametrize("name", ["work", "work/exercises"])
def test_a_file_where_the_notebooks_go_is_told(opened, course, capsys, name):
    (course / name).parent.mkdir(exist_ok=True)
    (course / name).write_text("", encoding="utf-8")
    message = refusal(opened, capsys)
    assert str(course / name) in message and "Rename the file" in message


@pytest.mark.parametrize(("error", "advice"), [(errno.EROFS, "folder of your own"), (errno.ENOSPC, "Make room")])
def test_a_course_that_cannot_be_written_is_told(opened, course, monkeypatch, capsys, error, advice):
    def refuses(self, data):
        raise OSError(error, os.strerror(error), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuses)
    message = refusal(opened, capsys)
    assert str(course / "work") in message and os.strerror(error) in message and advice in message


def test_a_home_that_jupyter_cannot_write_to_is_told(opened, tmp_path, monkeypatch, capsys):
    (tmp_path / "home").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "home" / "runtime"))
    message = refusal(opened, capsys)
    assert str(tmp_path / "home" / "runtime") in message and "JUPYTER_RUNTIME_DIR" in message


# -------------------------------------------------------------------------------------------------------- course test


def test_one_session_runs_the_tests_and_both_folders_of_notebooks():
    command = test_command.pytest_command(ROOT, quick=False, jobs=2, require="browser", others=["-x"])
    assert {"tests", "notebooks", "solutions", "--nbval-lax", "--nbval-current-env"} <= set(command)
    assert command[command.index("--dist") + 1] == "loadfile"  # else the cells of a notebook land on several workers
    assert command[-3:] == ["--require", "browser", "-x"]


def test_quick_leaves_out_what_its_help_says():
    command = test_command.pytest_command(ROOT, quick=True, jobs=1, require="", others=[])
    assert "solutions" not in command
    assert command[command.index("-m", 2) + 1 :][-1].count("not") >= 1
    assert "--numprocesses" not in command


def test_a_copy_without_tests_says_so(monkeypatch, course, capsys):
    monkeypatch.setattr(test_command.project, "course_folder", lambda: course)
    assert test_command.run(argparse.Namespace(quick=True, jobs=None, require="", pytest=[])) == 2
    assert str(course) in capsys.readouterr().err


@pytest.fixture
def suite(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    browser:\n    sandbox:\n    nbgrader:\n")
    pytester.makepyfile(
        test_a="""
        import pytest

        def test_by_its_reason():
            pytest.skip("no Chromium on this machine")

        @pytest.mark.sandbox
        @pytest.mark.skipif(True, reason="not here")
        def test_by_its_marker():
            pass

        def test_for_another_reason():
            pytest.skip("no network")
        """,
        test_b="""
        import pytest
        pytest.importorskip("nbgrader_that_is_not_there")
        """,
    )
    return pytester


def test_a_skip_is_a_skip_where_nothing_is_required(suite):
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(skipped=4)


@pytest.mark.parametrize(
    ("required", "outcomes"),
    [
        ("browser", {"failed": 1, "skipped": 3}),
        ("browser,sandbox", {"failed": 1, "errors": 1, "skipped": 2}),  # a marker skips while a test is set up
        ("nbgrader", {"errors": 1}),
    ],
)
def test_a_skip_for_lack_of_a_required_tool_fails(suite, required, outcomes):
    result = suite.runpytest_subprocess("-p", "no:cacheprovider", "--require", required)
    assert result.ret != 0
    result.assert_outcomes(**outcomes)


def test_require_knows_its_tools(suite):
    result = suite.runpytest_subprocess("--require", "brwoser")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*brwoser*"])


# ------------------------------------------------------------------------------------------------------------- doctor


def lines(*checks: doctor.Check) -> list[doctor.Line]:
    return list(doctor.examine(list(checks)))


def failure_of(look) -> doctor.Failure:
    with pytest.raises(doctor.Failure) as caught:
        look()
    assert caught.value.remedy
    return caught.value


def test_a_good_line_and_a_bad_one():
    def bad():
        raise doctor.Failure("it is broken", "mend it")

    good_line, bad_line = lines(
        doctor.Check("one", lambda: "fine", True, "r", ""), doctor.Check("two", bad, False, "not used", "")
    )
    assert str(good_line) == "[ok]   one: fine"
    assert str(bad_line) == "[fail] two: it is broken\n       remedy: mend it"


def test_an_error_that_nobody_thought_of_becomes_a_line():
    (line,) = lines(doctor.Check("odd", lambda: 1 / 0, True, "the general remedy", ""))
    assert (line.ok, line.remedy) == (False, "the general remedy")
    assert "ZeroDivisionError" in line.finding


@pytest.mark.parametrize(("needed", "status"), [(True, 1), (False, 0)])
def test_only_what_the_lessons_need_decides_the_exit_status(monkeypatch, capsys, needed, status):
    monkeypatch.setattr(doctor, "CHECKS", [doctor.Check("thing", lambda: 1 / 0, needed, "mend it", "")])
    assert doctor.run(argparse.Namespace()) == status
    assert "[fail] thing" in capsys.readouterr().out


def test_sandbox_browser_and_device_do_not_decide():
    assert {check.name for check in doctor.CHECKS if not check.needed} == {"device", "sandbox", "browser"}


def test_doctor_on_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 0))
    assert "3.11 to 3.14" in failure_of(doctor.python).finding


@pytest.fixture
def clone(tmp_path):
    """doctor's look at the packages of a clone whose lessons need these, with these pins."""

    def write(needed: list[str], pins: list[str]):
        text = f"[project]\ndependencies = []\n[project.optional-dependencies]\nlab = {json.dumps(needed)}\n"
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        (tmp_path / "constraints.txt").write_text("\n".join(["# a comment", *pins]), encoding="utf-8")
        return lambda: doctor.packages(tmp_path)

    return write


def test_doctor_finds_a_missing_package(clone):
    failure = failure_of(clone(["pytest", "a-package-that-nobody-wrote>=1"], []))
    assert "a-package-that-nobody-wrote" in failure.finding and "pytest" not in failure.finding
    assert "pip install -e" in failure.remedy


def test_doctor_finds_a_version_that_the_course_cannot_take(clone):
    assert f"pytest {pytest.__version__}" in failure_of(clone(["pytest>=999"], [])).finding


def test_doctor_names_other_versions_than_the_tested_and_lets_them_pass(clone):
    assert f"pytest {pytest.__version__} (tested: 1.0)" in clone(["pytest"], ["pytest==1.0"])()


def test_doctor_takes_a_local_build_for_the_version_it_is(clone, monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "2.13.0+cpu")
    assert clone(["torch>=2"], ["torch==2.13.0"])().endswith(" in the tested versions")


def test_pins_of_other_systems_do_not_count(tmp_path):
    text = f"a==1 ; sys_platform == '{sys.platform}'\na==2 ; sys_platform != '{sys.platform}'\nb==3 # why\n"
    (tmp_path / "c.txt").write_text(text, encoding="utf-8")
    assert doctor.pinned_versions(tmp_path / "c.txt") == {"a": "1", "b": "3"}


def test_doctor_finds_a_kernel_that_cannot_start(monkeypatch, tmp_path):
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    (line,) = lines(doctor.Check("kernel", doctor.kernel, True, doctor.SET_UP_AGAIN, "lab"))
    assert not line.ok and line.remedy


def test_doctor_finds_a_kernel_of_another_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "prefix", "/of/the/course")
    failure = failure_of(doctor.kernel)
    assert "another Python" in failure.finding and "kernelspec" in failure.remedy


def test_doctor_sees_a_kernel_compute():
    assert doctor.kernel() == "starts and computes"


def test_doctor_finds_too_little_memory(monkeypatch):
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: argparse.Namespace(available=doctor.GIB))
    assert failure_of(doctor.memory).finding == "1.0 GiB free, 2 needed"


def test_doctor_finds_a_full_disk(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: argparse.Namespace(free=doctor.GIB // 2))
    assert failure_of(doctor.disk).finding == "0.5 GiB free, 1 needed"


def test_doctor_finds_a_driver_that_torch_does_not_use(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "--torch cuda" in failure_of(doctor.device).remedy
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "13.0" in failure_of(doctor.device).remedy


def test_doctor_finds_that_the_course_model_is_not_there(monkeypatch, tmp_path):
    from course_utils import language_model

    monkeypatch.setattr(language_model, "COURSE_MODEL_FOLDER", tmp_path)
    failure = failure_of(doctor.course_model)
    assert str(tmp_path) in failure.finding and failure.remedy.startswith("git checkout")


@pytest.mark.slow
def test_doctor_finds_a_course_model_that_computes_nothing(monkeypatch):
    import torch

    from course_utils import language_model

    model, tokenizer = language_model.load_language_model("course", device="cpu")
    with torch.no_grad():
        model.get_output_embeddings().weight[:] = float("nan")
    monkeypatch.setattr(language_model, "load_language_model", lambda *names, **options: (model, tokenizer))
    assert "not finite" in failure_of(doctor.course_model).finding


def test_doctor_finds_that_there_is_no_sandbox(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = failure_of(doctor.sandbox)
    assert failure.finding == "the sandbox needs bubblewrap" and "apt install bubblewrap" in failure.remedy
    monkeypatch.setattr(sys, "platform", "darwin")
    failure = failure_of(doctor.sandbox)
    assert failure.finding == "the sandbox needs Linux" and "virtual machine" in failure.remedy


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for bubblewrap is a shell script")
@pytest.mark.parametrize(
    ("said", "finding", "remedy"),
    [
        (
            "setting up uid map: Permission denied",
            "does not work here (setting up uid map: Permission denied)",
            "user name",
        ),
        ("ModuleNotFoundError: No module named 'ipykernel'", "lacks packages (ModuleNotFoundError: ", sys.prefix),
    ],
)
def test_doctor_finds_a_sandbox_that_cannot_start(monkeypatch, tmp_path, said, finding, remedy):
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    failure = failure_of(doctor.sandbox)
    assert finding in failure.finding and remedy in failure.remedy


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "kernel.apparmor_restrict_unprivileged_userns=0"),
        ({"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        ({"kernel/unprivileged_userns_clone": "1", "user/max_user_namespaces": "0"}, "user.max_user_namespaces=15000"),
        ({"kernel/apparmor_restrict_unprivileged_userns": "0"}, "a container"),
    ],
)
def test_the_remedy_for_namespaces_is_the_setting_that_forbids_them(monkeypatch, tmp_path, files, remedy):
    for name, value in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n", encoding="utf-8")
    monkeypatch.setattr(isolation, "SETTINGS", tmp_path)
    assert remedy in isolation._remedy()


def test_doctor_finds_that_there_is_no_browser(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("course_utils.staff.authoring.render.browser.find_browser", lambda: None)
    assert "chromium" in failure_of(doctor.browser).remedy


@pytest.mark.parametrize(
    ("installed", "looked_at"),
    [
        ([], {"Python", "packages", "disk"}),
        (["score"], {"Python", "packages", "disk", "device", "course model"}),
    ],
)
def test_without_lessons_doctor_looks_at_what_was_installed(monkeypatch, tmp_path, installed, looked_at):
    monkeypatch.setattr(requirements, "missing", lambda *extras, root=None: {*extras} - {*installed})
    assert {check.name for check in doctor.CHECKS if doctor.concerns(check, lessons=False)} == looked_at
    assert all(doctor.concerns(check, lessons=True) for check in doctor.CHECKS)


def test_doctor_speaks_of_the_folder_venv_only_where_there_is_one(monkeypatch, course, metadata_of):
    monkeypatch.setattr(doctor, "PACKAGE", course / "course_utils")
    (course / "course_utils").mkdir()
    (course / ".venv").mkdir()
    assert "delete the folder .venv" in doctor.set_up_again()
    (course / ".venv").rmdir()
    assert ".venv" not in doctor.set_up_again().replace(sys.executable, "")
    metadata_of()
    monkeypatch.setattr(doctor, "PACKAGE", project.PACKAGE)
    assert 'pip install "course_utils[lab]" --force-reinstall' in doctor.set_up_again()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Chromium is a shell script")
def test_a_browser_on_the_path_is_found(monkeypatch, tmp_path):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.browser() == str(program)
