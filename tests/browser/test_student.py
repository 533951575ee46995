"""A student's first evening: from a clone to the lab, the first lectures, an exercise with its mistakes, a real model.

The course is a copy of this one in a new folder, without an environment; `python3 course.py lab` makes one and starts
JupyterLab, which a real browser then uses. They are shared; each test has a page, kernels and notebooks of its own.
Screenshots, and what the evening cost (`first_evening.json`: seconds,
commands typed), are kept in the folder that the environment variable COURSE_SCREENSHOTS names, if it does.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from course_utils.cli import lab
from course_utils.staff.authoring.render.browser import find_browser
from tests.clone import copy_of_the_course

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SERVER_SECONDS, PAGE_SECONDS = 1200, 600  # only to end a hang: on a busy machine a page has taken minutes
QUIET = ["--no-first-run", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-component-update"]
QUIET += ["--disable-background-networking", "--no-sandbox"]  # no sandbox: tests may run as root in a container
TOKEN = "the-first-evening"


@pytest.fixture(scope="module")
def window():
    """A browser in which each test opens a page; what JupyterLab consists of stays in its cache."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_browser() is None:
        pytest.skip("no Chromium on this machine: sudo apt install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET, timeout=PAGE_SECONDS * 1000)
        yield browser.new_context(viewport={"width": 1400, "height": 1000})
        browser.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("COURSE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def evening(screenshots):
    """What it cost, by step, in seconds; and every command typed in a terminal."""
    diary: dict = {"typed": [], "seconds": {}}
    yield diary
    (screenshots / "first_evening.json").write_text(json.dumps(diary, indent=1), encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """What a clone holds, in a folder whose name has spaces."""
    try:
        urllib.request.urlopen("https://pypi.org/simple/setuptools/", timeout=20).close()
    except (urllib.error.URLError, TimeoutError) as error:
        pytest.skip(f"no package index can be reached: {error}")
    folder = tmp_path_factory.mktemp("a clone") / "my course"
    return copy_of_the_course(folder)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """That of a student who has no Jupyter of their own; JupyterLab tells the browser test how to drive it."""
    private = tmp_path_factory.mktemp("jupyter")
    names = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
    names += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
    own = {name: str(private / name) for name in names}
    settings = {"LabApp": {"expose_app_in_browser": True}, "IdentityProvider": {"token": TOKEN}}
    Path(own["JUPYTER_CONFIG_DIR"]).mkdir()
    (Path(own["JUPYTER_CONFIG_DIR"]) / "jupyter_server_config.json").write_text(json.dumps(settings), encoding="utf-8")
    theirs = ("COURSE_", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTEST_", "PYTHONPATH", "MPLBACKEND")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)} | own


@pytest.fixture(scope="module")
def server(course, environment, evening, tmp_path_factory):
    """The address of the JupyterLab that `python3 course.py lab` starts in the new clone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "lab.txt"
    start = time.monotonic()
    evening["typed"].append("python3 course.py lab")
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "course.py", "lab", "--no-browser", "--port", str(port)],
            cwd=course,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={TOKEN}", process, log)
        evening["seconds"]["set-up"] = round(time.monotonic() - start, 1)
        evening["said"] = _said(log)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _said(log: Path) -> list[str]:
    """What the terminal showed, without the installer's list of packages."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not re.match(r" [+~-] ", line)]


@pytest.fixture(scope="module")
def laid_out(server, course, tmp_path_factory) -> Path:
    """The folder work/ as it was when the lab opened."""
    return Path(shutil.copytree(course / "work", tmp_path_factory.mktemp("laid out") / "work"))


# In the page: the open notebook, a cell of it, and the kernel. They are asked for data; what a student sees is read
# from the page.
LAB = """
    const panel = () => jupyterapp.shell.currentWidget;
    const cell = name => panel().content.widgets.find(cell => cell.model.id === name);
    const kernel = () => panel().sessionContext.session.kernel;
"""


class Student:
    """A page of JupyterLab, used as a student uses it, and what went wrong on it.

    folder: where their copies of the notebooks are, below work/. Nothing here waits for a time to pass, only for
    something to be so: JupyterLab draws, moves the focus and runs cells when it comes to it.
    """

    def __init__(self, page, address: str, folder: str = "") -> None:
        self.page, self.address, self.folder = page, address, folder
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
        self.page.goto(f"{self.address}/?token={TOKEN}")
        self.wait_for_notebook(lab.FIRST_NOTEBOOK)

    def open(self, path: str) -> None:
        """One of their own notebooks, in a workspace of its own: tabs that another page has left open stay closed."""
        self.page.goto(f"{self.address}/lab/workspaces/{self.folder}/tree/{self.folder}/{path}?token={TOKEN}")
        self.wait_for_notebook(f"{self.folder}/{path}")

    def follow(self, path: str) -> None:
        """By the link at the end of the notebook that is open."""
        self.click_link(self.cell("next"), f"a[href*='{path.rpartition('/')[2]}']")
        self.wait_for_notebook(f"{self.folder}/{path}")

    def click_link(self, cell, link: str) -> None:
        """A link of a cell, once JupyterLab has put the file's address into it: before, the browser would follow it."""
        cell.locator(f"{link}[href*='/files/']").first.click()

    def wait_for_notebook(self, path: str) -> None:
        self.page.wait_for_function("path => window.jupyterapp?.shell.currentWidget?.context?.path === path", arg=path)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
        self._ask("await panel().context.ready; await panel().sessionContext.ready")

    def save(self) -> None:
        self._ask("await jupyterapp.commands.execute('docmanager:save')")

    def run_all(self) -> None:
        self._ask("await jupyterapp.commands.execute('notebook:run-all-cells')")

    def close_kernels(self) -> None:
        self._ask("await window.jupyterapp?.serviceManager.sessions.shutdownAll()")

    def cells(self) -> list[dict]:
        return self._ask("return panel().content.model.sharedModel.toJSON().cells")

    def cell(self, name: str):
        """The cell with this id, scrolled into view.

        A locator, which looks anew at each use: JupyterLab may take a cell out of the page and put it back.
        """
        self._ask(
            """
            const notebook = panel().content, index = notebook.widgets.indexOf(cell(name));
            notebook.activeCellIndex = index;
            await notebook.scrollToItem(index, 'center');
            await cell(name).ready;
            cell(name).node.dataset.name = name;
            """,
            name,
        )
        return self.page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) [data-name='{name}']")

    def write(self, name: str, source: str) -> None:
        """Put this into a cell in place of what is there, with the keys."""
        self.cell(name).locator(".cm-content").click()
        self._wait_until("cell(name).editor.hasFocus() && panel().content.activeCell === cell(name)", name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self._wait_until("cell(name).model.sharedModel.source === more", name, source)

    def press_run(self, name: str) -> None:
        """Shift+Enter on the cell that the student is in, which has to be this one."""
        self._wait_until(
            "panel().content.activeCell === cell(name) && panel().node.contains(document.activeElement)", name
        )
        self.page.keyboard.press("Shift+Enter")

    def run(self, name: str) -> None:
        """Run the cell that the student is in, and see it end."""
        before = self._ask("return cell(name).model.executionCount", name)
        self.press_run(name)
        self._wait_until("![null, undefined, more].includes(cell(name).model.executionCount)", name, before)
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Until it does nothing and will run what comes next.

        After an error it refuses everything that had been sent before it noticed (Jupyter's stop_on_error). What it
        answers to a question, it answers after that.
        """
        self._wait_until("kernel().status === 'idle'")
        self._ask("await kernel().requestKernelInfo()")

    def answer(self, name: str, source: str) -> str:
        """Type an answer into its cell and run it and the check below, with the keys; return what the check shows.

        The check is run when the answer has ended, as by somebody who looks. Behind an answer that fails, Jupyter
        runs nothing that is waiting already.
        """
        self.write(name, source)
        self.run(name)
        self.run(f"{name}-check")
        return self.shown(f"{name}-check")

    def shown(self, name: str) -> str:
        """The text below a cell, once all that it has printed is on the page."""
        area = self.cell(name).locator(".jp-OutputArea").first
        self._wait_until(
            """
            cell(name).model.outputs.toJSON().every(output => {
                const bare = text => text.replace(/\\s+/g, '');
                return bare(cell(name).outputArea.node.innerText).includes(bare([output.text ?? ''].flat().join('')));
            })
            """,
            name,
        )
        return area.inner_text()

    def _ask(self, statements: str, name: str = "", more: object = None):
        """What these statements return in the page, where `name` is a cell's and `more` something else."""
        return self.page.evaluate(f"async ([name, more]) => {{ {LAB} {statements} }}", [name, more])

    def _wait_until(self, condition: str, name: str = "", more: object = None) -> None:
        self.page.wait_for_function(f"([name, more]) => {{ {LAB} return {condition.strip()} }}", arg=[name, more])


@pytest.fixture
def student(window, server, course, laid_out, request):
    """A student with a new page and copies of all notebooks that nobody has touched.

    At the end nothing may have gone wrong on the page, nothing been asked of other machines, and nothing be in the way.
    """
    folder = request.node.name.removeprefix("test_")
    shutil.copytree(laid_out, course / "work" / folder)
    student = Student(window.new_page(), server, folder)
    yield student
    panels = student.page.evaluate(
        "() => [...document.querySelectorAll('#jp-top-panel, #jp-menu-panel')].map(panel => panel.innerText).join()"
    )
    in_the_way = student.page.locator(".jp-toast, .Toastify__toast, .jp-Dialog").all_inner_texts()
    student.close_kernels()
    student.page.close()
    assert student.page_errors == []
    assert student.outside_requests == []
    assert "nbgrader" not in panels.lower()
    assert in_the_way == [], "a pop-up is in the way"


def errors_in(cells: list[dict]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"]


class Clock:
    """Writes into the diary how long a step took."""

    def __init__(self, evening: dict, step: str) -> None:
        self.evening, self.step = evening, step

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, *error) -> None:
        self.evening["seconds"][self.step] = round(time.monotonic() - self.start, 1)


def test_one_command_sets_up_and_opens_the_first_notebook(student, course, evening, screenshots):
    student.arrive()
    student.page.screenshot(path=screenshots / "1_opened.png")
    said = "\n".join(evening["said"])
    assert "to download" in said and "minutes" in said, "it says what the set-up will cost before it begins"
    assert "New in work/" in said and "Open the address below in a browser" in said
    assert (course / "work" / lab.FIRST_NOTEBOOK).is_file()
    assert not [output for cell in student.cells() for output in cell.get("outputs", [])], "outputs are cleared"


def test_the_first_notebook_runs_and_leads_to_the_first_lecture(student, evening, screenshots):
    student.open(lab.FIRST_NOTEBOOK)
    with Clock(evening, "00 runs"):
        student.run_all()
    code = [cell for cell in student.cells() if cell["cell_type"] == "code"]
    assert len(code) > 3 and all(cell["execution_count"] for cell in code)
    assert errors_in(code) == []
    student.page.screenshot(path=screenshots / "2_first_notebook.png")
    student.follow("01_chain_rule.ipynb")


def test_the_first_lecture_runs_and_its_figure_is_seen_and_it_leads_to_its_exercise(student, evening, screenshots):
    student.open("01_chain_rule.ipynb")
    with Clock(evening, "01 runs"):
        student.run_all()
    code = [cell for cell in student.cells() if cell["cell_type"] == "code"]
    assert errors_in(code) == []
    figures = [cell["id"] for cell in code for output in cell["outputs"] if "image/png" in output.get("data", {})]
    assert figures
    picture = student.cell(figures[0]).locator(".jp-OutputArea img").first
    assert len(picture.get_attribute("alt") or "") > 20
    student.page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=picture.element_handle())
    student.page.screenshot(path=screenshots / "3_lecture.png")
    view = student.cell("tree-interact").locator("[data-frames]").first
    picture, told = view.locator("[data-frame]:visible img"), view.locator("output")
    before = picture.get_attribute("alt"), told.inner_text()
    view.locator("input[type=range]").click(position={"x": 3, "y": 5})  # to the left: the kernel is not asked
    assert told.inner_text() < before[1] and picture.count() == 1 and picture.get_attribute("alt") != before[0]
    student.page.screenshot(path=screenshots / "3_slider.png")
    student.follow("exercises/01_chain_rule.ipynb")


MISTAKES = [  # what a student types in turn, and a word of what the check says
    ("e01-1", "# E01.1\ndef e01_1():\n    return 0.1 + 0.5 + 0.8", "added"),
    ("e01-1", "# E01.1\ndef e01_1():\n    return 0.1 * 0.5 * 0.8", "1 of 1 point"),
    (
        "e01-2",
        "# E01.2\ndef joint_prob(conds):\n    p = 0\n    for c in conds:\n        p *= c\n    return p",
        "0 of 2",
    ),
    ("e01-2", "# E01.2\ndef joint_prob(conds):\n    p = 1\n    for c in conds:\n        p *= c\nreturn p", "E01.2"),
    (
        "e01-2",
        "# E01.2\ndef joint_prob(conds):\n    p = 1\n    for c in conds:\n        p *= c\n    return p",
        "2 of 2",
    ),
    ("e01-6", "# E01.6\ndef e01_6():\n    return 0.42, 0.42", "0 of 1"),
    ("e01-6", "# E01.6\ndef e01_6():\n    return 0.6 * 0.7, 0.4 * 0.5", "1 of 1 point"),
]


def test_an_exercise_tells_wrong_from_right(student, evening, screenshots):
    student.open("exercises/01_chain_rule.ipynb")
    untouched = json.loads((ROOT / "exercises" / "01_chain_rule.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in student.cells()] == [cell["id"] for cell in untouched["cells"]]
    student.run_all()
    with Clock(evening, "exercise 01, seven tries"):
        for number, (task, source, word) in enumerate(MISTAKES):
            said = student.answer(task, source)
            student.page.screenshot(path=screenshots / f"4_try_{number}.png")
            assert word in said, said


def test_check_in_the_terminal_agrees_with_the_notebook(student, course, environment, evening):
    student.open("exercises/01_chain_rule.ipynb")
    student.run_all()
    for task, source, word in (MISTAKES[1], MISTAKES[4], MISTAKES[6]):
        assert word in student.answer(task, source)
    student.save()
    saved = course / "work" / student.folder / "exercises" / "01_chain_rule.ipynb"
    shutil.copy(saved, course / "work" / "exercises")  # where the command looks
    evening["typed"].append("python3 course.py check 01")
    with Clock(evening, "course check 01"):
        checked = subprocess.run(
            [sys.executable, "course.py", "check", "01"], cwd=course, env=environment, capture_output=True, text=True
        )
    assert checked.returncode == 0, checked.stderr
    for line in ("E01.1", "E01.2", "E01.6"):
        assert re.search(rf"{line}\D.*\b([124]) of \1", checked.stdout), checked.stdout
    assert "4 of 11" in checked.stdout, checked.stdout


def test_a_failed_task_leads_back_to_its_section(student):
    """The link below a task opens the lecture at the section to reread."""
    student.open("exercises/01_chain_rule.ipynb")
    student.click_link(student.cell("e01-4-task"), "a:has-text('Four tokens')")
    student.wait_for_notebook(f"{student.folder}/01_chain_rule.ipynb")
    heading = student.page.locator("h2:has-text('Four tokens: what is an identity?')")
    heading.first.wait_for()


def test_a_lecture_on_a_real_model_runs(student, evening, screenshots):
    student.open("09_real_model.ipynb")
    with Clock(evening, "09 runs"):
        student.run_all()
    code = [cell for cell in student.cells() if cell["cell_type"] == "code"]
    assert errors_in(code) == []
    student.page.screenshot(path=screenshots / "5_real_model.png")
