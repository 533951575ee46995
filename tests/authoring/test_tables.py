"""The generated texts: index table, coverage of the cards, environment.yml."""

import re
from pathlib import Path

import pytest

from course_utils.staff.authoring import sections
from course_utils.staff.authoring.build import coverage, environment, index_table

ROOT = Path(__file__).resolve().parents[2]


def test_index_table(project, monkeypatch):
    monkeypatch.setattr(index_table, "total_points", {"90": 12.0}.get)
    text = index_table.readme(project)
    row = (
        "| [Tiny lecture](notebooks/90_tiny.ipynb) | [exercise](exercises/90_tiny.ipynb) "
        "| [solution](solutions/90_tiny.ipynb) | 10 + 10 | 12 | CPU |\n"
    )
    assert row in text
    assert text.startswith("# Tiny\n\n<!-- index:begin -->\n| lecture") and text.endswith(
        "<!-- index:end -->\n\nEnd.\n"
    )
    (project / "README.md").write_text(text, encoding="utf-8")
    assert index_table.readme(project) == text


def test_a_readme_without_markers_is_refused(project):
    (project / "README.md").write_text("# Tiny\n", encoding="utf-8")
    with pytest.raises(ValueError, match="index:begin"):
        index_table.readme(project)


def test_all_56_cards_and_16_adjacent_ones_are_listed():
    cards = [card for entries in sections.known_cards().values() for card in entries]
    wanted = [*(f"S{i}" for i in range(5)), *(f"C{i:02}" for i in range(1, 16)), *(f"Q{i:02}" for i in range(1, 28))]
    wanted += [*(f"K{i:02}" for i in range(1, 11)), *(f"X{i:02}" for i in range(1, 17))]
    assert cards == wanted
    assert len(set(cards) - {"Q22"} - {f"X{i:02}" for i in range(1, 17)}) == 56  # Q22 is S3


def test_coverage_links_sections_and_tasks_and_shows_what_is_open(project):
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in coverage.coverage(project).splitlines()}
    assert rows["C02"].endswith(" | [90 · A product](../notebooks/90_tiny.ipynb) | *open* |")
    assert rows["Q01"].endswith(" | *open* | E90.1 |")
    assert rows["S0"].endswith(" | *open* | *open* |")


def test_environment_uses_the_names_of_conda_forge(project):
    text = environment.environment(project)
    assert '  - "python >=3.11"\n  - "numpy"\n  - "pytorch >=2.9"\n' in text
    assert "torch>=" not in text.replace("pytorch", "")


@pytest.mark.parametrize("dependency", ["a; python_version < '3.12'", "a[b]>=1", "a @ https://example.org/a.whl"])
def test_what_conda_cannot_say_is_refused(dependency):
    with pytest.raises(ValueError, match="markers, extras or addresses"):
        environment.conda_spec(dependency)


def test_the_committed_environment_is_current_and_every_spec_parses():
    rattler = pytest.importorskip("rattler")
    text = environment.environment(ROOT)
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == text
    specs = [rattler.MatchSpec(spec) for spec in re.findall(r'^  - "(.+)"$', text, re.MULTILINE)]
    names = [spec.name.normalized for spec in specs]
    assert names[0] == "python" and "pytorch" in names and "torch" not in names
    assert all(spec.version for spec in specs)
