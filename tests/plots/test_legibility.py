"""Figures that some could not read are found, others are left in peace."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from course_utils import lesson
from course_utils.plots import legibility


def axes_of_a_figure(**options):
    return Figure(figsize=(4, 3), dpi=90, facecolor="white", **options).subplots()


@pytest.mark.parametrize(
    "ground, colour, alpha, ratio",
    [
        ("white", "#595959", None, ""),
        ("white", "#777777", None, "4.48"),
        ("white", "black", 0.4, "2.8"),
        ("#0072B2", "white", None, ""),
        ("#0072B2", "black", None, "4.0"),
        ("black", "white", None, ""),
    ],
)
@pytest.mark.parametrize("how", ["area", "box"])
def test_the_contrast_of_a_text_is_that_with_what_lies_under_it(ground, colour, alpha, ratio, how):
    axes = axes_of_a_figure(layout="constrained")
    box = {"facecolor": ground, "edgecolor": "none"} if how == "box" else None
    axes.axvspan(0.2, 0.8, facecolor=ground if how == "area" else "white")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    text = axes.text(0.5, 0.5, "token", color=colour, alpha=alpha, ha="center", va="center", bbox=box)
    found = legibility.faults(axes.figure)
    assert len(found) == bool(ratio)
    assert all(fault.startswith('the text "token" in') and f"contrast {ratio}" in fault for fault in found)
    assert text.get_alpha() == alpha and axes.figure.get_layout_engine() is not None


def test_titles_labels_ticks_and_legends_are_texts_too():
    axes = axes_of_a_figure()
    axes.plot([0, 1], [0, 1], label="a line")
    axes.set_title("title", color="#BBBBBB")
    axes.set_xlabel("label", color="#BBBBBB")
    axes.tick_params(axis="y", labelcolor="#BBBBBB")
    axes.legend(labelcolor="#BBBBBB")
    found = " ".join(legibility.faults(axes.figure))
    assert all(f'the text "{text}"' in found for text in ("title", "label", "0.4", "a line"))


def test_lines_differ_in_more_than_colour():
    def found(*looks, words=""):
        axes = axes_of_a_figure()
        for i, look in enumerate(looks):
            axes.plot([0, 1], [i, i], label=f"line {i}", **look)
        axes.text(0, 0, words)
        return legibility.faults(axes.figure)

    red, blue = {"color": "red"}, {"color": "blue"}
    assert found(red, blue) == [
        "only colour tells line 0 from line 1: give them different dashes, markers, hatches or labels"
    ]
    assert found(red, red) == found(red, blue | {"linestyle": "--"}) == found(red, blue | {"marker": "o"}) == []
    assert found(red, blue | {"linewidth": 4}) == found(red, blue, words="line 0 and line 1") == []
    assert len(found(red | {"linestyle": ":"}, blue | {"linestyle": ":"}, red | {"linestyle": "--"})) == 1


def test_areas_of_a_legend_differ_in_more_than_colour():
    def found(hatch):
        axes = axes_of_a_figure()
        axes.bar([0, 1], [1, 2], color="red", label="this")
        axes.bar([2, 3], [1, 2], color="blue", label="that", hatch=hatch)
        axes.legend()
        return legibility.faults(axes.figure)

    assert [fault.partition(":")[0] for fault in found(None)] == ["only colour tells this from that"]
    assert found("//") == []


def test_a_build_refuses_such_a_figure_and_a_student_may_draw_it(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_BUILD", raising=False)
    figure, axes = plt.subplots()
    axes.set_title("pale", color="#CCCCCC")
    lesson.figure(figure, alt="a pale title")
    assert "Figure" in capsys.readouterr().out
    monkeypatch.setenv("COURSE_BUILD", "1")
    with pytest.raises(ValueError, match='everybody: the text "pale" in #cccccc on #ffffff has contrast 1.6'):
        lesson.figure(figure, alt="a pale title")
