"""A student's first quarter of an hour, in a real JupyterLab in a real browser.

The server is started by the code behind `course lab`, on a copy of the course, so that work/ is laid out as a student
gets it. Screenshots are kept in the folder that the environment variable COURSE_SCREENSHOTS names, if it does.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from course_utils.cli import doctor, lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SERVER_SECONDS, PAGE_SECONDS = 120, 180  # far more than it takes, for a machine that is busy
QUIET = ["--no-first-run", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-component-update"]
QUIET += ["--disable-background-networking", "--no-sandbox"]  # no sandbox: tests may run as root in a container


@pytest.fixture(scope="module")
def playwright():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if doctor.find_browser() is None:
        pytest.skip("no Chromium on this machine: sudo apt install chromium")
    with sync_api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("COURSE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of JupyterLab on a fresh copy of the course, and its token."""
    course = tmp_path_factory.mktemp("a clone") / "my course"
    for folder in ("notebooks", "exercises"):
        shutil.copytree(ROOT / folder, course / folder)
    lab.lay_out_work(course)

    private = tmp_path_factory.mktemp("jupyter")
    environment = lab.server_environment(os.environ)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(private / name)
    for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        environment[name] = str(private / name)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    command = lab.server_command(course / "work", port=port, token=token, browser=False)
    command += ["--LabApp.expose_app_in_browser=True"]  # lets this test drive the application
    log = private / "log"
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", process, log)
        yield address, token
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


class Student:
    """A page of JupyterLab, used as a student uses it, and what went wrong on it."""

    def __init__(self, page, address: str, token: str) -> None:
        self.page, self.address, self.token = page, address, token
        self.page_errors: list[str] = []
        self.outside_requests: list[str] = []
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.on("request", self._note_request)
        page.on("websocket", self._note_request)

    def _note_request(self, request) -> None:
        here = (self.address + "/", self.address.replace("http", "ws", 1) + "/", "data:", "blob:")
        if not request.url.startswith(here):
            self.outside_requests.append(request.url)

    def arrive(self) -> None:
        """As the browser does that `course lab` opens."""
        self.page.goto(f"{self.address}/?token={self.token}")
        self._wait_for_notebook(lab.FIRST_NOTEBOOK)

    def open(self, path: str) -> None:
        self.page.evaluate("async path => {await jupyterapp.commands.execute('docmanager:open', {path})}", path)
        self._wait_for_notebook(path)

    def _wait_for_notebook(self, path: str) -> None:
        self.page.wait_for_function("path => window.jupyterapp?.shell.currentWidget?.context?.path === path", arg=path)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
        self.page.evaluate(
            "async () => {const panel = jupyterapp.shell.currentWidget;"
            " await panel.context.ready; await panel.sessionContext.ready}"
        )

    def run_all(self) -> None:
        self.page.evaluate("async () => {await jupyterapp.commands.execute('notebook:run-all-cells')}")

    def cells(self) -> list[dict]:
        return self.page.evaluate("() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells")

    def cell(self, name: str):
        """The element of the cell with this id, scrolled into view."""
        return self.page.evaluate_handle(
            """async name => {
                const notebook = jupyterapp.shell.currentWidget.content;
                const index = notebook.widgets.findIndex(cell => cell.model.id === name);
                notebook.activeCellIndex = index;
                await notebook.scrollToItem(index, 'center');
                await notebook.widgets[index].ready;
                return notebook.widgets[index].node;
            }""",
            name,
        ).as_element()

    def answer(self, name: str, source: str) -> str:
        """Type an answer into its cell and run it and the check below, with the keys; return the text of the check."""
        self.cell(name).query_selector(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        assert self._source(name) == source
        before = self._count(f"{name}-check")
        self.page.keyboard.press("Shift+Enter")
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(
            """([name, before]) => {
                const cells = jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells;
                const count = cells.find(cell => cell.id === name).execution_count;
                return count !== null && count !== before;
            }""",
            arg=[f"{name}-check", before],
        )
        return self.cell(f"{name}-check").query_selector(".jp-OutputArea").inner_text()

    def _model(self, name: str) -> dict:
        return next(cell for cell in self.cells() if cell["id"] == name)

    def _source(self, name: str) -> str:
        return "".join(self._model(name)["source"])

    def _count(self, name: str) -> int | None:
        return self._model(name)["execution_count"]


@pytest.fixture(scope="module")
def student(playwright, server, tmp_path_factory):
    browser = playwright.chromium.launch(executable_path=doctor.find_browser(), args=QUIET)
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    yield Student(page, *server)
    browser.close()


def errors_in(cells: list[dict]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"]


# The tests of this file are one visit, in this order.


def test_lab_opens_the_first_notebook_and_it_runs(student, screenshots):
    student.arrive()
    student.page.screenshot(path=screenshots / "1_opened.png")
    assert not [output for cell in student.cells() for output in cell.get("outputs", [])], "outputs are cleared"
    student.run_all()
    code = [cell for cell in student.cells() if cell["cell_type"] == "code"]
    assert len(code) > 3 and all(cell["execution_count"] for cell in code)
    assert errors_in(code) == []
    student.page.screenshot(path=screenshots / "2_first_notebook.png")


def test_the_first_lecture_runs_and_its_figure_is_seen(student, screenshots):
    student.open("01_chain_rule.ipynb")
    student.run_all()
    code = [cell for cell in student.cells() if cell["cell_type"] == "code"]
    assert errors_in(code) == []
    figures = [cell["id"] for cell in code for output in cell["outputs"] if "image/png" in output.get("data", {})]
    assert figures
    picture = student.cell(figures[0]).wait_for_selector(".jp-OutputArea img")
    assert len(picture.get_attribute("alt") or "") > 20
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
    student.page.screenshot(path=screenshots / "3_lecture.png")


def test_an_exercise_tells_wrong_from_right(student, screenshots):
    student.open("exercises/01_chain_rule.ipynb")
    untouched = json.loads((ROOT / "exercises" / "01_chain_rule.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in student.cells()] == [cell["id"] for cell in untouched["cells"]]
    student.run_all()

    wrong = student.answer("e01-1", "# E01.1\ndef e01_1():\n    return 0.1 + 0.5 + 0.8")
    student.page.screenshot(path=screenshots / "4_wrong_answer.png")
    assert "E01.1 e01_1: 0 of 1 point" in wrong
    assert "added" in wrong, "the message names the mistake"

    right = student.answer("e01-1", "# E01.1\ndef e01_1():\n    return 0.1 * 0.5 * 0.8")
    student.page.screenshot(path=screenshots / "5_right_answer.png")
    assert "E01.1 e01_1: 1 of 1 point" in right
    assert right.split()[-1] == "1.0"


def test_nothing_went_wrong_on_the_page_and_nothing_was_asked_outside(student):
    assert student.page_errors == []
    assert student.outside_requests == []
    assert "nbgrader" not in student.page.inner_text("#jp-top-panel, #jp-menu-panel").lower()
    assert not student.page.query_selector(".jp-toast, .Toastify__toast, .jp-Dialog"), "a pop-up is in the way"
