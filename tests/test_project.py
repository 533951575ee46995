"""Where the course is: the clone that the package lies in, before the one that somebody stands in."""

import pytest

from course_utils import project


@pytest.fixture
def clone(tmp_path):
    """A clone with a folder deep in it."""
    for name in ("course_utils", "notebooks", "work/exercises"):
        (tmp_path / "clone" / name).mkdir(parents=True)
    return tmp_path / "clone"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as a wheel installs it: nothing of the course lies beside it."""
    monkeypatch.setattr(project, "PACKAGE", tmp_path / "site-packages" / "course_utils")


def test_the_clone_of_the_package_goes_before_the_one_that_somebody_stands_in(clone, monkeypatch):
    """A folder of submissions may hold clones, with solutions of their own."""
    monkeypatch.chdir(clone)
    assert project.course_folder() == project.PACKAGE.parent != clone


@pytest.mark.parametrize("place", [".", "notebooks", "work/exercises"])
def test_an_installed_package_finds_the_clone_from_within(clone, installed, monkeypatch, place):
    monkeypatch.chdir(clone / place)
    assert project.course_folder() == clone


def test_outside_of_a_clone_an_installed_package_says_what_it_needs(clone, installed, monkeypatch):
    monkeypatch.chdir(clone.parent)
    assert project.find_course() is None
    with pytest.raises(project.NoCourse, match="go into a clone of the course's repository"):
        project.course_folder()
