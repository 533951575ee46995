"""course.py: what it installs, when it installs again, what it says where something is missing; the dependencies."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from course_utils.cli import COMMANDS
from course_utils.requirements import required

ROOT = Path(__file__).resolve().parents[1]
LINUX, MACOS, WINDOWS = "x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """course.py as a module, at home in an empty folder, with an interpreter that is there; `install` only records."""
    specification = importlib.util.spec_from_file_location("course_under_test", ROOT / "course.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    venv = tmp_path / ".venv"
    for name, value in {"ROOT": tmp_path, "VENV": venv, "STAMP": venv / "course-setup.json"}.items():
        monkeypatch.setattr(module, name, value)
    (tmp_path / "pyproject.toml").write_text("[project]", encoding="utf-8")
    (tmp_path / "constraints.txt").write_text("numpy==2.4.6\ntorch==2.13.0\nuv==0.13.8\n", encoding="utf-8")
    module.venv_python().parent.mkdir(parents=True)
    module.venv_python().write_text("", encoding="utf-8")
    pip = venv / "site-packages" / "pip-1.0.dist-info" / "RECORD"
    pip.parent.mkdir(parents=True)
    pip.write_text("", encoding="utf-8")
    module.installed = []
    module.identity = f"3.11.7 here\t{venv}\t{venv / 'site-packages'}"
    monkeypatch.setattr(module, "interpreter", lambda python: module.identity)
    monkeypatch.setattr(module, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(
        module, "install", lambda python, extras, torch, other: module.installed.append((extras, torch))
    )
    return module


# ------------------------------------------------------------------------------------------------------------ Python


def test_an_old_python_gets_as_far_as_the_message():
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_course_py_needs_only_the_standard_library():
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"))
    imported = {name.name.split(".")[0] for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_pythons_that_the_course_takes(setup, version):
    setup.check_python(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 15)])
def test_pythons_that_it_does_not_take(setup, monkeypatch, version):
    monkeypatch.setattr(setup, "ask", lambda name, *options: "1" if name == "python3.12" else "")
    with pytest.raises(setup.Stop, match=r"3\.11 to 3\.14; this is Python .*Run: python3\.12 course\.py lab"):
        setup.check_python(version)
    monkeypatch.setattr(setup, "ask", lambda name, *options: "")
    with pytest.raises(setup.Stop, match=r"python\.org"):
        setup.check_python(version)


def test_pyproject_takes_the_same_pythons(setup):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">=3.{setup.OLDEST[1]},<3.{setup.NEWEST[1] + 1}"' in text


def test_what_is_said_of_pythons_authors_and_ruff_is_the_same_everywhere(setup):
    def read(name: str):
        text = (ROOT / name).read_text(encoding="utf-8")
        return tomllib.loads(text)["project"] if name.endswith(".toml") else yaml.safe_load(text)

    project, workflow = read("pyproject.toml"), read(".github/workflows/ci.yml")
    pythons = [f"{setup.OLDEST[0]}.{minor}" for minor in range(setup.OLDEST[1], setup.NEWEST[1] + 1)]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert named == workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == pythons
    assert [author["name"] for author in project["authors"]] == [
        author["name"] for author in read("CITATION.cff")["authors"]
    ]
    ruff = next(repo["rev"] for repo in read(".pre-commit-config.yaml")["repos"] if "ruff" in repo["repo"])
    pin = re.search(r"^ruff==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert ruff == f"v{pin[1]}"


def test_a_missing_venv_module_is_told_with_its_package(setup, monkeypatch):
    setup.identity = None
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else "there")
    with pytest.raises(setup.Stop) as stop:
        setup.set_up(set(), None)
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in str(stop.value)
    assert "\n" not in str(stop.value)


# ----------------------------------------------------------------------------------------------- when it installs again


def test_the_second_call_installs_nothing(setup, capsys):
    setup.set_up(set(), None)
    assert setup.installed == [(set(), "cpu")]
    assert re.search(r"GB to download.*on disk.*minutes", capsys.readouterr().out)
    setup.set_up(set(), None)
    assert len(setup.installed) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt", "interpreter"])
def test_it_installs_again_when_an_input_changes(setup, changed):
    setup.set_up(set(), None)
    if changed == "interpreter":
        setup.identity = setup.identity.replace("3.11.7", "3.12.0")
    else:
        (setup.ROOT / changed).write_text("torch==2.14.0\n", encoding="utf-8")
    setup.set_up(set(), None)
    assert len(setup.installed) == 2


def test_another_python_that_runs_course_py_changes_nothing(setup, monkeypatch):
    setup.set_up(set(), None)
    monkeypatch.setattr(setup.sys, "version", "3.14.0 (another)")
    setup.set_up(set(), None)
    assert len(setup.installed) == 1


def test_extras_come_when_they_are_needed_and_stay(setup):
    setup.set_up(set(), None)
    setup.set_up({"test"}, None)
    setup.set_up(set(), None)
    assert setup.installed == [(set(), "cpu"), ({"test"}, "cpu")]
    (setup.ROOT / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    setup.set_up(set(), None)
    assert setup.installed[-1] == ({"test"}, "cpu")


def test_each_command_gets_the_extra_that_it_needs(setup, monkeypatch):
    asked = []
    monkeypatch.setattr(setup, "set_up", lambda extras, torch: asked.append((extras, torch)) or "python")
    monkeypatch.setattr(setup, "run_course", lambda python, arguments: arguments)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert setup.main(["lab"]) == ["lab"]
    assert setup.main(["test", "--quick"]) == ["test", "--quick"]
    assert setup.main(["--torch", "cuda", "grade", "in", "--out", "test"]) == ["grade", "in", "--out", "test"]
    assert asked == [({"lab"}, None), ({"test"}, None), ({"grade"}, "cuda")]


def test_course_py_and_the_commands_agree_on_the_extras(setup):
    needed = {name: command.extra for name, command in COMMANDS.items()}
    assert setup.EXTRA == needed | {"doctor": "lab"}  # which looks at what is there, and in a clone lessons should be


def test_after_lab_a_student_needs_no_network(setup):
    """`lab` brings all that `check` and `doctor` need, and what brings more than `lab` has all of it."""
    lessons = set(required(setup.EXTRA["lab"]))
    assert all(set(required(setup.EXTRA[name])) <= lessons for name in ("check", "doctor", "score"))
    assert all(set(required(setup.EXTRA[name])) >= lessons for name in ("grade", "build", "test"))


def test_what_pip_is_told_to_install_elsewhere_is_not_heard(setup, monkeypatch):
    elsewhere = {"PIP_TARGET": "/t", "PIP_PREFIX": "/p", "PIP_ROOT": "/r", "PIP_PYTHON": "/usr/bin/python3"}
    for name, value in {**elsewhere, "PIP_USER": "1", "PIP_INDEX_URL": "https://mirror/simple"}.items():
        monkeypatch.setenv(name, value)
    environment = setup.environment()
    assert not set(elsewhere) & set(environment)
    assert (environment["PIP_USER"], environment["PIP_INDEX_URL"]) == ("0", "https://mirror/simple")


def test_an_interrupted_set_up_goes_on(setup, monkeypatch):
    half = setup.VENV / "site-packages" / "half-1.0.dist-info"
    half.mkdir(parents=True)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            setup.set_up({"test"}, None)
    assert half.exists()
    setup.set_up(set(), None)
    assert setup.installed == [({"test"}, "cpu")]
    assert not half.exists()  # its metadata says that it is installed; its files were never written


def test_packages_that_are_not_all_there_are_installed_again(setup, tmp_path):
    def package(name: str, files: dict[str, str], record: list[str] | None):
        info = tmp_path / "site" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        for path, content in files.items():
            (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "site" / path).write_text(content, encoding="utf-8", newline="")
        if record is not None:
            lines = [*record, f"{name}-1.0.dist-info/RECORD,,"]
            (info / "RECORD").write_text("\n".join(lines), encoding="utf-8")
        return info

    whole = package("whole", {"whole/a.py": "12345"}, ["whole/a.py,sha256=x,5", "whole/__pycache__/a.pyc,,"])
    quoted = package("quoted", {"q/a,b.py": "1"}, ['"q/a,b.py",sha256=x,1'])
    broken = [
        package("missing", {}, ["missing/a.py,sha256=x,5"]),
        package("cut", {"cut/a.py": "123"}, ["cut/a.py,sha256=x,5"]),
        package("unrecorded", {"unrecorded/a.py": "1"}, None),
    ]
    setup.drop_half_installed(tmp_path / "site")
    assert whole.exists() and quoted.exists()
    assert not any(info.exists() for info in broken)


# ------------------------------------------------------------------------------------------------------ which torch


@pytest.mark.parametrize(
    ("driver", "choice", "torch"), [(False, None, "cpu"), (True, None, "cuda"), (True, "cpu", "cpu")]
)
def test_the_driver_decides_unless_the_user_does(setup, monkeypatch, driver, choice, torch):
    monkeypatch.setattr(setup, "has_nvidia_driver", lambda: driver)
    setup.set_up(set(), choice)
    assert setup.installed == [(set(), torch)]


def test_the_choice_of_torch_is_remembered(setup):
    setup.set_up(set(), "cuda")
    setup.set_up(set(), None)
    assert setup.installed == [(set(), "cuda")]
    setup.set_up(set(), "cpu")
    assert setup.installed[-1] == (set(), "cpu")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lab"], (None, ["lab"])),
        (["lab", "--torch", "cpu"], ("cpu", ["lab"])),
        (["--torch=cuda", "test", "-x"], ("cuda", ["test", "-x"])),
    ],
)
def test_the_torch_option_stands_anywhere(setup, arguments, expected):
    assert setup.take_torch_option(arguments) == expected


@pytest.mark.parametrize("arguments", [["--torch"], ["--torch", "gpu"], ["--torch="]])
def test_a_wrong_torch_option_is_told(setup, arguments):
    with pytest.raises(setup.Stop, match="cpu or cuda"):
        setup.take_torch_option(arguments)


@pytest.fixture
def no_settings(monkeypatch):
    """None of pip's variables, before and after."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("arguments", [["lab", "--from", "stick"], ["--from=stick", "lab"]])
def test_from_a_folder_nothing_is_asked_of_a_network(setup, no_settings, monkeypatch, capsys, arguments):
    monkeypatch.chdir(setup.ROOT)
    monkeypatch.setattr(setup, "run_course", lambda python, arguments: arguments)
    (setup.ROOT / "stick").mkdir()
    with pytest.raises(setup.Stop, match="there are no packages in .*stick"):
        setup.main(arguments)
    (setup.ROOT / "stick" / "numpy-2.4.6-py3-none-any.whl").write_bytes(b"")
    assert setup.main(arguments) == ["lab"]
    assert (os.environ["PIP_NO_INDEX"], os.environ["PIP_FIND_LINKS"]) == ("1", str(setup.ROOT / "stick"))
    assert setup.installed == [({"lab"}, "cpu")] and "to download" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--all"], ["one", "other"]])
def test_download_says_what_it_takes(setup, no_settings, arguments):
    with pytest.raises(setup.Stop, match="course.py download FOLDER"):
        setup.main(["download", *arguments])


def test_download_fills_a_folder_with_what_the_lessons_need_and_not_with_the_course(setup, monkeypatch, capsys):
    fetched = []

    def call(command):
        fetched.append(command)
        folder = Path(command[command.index("--dest") + 1])
        for name in ("numpy-2.4.6-py3-none-any.whl", "course_utils-1.0-py3-none-any.whl"):
            (folder / name).write_bytes(b"")

    monkeypatch.setattr(setup, "call", call)
    monkeypatch.setattr(setup, "ask", lambda *command: "['setuptools>=77']")
    monkeypatch.setattr(setup, "pip_settings", lambda python: {})
    monkeypatch.setattr(setup, "reachable", lambda url: True)
    monkeypatch.setattr(setup.sys, "platform", "linux")
    assert setup.main(["download", str(setup.ROOT / "a" / "stick")]) == 0
    torch, others = fetched
    assert torch[-1] == "torch==2.13.0" and torch[-2].endswith("whl/cpu") and "--no-deps" in torch
    assert {".[lab]", "torch==2.13.0", "uv==0.13.8", "setuptools>=77"} <= set(others)
    assert [path.name for path in (setup.ROOT / "a" / "stick").iterdir()] == ["numpy-2.4.6-py3-none-any.whl"]
    assert "1 packages are in" in capsys.readouterr().out


@pytest.fixture
def sources(setup, monkeypatch):
    """The places that install_torch tries, in order, where only `good` of them has torch."""

    def tried(
        torch, *, good="ordinary", configured="/wheels", platform="linux", online=True, another=False, offline=False
    ):
        places = []

        def attempt(command):
            assert command[-1] == "torch==2.13.0" or command.index("torch==2.13.0")
            assert "--no-deps" in command and command.count("--no-index") <= 1  # uv takes it once
            place = "folder" if "--no-index" in command else "pytorch" if "--index-url" in command else "ordinary"
            places.append((place, "--reinstall" in command))
            return place == good

        def call(command):
            if not attempt(command):
                raise subprocess.CalledProcessError(1, command)

        monkeypatch.setattr(setup, "succeeds", attempt)
        monkeypatch.setattr(setup, "call", call)
        monkeypatch.setattr(setup, "reachable", lambda url: online)
        monkeypatch.setattr(setup.sys, "platform", platform)
        settings = {"find-links": configured} if configured else {}
        settings |= {"no-index": "1"} if offline else {}
        uv = ["python", "-m", "uv", "pip", "install"] + ["--no-index"] * offline
        setup.install_torch(uv, settings, torch, another)
        assert len({again for _, again in places}) == 1 and places[0][1] == another
        return [place for place, _ in places]

    return tried


def test_cpu_torch_comes_from_the_first_source_that_has_it(sources):
    assert sources("cpu", good="folder") == ["folder"]
    assert sources("cpu", good="pytorch") == ["folder", "pytorch"]
    assert sources("cpu", good="pytorch", configured="") == ["pytorch"]
    assert sources("cpu", good="ordinary") == ["folder", "pytorch", "ordinary"]
    assert sources("cpu", good="ordinary", online=False) == ["folder", "ordinary"]
    assert sources("cpu", good="folder", online=False, offline=True) == ["folder"]
    assert sources("cuda", good="folder", online=False, offline=True) == ["folder"]


def test_where_the_ordinary_wheel_is_the_cpu_build_it_is_taken(sources):
    assert sources("cpu", configured="", platform="darwin") == ["ordinary"]


def test_cuda_torch_is_the_ordinary_wheel_on_linux(sources):
    assert sources("cuda") == ["ordinary"]


def test_another_torch_replaces_the_one_that_is_there(sources):
    assert sources("cpu", good="folder", another=True) == ["folder"]


# ------------------------------------------------------------------------------------------------- pip's configuration


def test_pip_is_read_as_pip_reads_itself(setup, monkeypatch):
    told = """
global.index-url='https://mirror/simple'
global.find-links='/global'
install.find-links='/install'
:env:.find-links='/first\\n/second'
freeze.timeout='10'
global.cert='/etc/ca.crt'
"""
    monkeypatch.setattr(setup, "ask", lambda *command: told)
    settings = setup.pip_settings("python")
    assert settings == {"index-url": "https://mirror/simple", "find-links": "/first\n/second", "cert": "/etc/ca.crt"}
    assert setup.find_links(settings) == ["--find-links", "/first", "--find-links", "/second"]


def test_uv_is_told_what_pip_is_configured_with(setup, monkeypatch):
    monkeypatch.setattr(setup, "ask", lambda *command: "uv 1.0")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    command = setup.uv("python", {"index-url": "https://mirror/simple", "cert": "/etc/ca.crt", "no-index": "true"})
    assert command[command.index("--default-index") + 1] == "https://mirror/simple"
    assert "--no-index" in command
    assert os.environ["SSL_CERT_FILE"] == "/etc/ca.crt"
    monkeypatch.delenv("SSL_CERT_FILE")


@pytest.fixture
def installer(setup, monkeypatch):
    """The real `install`, with uv or without, where the named installers fail."""
    specification = importlib.util.spec_from_file_location("course_again", ROOT / "course.py")
    real = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(real)
    monkeypatch.setattr(real, "ROOT", setup.ROOT)
    monkeypatch.setattr(real, "pip_settings", lambda python: {"find-links": "/wheels"})
    monkeypatch.setattr(real, "install_torch", lambda *arguments: None)

    def run(*, uv=True, failing=()):
        calls = []

        def call(command):
            name = "uv" if "uv" in command else "pip"
            calls.append((name, command))
            if name in failing:
                raise subprocess.CalledProcessError(1, command)

        monkeypatch.setattr(
            real, "uv", lambda python, settings: ["python", "-m", "uv", "pip", "install"] if uv else None
        )
        monkeypatch.setattr(real, "call", call)
        try:
            real.install("python", {"test"}, "cpu", False)
        except real.Stop as stop:
            return calls, str(stop)
        return calls, None

    return run


def test_uv_installs_where_it_can(installer):
    ((name, command),), stopped = installer()
    assert (name, stopped) == ("uv", None)
    assert command[command.index("-e") + 1] == ".[test]"
    assert command[command.index("-c") + 1] == "constraints.txt"
    assert command[command.index("--find-links") + 1] == "/wheels"


def test_pip_is_the_fallback(installer):
    assert [name for name, _ in installer(uv=False)[0]] == ["pip"]
    assert [name for name, _ in installer(failing={"uv"})[0]] == ["uv", "pip"]


def test_a_failed_installation_says_what_to_do(installer):
    calls, stopped = installer(failing={"uv", "pip"})
    assert len(calls) == 2
    assert "pip's message" in stopped and "network" in stopped and "same command goes on" in stopped


# -------------------------------------------------------------------------------------------------- conda and help


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for conda's Python is a shell script")
@pytest.mark.parametrize("holds", [True, False])
def test_in_a_conda_environment_that_holds_the_course_no_venv_is_made(setup, monkeypatch, tmp_path, holds):
    python = tmp_path / "conda" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {holds}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    monkeypatch.setattr(setup, "run_course", lambda python, arguments: python)
    used = setup.main(["lab"])
    assert used == (python if holds else setup.venv_python())
    assert len(setup.installed) == (0 if holds else 1)


@pytest.fixture
def copy(tmp_path):
    """course.py with nothing but the command line of a course that has no dependencies, in a folder with a space."""
    root = tmp_path / "a course"
    package = root / "course_utils" / "cli"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "course.py", root)
    (root / "course_utils" / "__init__.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text("def main(argv):\n    print('help for', argv)\n    return 0\n")
    (package / "__main__.py").write_text("import sys\nprint('running', sys.argv[1:], sys.prefix)\n")
    uv = re.search(r"^uv==\S+$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE).group()
    (root / "constraints.txt").write_text(uv + "\n", encoding="utf-8")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "course_utils"\nversion = "1"\n[tool.setuptools]\npackages = ["course_utils"]\n'
    )
    return root


def course_py(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "CONDA_PREFIX"}
    environment |= options.pop("env", {})
    command = [sys.executable, str(root / "course.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, **options)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["lab", "--help"], ["grade", "-h"]])
def test_help_sets_nothing_up(copy, arguments):
    result = course_py(copy, *arguments)
    assert result.returncode == 0, result.stderr
    assert "help for" in result.stdout
    assert ("course.py lab" in result.stdout) == (arguments in ([], ["--help"]))
    assert not (copy / ".venv").exists()


def test_course_py_stops_in_one_line(copy):
    result = course_py(copy, "lab", "--torch", "gpu")
    assert result.returncode == 1
    assert result.stderr == "course.py: --torch takes cpu or cuda, not 'gpu'.\n"


# ----------------------------------------------------------------------------------------------------- for real


def needs_an_index():
    try:
        urllib.request.urlopen("https://pypi.org/simple/setuptools/", timeout=20).close()
    except (urllib.error.URLError, TimeoutError) as error:
        pytest.skip(f"no package index can be reached: {error}")


NO_NETWORK = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "UV_DEFAULT_INDEX": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}


def of_processor() -> float:
    """Seconds that the processes started here have worked, however long they had to wait (0 on Windows)."""
    return os.times().children_user + os.times().children_system


@pytest.mark.slow
def test_set_up_from_nothing_and_again_without_a_network(copy, tmp_path):
    needs_an_index()
    astray = {"PIP_USER": "1", "PIP_TARGET": str(tmp_path / "astray")}
    first = course_py(copy, "hello", "a b", cwd=tmp_path, env=astray)
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"running ['hello', 'a b'] {copy / '.venv'}" in first.stdout
    assert json.loads((copy / ".venv" / "course-setup.json").read_text(encoding="utf-8"))["inputs"]

    before = of_processor()
    again = course_py(copy, "hello", cwd=tmp_path, env=NO_NETWORK)
    assert again.stdout == f"running ['hello'] {copy / '.venv'}\n"
    assert of_processor() - before < 2

    moved = copy.rename(tmp_path / "elsewhere")  # the environment knew the old place
    third = course_py(moved, "hello")
    assert f"running ['hello'] {moved / '.venv'}" in third.stdout, third.stdout + third.stderr

    python = moved / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python.unlink()  # as after an update of the system's Python
    python.write_text("no program", encoding="utf-8")
    fourth = course_py(moved, "hello")
    assert f"running ['hello'] {moved / '.venv'}" in fourth.stdout, fourth.stdout + fourth.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends the interrupt of a terminal as POSIX does")
def test_an_interrupt_at_any_time_is_made_good_by_the_next_call_and_pip_alone_will_do(copy):
    needs_an_index()
    (copy / "constraints.txt").write_text("uv==99999\n", encoding="utf-8")  # so that uv cannot be had
    for moment in (0.3, 1.0, 3.0, 5.0):
        process = subprocess.Popen(
            [sys.executable, str(copy / "course.py"), "hello"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=600)
    result = course_py(copy, "hello")
    assert "running ['hello']" in result.stdout, result.stdout + result.stderr


def test_an_environment_stopped_before_its_pip_was_whole_is_made_anew(copy):
    needs_an_index()
    subprocess.run([sys.executable, "-m", "venv", str(copy / ".venv")], check=True)
    pip = next((copy / ".venv").rglob("site-packages/pip"))
    shutil.rmtree(pip / "_vendor" / "packaging")  # `import pip` still works, `python -m pip` does not
    result = course_py(copy, "hello")
    assert "running ['hello']" in result.stdout, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("platform", [LINUX, MACOS, WINDOWS])
@pytest.mark.parametrize("python", ["3.12", "3.13", "3.14"])
def test_the_dependencies_resolve(python, platform):
    """Under the constraints, everything has a wheel for this Python and this system; nothing is installed."""
    needs_an_index()
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "test"]
    command += ["-c", "constraints.txt", "--python-version", python, "--python-platform", platform]
    command += ["--only-binary", ":all:", "--no-annotate", "--no-header", "--quiet"]
    # torch's wheels for macOS need version 14, which the README says
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr
    resolved = set(re.findall(r"^(\S+)==(\S+)", result.stdout, re.MULTILINE))
    pins = set(re.findall(r"^(\S+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert {("torch", "2.13.0"), ("nbval", dict(pins)["nbval"])} <= resolved
    assert resolved <= pins, "something is installed that constraints.txt does not pin"


def test_the_constraints_pin_every_dependency_once_for_a_system():
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert all(re.match(r"[a-z0-9-]+==[^ ;]+( ; .+)?$", line) for line in lines)
    assert "torch==2.13.0" in lines
    twice = {line.split("==")[0] for line in lines if " ; " not in line}
    names = [line.split("==")[0] for line in lines]
    assert not [name for name in twice if names.count(name) > 1]
