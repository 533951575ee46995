"""The canonical form, built_from, and writing without ever leaving half a file."""

import base64
import copy
import json
import os

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import __version__
from course_utils.notebooks import to_bytes, write_whole
from course_utils.staff.authoring import png
from course_utils.staff.authoring.notebook_files import built_from, canonical


def noisy(make) -> dict:
    """A notebook as editors and kernels leave it."""
    cell = make.code(
        "product", "print(1)\nprint(2)\n", (make.stdout("1\n"), make.stdout("2\n"), make.picture("a line"))
    )
    cell["metadata"] |= {"tags": ["measured", "figure", "figure"], "execution": {"iopub": "2026"}, "vscode": {"x": 1}}
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    cell["outputs"].append({"output_type": "display_data", "data": widget, "metadata": {}})
    cell["outputs"].append(
        {"output_type": "execute_result", "data": {"text/plain": "2.0"}, "metadata": {}, "execution_count": 41}
    )
    content = make.content([make.md("title", "# T\n\nText.\n"), cell, make.code("empty", "")])
    content["metadata"] |= {
        "vscode": {},
        "widgets": {},
        "kernelspec": {"name": "mine"},
        "language_info": {"version": "3"},
    }
    return content


def test_what_is_left_of_a_noisy_notebook(make):
    result = canonical(noisy(make))
    title, cell, empty = result["cells"]
    assert title == {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# T\n", "\n", "Text."]}
    assert cell["metadata"] == {"tags": ["figure", "measured"]}
    assert cell["source"] == ["print(1)\n", "print(2)"]
    assert [output["output_type"] for output in cell["outputs"]] == ["stream", "display_data", "execute_result"]
    assert cell["outputs"][0]["text"] == ["1\n", "2\n"]
    assert cell["execution_count"] == cell["outputs"][2]["execution_count"] == 1
    assert empty["execution_count"] is None
    assert result["metadata"].keys() == {"course", "kernelspec", "language_info"}
    assert result["metadata"]["kernelspec"]["name"] == "python3"
    assert result["metadata"]["language_info"] == {"name": "python"}
    assert result["metadata"]["course"]["version"] == __version__


def test_pictures_say_nothing_of_the_program_that_drew_them(make):
    data = to_bytes(canonical(noisy(make)))
    output = canonical(noisy(make))["cells"][1]["outputs"][1]["data"]
    picture = base64.b64decode(output["image/png"])
    assert b"Software" in base64.b64decode(make.picture("a line")["data"]["image/png"])
    assert b"Software" not in picture
    assert [kind for kind, _ in png.chunks(picture)] == [b"IHDR", b"IDAT", b"IEND"]
    assert data.count(base64.b64encode(picture)) == 2  # in the HTML too


def test_pasted_pictures_and_rich_outputs_are_kept(make):
    png_data, svg = make.picture("a line")["data"]["image/png"], "<svg><title>A line</title></svg>"
    text = make.md("text", "![a line](attachment:line.png)") | {"attachments": {"line.png": {"image/png": png_data}}}
    data = {"text/latex": "$x$", "image/svg+xml": svg, "image/jpeg": base64.b64encode(b"\xff\xd8").decode()}
    shown = {"output_type": "display_data", "metadata": {}, "data": data | {"application/javascript": "alert(1)"}}
    once = canonical(make.content([text, make.code("show", "show()", (shown,))]))
    kept = once["cells"][0]["attachments"]["line.png"]["image/png"]
    assert kept == base64.b64encode(png.strip(base64.b64decode(png_data))).decode()
    expected = {"text/latex": ["$x$"], "image/svg+xml": [svg], "image/jpeg": data["image/jpeg"]}
    assert once["cells"][1]["outputs"][0]["data"] == expected
    read = nbformat.reads(to_bytes(once).decode(), as_version=4)
    nbformat.validate(read)
    assert to_bytes(canonical(json.loads(nbformat.writes(read)))) == to_bytes(once)


def test_optimised_pictures_keep_their_pixels(make):
    import io

    from PIL import Image

    for colours in (3, 1000):
        image = Image.new("RGBA", (50, 40))
        image.putdata([(i % colours % 256, i % colours // 256, 7, 255) for i in range(2000)])
        file = io.BytesIO()
        image.save(file, "PNG")
        smaller = png.optimise(file.getvalue())
        assert png.strip(smaller) == smaller and len(smaller) <= len(file.getvalue())
        assert Image.open(io.BytesIO(smaller)).convert("RGBA").tobytes() == image.tobytes()


def test_canonical_form_is_what_nbformat_writes_and_stays_as_it_is(make):
    data = to_bytes(canonical(noisy(make)))
    read = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(read)
    assert nbformat.writes(read) + "\n" == data.decode()
    assert to_bytes(canonical(json.loads(data))) == data


@given(st.lists(st.text(alphabet="ab \n\r\u2028#é", max_size=12), max_size=4))
def test_canonical_form_is_a_fixed_point(sources):
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": s, "execution_count": 9, "outputs": []}
        for i, s in enumerate(sources)
    ]
    content = {"cells": cells, "metadata": {"course": {}}, "nbformat": 4, "nbformat_minor": 5}
    once = canonical(content)
    assert canonical(json.loads(to_bytes(once))) == once
    assert built_from(once) == built_from(content)


def test_built_from_names_the_code_and_nothing_else(make):
    base = make.content([make.md("title", "# T"), make.code("one", "a = 1"), make.code("two", "b = 2")])
    digest = built_from(base)
    assert (
        digest == "6581b64171d76b290515b194d78f7b1216f2d56900920f6489faf81093406802"
    )  # sha256(one\0a = 1\0two\0b = 2\0)

    def changed(change) -> str:
        content = copy.deepcopy(base)
        change(content["cells"])
        return built_from(content)

    assert changed(lambda cells: cells[0].update(source="# Other")) == digest
    assert changed(lambda cells: cells[1].update(outputs=[], execution_count=None)) == digest
    assert changed(lambda cells: cells[1]["metadata"].update(tags=["measured"])) == digest
    assert changed(lambda cells: cells[1].update(source="a = 1\n")) == digest
    assert changed(lambda cells: cells[1].update(source="a = 2")) != digest
    assert changed(lambda cells: cells[1].update(id="uno")) != digest
    assert changed(lambda cells: cells.insert(1, cells.pop())) != digest
    assert changed(lambda cells: cells.pop()) != digest


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    write_whole(path, b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.ipynb"]


def test_equal_bytes_are_not_written_again(tmp_path):
    path = tmp_path / "folder" / "a.ipynb"
    assert write_whole(path, b"x") and not write_whole(path, b"x") and write_whole(path, b"y")
    assert path.read_bytes() == b"y"
