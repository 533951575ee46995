"""The places where the course is ready made: what their files call is there, and does what they expect."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from course_utils.cli import COMMANDS, lab

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def lab_options(words: list[str]) -> argparse.Namespace:
    """What `course lab` reads from these words, which begin with the command's name; an error where it refuses them."""
    assert words[0] == "lab"
    parser = argparse.ArgumentParser()
    lab.add_arguments(parser)
    return parser.parse_args(words[1:])


def test_the_container_opens_the_lab_for_the_port_that_it_lends():
    (command,) = instructions("CMD")
    course, *words = json.loads(command)
    options = lab_options(words)
    assert (course, options.ip, options.port, options.no_browser) == ("course", "0.0.0.0", 8888, True)
    assert instructions("EXPOSE") == [str(options.port)] and instructions("VOLUME") == [str(options.work)]
    assert instructions("USER") == ["student"], "nobody works as root"


def test_the_container_installs_what_the_lab_needs_in_the_versions_of_the_tests():
    torch, course = [line for line in instructions("RUN") if line.startswith("pip install")]
    assert "download.pytorch.org/whl/cpu" in torch and torch.endswith(" torch")
    assert f".[{COMMANDS['lab'].extra}]" in course
    assert all("-c constraints.txt" in line for line in (torch, course))
    assert all((ROOT / name).is_file() for name in instructions("COPY")[0].split()[:-1])
    hidden = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "work"} <= set(hidden)


def test_a_codespace_sets_up_and_opens_the_lab():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    _, script, *words = shlex.split(settings["postAttachCommand"])
    assert script == "course.py" and lab_options(words).port in settings["forwardPorts"]
    assert shlex.split(settings["postCreateCommand"])[1:] == ["course.py", "doctor"]


def test_binder_lays_out_the_notebooks_in_an_environment_that_has_the_course():
    *_, last = (ROOT / "postBuild").read_text(encoding="utf-8").splitlines()
    course, *words = shlex.split(last)
    assert course == "course" and lab_options(words).lay_out
    assert (ROOT / "postBuild").stat().st_mode & 0o111, "Binder runs it"
    *_, pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert pip == {"pip": ["-e ."]}


@pytest.mark.parametrize("file", ["Dockerfile", "postBuild", ".devcontainer/devcontainer.json"])
def test_the_page_names_every_place(file):
    assert file in (ROOT / "docs" / "places.md").read_text(encoding="utf-8")


def test_what_the_page_says_to_type_is_understood():
    page = (ROOT / "docs" / "places.md").read_text(encoding="utf-8")
    typed = re.findall(r"^ *(?:python3 course\.py|course) (lab .*?)(?: +#.*)?$", page, re.MULTILINE)
    assert len(typed) >= 4
    for words in typed:
        lab_options([word for word in shlex.split(words) if word not in ("--from", "FOLDER")])
