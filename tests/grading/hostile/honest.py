"""Notebooks that look odd and are right: each of them has to get full points.

`same_as`: it differs from another one only in what the grader leaves behind, so that both have one graded copy. That
is what is tested then, which costs no kernel.
"""

# ruff: noqa: E501 - a table: one line for each attack or notebook, whatever its length

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.grading.hostile.notebooks import EXERCISE, HANDED_OUT, POINTS, RIGHT, cell, code, dumps, notebook, stored


@dataclass(frozen=True)
class Honest:
    name: str
    content: bytes
    same_as: str = ""


HONEST: list[Honest] = []


def honest(name: str, content: dict | bytes, same_as: str = "") -> None:
    """Adds a notebook; all but its unusual answers are those of `RIGHT`."""
    assert name not in {known.name for known in HONEST}
    HONEST.append(Honest(name, content if isinstance(content, bytes) else dumps(content), same_as))


def with_answers(answers: dict[str, str], **own: dict) -> dict:
    """The right notebook with these answers in place of the usual ones (the marker line is added)."""
    return notebook(RIGHT | {task: f"# {task}\n{source}" for task, source in answers.items()}, **own)


# --- ways to write ----------------------------------------------------------------------------------------------------

PLAIN = "right answers"
honest(PLAIN, notebook())
honest(
    "lambdas, partials, callable objects",
    with_answers(
        {
            "E02.1": "e02_1 = lambda: [0, -math.inf]",
            "E02.2": (
                "class Scorer:\n    def __call__(self, tokens, cond, bos):\n"
                "        ps = [cond(t, (bos,) + tuple(tokens[:i])) for i, t in enumerate(tokens)]\n"
                "        return math.log(math.prod(ps)) if len(ps) < 100 and all(ps) else self.long(ps)\n"
                "    def long(self, ps):\n        return -math.inf if 0 in ps else math.fsum(map(math.log, ps))\n"
                "sequence_log_prob = Scorer()"
            ),
            "E02.6": "import functools\ndef _mass(times, n):\n    return n / (times * (n + 1))\nleaky_mass = functools.partial(_mass, 2)",
        }
    ),
)  # fmt: skip
honest(
    "types, dataclasses, decorators, caches",
    with_answers(
        {
            "E02.2": (
                "from __future__ import annotations\nfrom collections.abc import Callable, Sequence\nimport functools\n"
                "def quiet(f):\n    @functools.wraps(f)\n    def inner(*args):\n        with np.errstate(all='ignore'):\n"
                "            return f(*args)\n    return inner\n"
                "@quiet\ndef sequence_log_prob(tokens: Sequence, cond: Callable[..., float], bos: object) -> np.float64:\n"
                "    return np.log([cond(t, (bos, *tokens[:i])) for i, t in enumerate(tokens)]).sum()"
            ),
            "E02.5": (
                "from dataclasses import dataclass\n@dataclass\nclass Total:\n    value: float = 0.0\n"
                "    def add(self, p):\n        self.value += math.log(p) if p else -math.inf\n"
                "def safe_log_prob(tokens, cond, bos):\n    total, seen = Total(), [bos]\n    for t in tokens:\n"
                "        total.add(cond(t, tuple(seen)))\n        seen.append(t)\n    return total.value"
            ),
            "E02.6": "import functools\n@functools.cache\ndef leaky_mass(n):\n    return n / 2 / (n + 1)",
        }
    ),
)  # fmt: skip
honest(
    "recursion, generators, walrus, match",
    with_answers(
        {
            "E02.2": (
                "import sys\nsys.setrecursionlimit(5000)\ndef sequence_log_prob(tokens, cond, bos, context=None):\n"
                "    context = context or (bos,)\n    match list(tokens):\n        case []:\n            return 0\n"
                "        case [first, *rest]:\n            if (p := cond(first, context)) == 0:\n                return -math.inf\n"
                "            return math.log(p) + sequence_log_prob(rest, cond, bos, (*context, first))"
            ),
            "E02.3": "def e02_3():\n    yield 1 - 0.9**10\n    yield 9",
            "E02.6": "def leaky_mass(n):\n    return math.fsum(1 / (t + 1)**2 * (t + 1) / (2 * t) for t in range(1, n + 1))",
        }
    ),
)  # fmt: skip
honest(
    "scalars of other kinds",
    with_answers(
        {
            "E02.1": "def e02_1():\n    return np.float64(0), np.array([-np.inf])",
            "E02.2": RIGHT["E02.2"].replace("return sum(logs)", "return np.array(sum(logs))"),
            "E02.3": "from fractions import Fraction\ndef e02_3():\n    return 1 - Fraction(9, 10)**10, np.int64(9)",
            "E02.5": RIGHT["E02.5"].replace("math.fsum(map(math.log, ps))", "np.longdouble(math.fsum(map(math.log, ps)))"),
            "E02.6": "from decimal import Decimal\ndef leaky_mass(n):\n    return Decimal(n) / (2 * (n + 1))",
            "E02.7": "def e02_7():\n    return (c for c in ('the cat', 'the cat sat', 'the cat ran'))",
        }
    ),
)  # fmt: skip
honest(
    "with the course's own functions",
    with_answers(
        {
            "E02.1": "from course_utils.toy_language import *\nfrom course_utils.log_space import *\ndef e02_1():\n    return 0.0, -math.inf",
            "E02.6": "import course_utils\ndef leaky_mass(n):\n    return float(np.sum([1 / (2 * t * (t + 1)) for t in range(1, n + 1)]))",
        }
    ),
)  # fmt: skip
honest(
    "star imports that cover built-in names", notebook(before={"E02.2": ["from numpy import *", "from math import *"]})
)
honest(
    "names of built-in functions with another meaning, used in a later task",
    with_answers(
        {
            "E02.3": "def e02_3():\n    lengths = reshape(0.1 * 0.9 ** arange(10), (2, 5))\n    return sum(sum(lengths, axis=0)), 9.0",
            "E02.6": "def leaky_mass(n):\n    return filter(n / 2, n + 1)",
        },
        before={"E02.2": ["from numpy import *\nimport math", "def filter(top, bottom):\n    return top / bottom"]},
    ),
)  # fmt: skip
honest(
    "a module of their own, timed with other options",
    with_answers(
        {
            "E02.2": "%timeit -n 5 -r 3 2 + 2\nimport helpers\nsequence_log_prob = helpers.log_prob\n%timeit -r2 -n 5 helpers.mass(3)",
            "E02.6": "from helpers import mass as leaky_mass",
        },
        before={
            "E02.2": [
                "%%writefile helpers.py\nimport math\ndef log_prob(tokens, cond, bos):\n"
                "    ps = [cond(t, (bos, *tokens[:i])) for i, t in enumerate(tokens)]\n"
                "    return -math.inf if 0 in ps else math.fsum(map(math.log, ps))\ndef mass(n):\n    return n / (2 * (n + 1))",
                "%%timeit -n 5\n1 + 1",
            ]
        },
    ),
)  # fmt: skip
honest(
    "letters of other alphabets, tabs, semicolons",
    with_answers(
        {
            "E02.3": "def e02_3():\n\tε = 0.1; μ = (1 - ε) / ε;\n\treturn 1 - (1 - ε) ** 10, μ;",
            "E02.6": "def leaky_mass(n):\n    '''Masse, d. h. Wahrscheinlichkeit \u2013 \u00fcber alle Schritte \U0001f600'''\n    ＮＮ = n\n    return ＮＮ / (2 * (NN + 1))",
        }
    ),
)  # fmt: skip

# --- cells of their own -----------------------------------------------------------------------------------------------

honest(
    "helpers in other cells",
    notebook(
        RIGHT | {"E02.2": "# E02.2\ndef sequence_log_prob(tokens, cond, bos):\n    return add_logs(factors(tokens, cond, bos))",
                 "E02.5": "# E02.5\ndef safe_log_prob(tokens, cond, bos):\n    return sequence_log_prob(tokens, cond, bos)"},
        before={"E02.1": ["def add_logs(ps):\n    return -math.inf if 0 in ps else math.fsum(map(math.log, ps))"]},
        after={"E02.2": ["def factors(tokens, cond, bos):\n    return [cond(t, (bos, *tokens[:i])) for i, t in enumerate(tokens)]"]},
    ),
)  # fmt: skip
honest(
    "own cells that fail",
    notebook(
        before={
            "E02.1": ["1 / 0", "def broken(:", "%nothing", "!exit 3", "!pip install --quiet nothing-of-this-name"],
            "E02.2": ["import seaborn", "open('data.csv')", "raise SystemExit", "assert False", "undefined"],
            "E02.4": ["sequence_log_prob()", "exit()", "await nothing()", "%%bash\nfalse", "%run other.py", "raise KeyboardInterrupt"],
        }
    ),
)  # fmt: skip
honest(
    "plots everywhere",
    notebook(
        before={
            "E02.1": ["%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.style.use('ggplot')\nplt.ion()"],
            "E02.2": ["for i in range(3):\n    plt.figure()\n    plt.plot(np.arange(10) ** i)\nplt.show()"],
            "E02.6": ["plt.bar(range(9), [leaky_mass(n) for n in range(9)]) if 'leaky_mass' in globals() else plt.hist([1, 2])"],
        }
    ),
)  # fmt: skip
honest(
    "prints, warnings, progress bars",
    notebook(
        RIGHT | {task: source.replace(":\n", ":\n    import sys, warnings\n    print('called', file=sys.stderr)\n    print('x' * 200)\n"
                                      "    warnings.warn('careful')\n", 1) for task, source in RIGHT.items()},
        before={"E02.2": ["import time\nfrom tqdm.auto import tqdm\nfor _ in tqdm(range(50)): time.sleep(0.001)",
                          "import logging\nlogging.basicConfig(level=0)\nlogging.warning('x')", "print('line ' * 100_000)"]},
    ),
)  # fmt: skip
honest(
    "warnings as errors, and floating point too",
    notebook(before={"E02.2": ["import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')"]}),
)
honest(
    "settings of the notebook changed",
    notebook(
        before={
            "E02.1": [
                "from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.ast_node_interactivity = 'all'",
                "%config InteractiveShell.ast_node_interactivity = 'all'\n%precision 3\n%load_ext autoreload\n%autoreload 2\n%pdb on",
                "np.set_printoptions(precision=2)\nnp.random.seed(1)\nimport random\nrandom.seed(1)\n%xmode Verbose",
            ],
        }
    ),
)  # fmt: skip
honest(
    "common patches",
    notebook(
        before={
            "E02.1": [
                "import warnings\ndef ignore(*args, **kwargs): pass\nwarnings.warn = ignore",
                "np.float = float\nnp.int = int\nimport builtins, functools\nbuiltins.print = functools.partial(print, flush=True)",
            ],
        }
    ),
)  # fmt: skip
honest(
    "names that get lost",
    with_answers(
        {
            "E02.1": "def e02_1():\n    return 0.0, float('-inf')\nnp = math = None\ndel BOS, EOS, toy_bigram\nsum = 5\ncheck = 'done'\nlist = tuple"
        }
    ),
)
honest(
    "magics in the answer cell",
    notebook(
        RIGHT | {"E02.2": "%%time\n" + RIGHT["E02.2"], "E02.3": "%%capture\n" + RIGHT["E02.3"],
                 "E02.6": RIGHT["E02.6"] + "\n%timeit -n 1 -r 1 leaky_mass(3)\n%time leaky_mass(4)"},
    ),
)  # fmt: skip
honest(
    "threads and processes of their own",
    with_answers(
        {
            "E02.2": (
                "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
                "def sequence_log_prob(tokens, cond, bos):\n"
                "    ps = list(pool.map(lambda i: cond(tokens[i], (bos, *tokens[:i])), range(len(tokens))))\n"
                "    return -math.inf if 0 in ps else math.fsum(map(math.log, ps))"
            ),
            "E02.3": (
                "import multiprocessing\ndef mass(k):\n    return 0.1 * 0.9**k\ndef e02_3():\n"
                "    with multiprocessing.get_context('fork').Pool(2) as pool:\n        return sum(pool.map(mass, range(10))), 9.0"
            ),
        }
    ),
)  # fmt: skip
honest(
    "files, subprocesses, the event loop",
    with_answers(
        {
            "E02.3": (
                "import json, pathlib, subprocess, sys, tempfile\ndef e02_3():\n    with tempfile.TemporaryDirectory() as folder:\n"
                "        path = pathlib.Path(folder, 'mean.json')\n        path.write_text(json.dumps(9.0))\n"
                "        pathlib.Path('note.txt').write_text('x')\n"
                "        said = subprocess.run([sys.executable, '-c', 'print(1 - 0.9**10)'], capture_output=True, text=True)\n"
                "        return float(said.stdout), json.loads(path.read_text())"
            ),
        },
        before={"E02.3": ["import asyncio\nawait asyncio.sleep(0.01)\nasync def nine(): return 9\nassert await nine() == 9"]},
    ),
)  # fmt: skip
honest(
    "slow, but within the limits",
    with_answers(
        {
            "E02.3": "def e02_3():\n    import time\n    time.sleep(1)\n    sum(range(10**7))\n    return 1 - 0.9**10, 9.0",
            "E02.6": "def leaky_mass(n):\n    sum(range(3 * 10**5))\n    return n / (2 * (n + 1))",
        }
    ),
)  # fmt: skip
honest(
    "a large table in memory",
    with_answers(
        {"E02.3": "TABLE = np.ones(20_000_000)\nROWS = list(range(10**6))\ndef e02_3():\n    return 1 - 0.9**10, 9.0"}
    ),
)
honest(
    "widgets",
    notebook(
        before={
            "E02.2": [
                "import ipywidgets\nipywidgets.interact(lambda x=3: x)\nipywidgets.IntSlider()",
                "from IPython.display import *\ndisplay(HTML('<b>x</b>'), Markdown('*x*'), clear_output())",
            ]
        }
    ),
)
honest(
    "debugging left in",
    with_answers(
        {
            "E02.6": "def leaky_mass(n):\n    assert n >= 0\n    locals()\n    return n / (2 * (n + 1))\nprint([leaky_mass(n) for n in range(5)]); leaky_mass?\nleaky_mass(3)"
        }
    ),
)


def in_other_cells(content: dict) -> dict:
    """Two answers in one cell, one in a cell of its own beside the stub, names that cells further down define."""
    cell(content, "E02.1")["source"] += "\n\n" + RIGHT["E02.2"] + "\n\ncheck('E02.1')"
    content["cells"].remove(cell(content, "E02.2"))
    content["cells"].insert(content["cells"].index(cell(content, "E02.3")), code(RIGHT["E02.3"].partition("\n")[2]))
    cell(content, "E02.3")["source"] = EXERCISE.stubs["e02-3"]
    cell(content, "E02.5")["source"] = "# E02.5\nfrom functools import partial\n" + (
        "def safe_log_prob(tokens, cond, bos):\n    return logs(factors(tokens, cond, bos))"
    )
    cell(content, "E02.6")["source"] = "# E02.6\nleaky_mass = reduce_to(lambda n: Fraction(n, 2 * (n + 1)))"
    at = content["cells"].index(cell(content, "E02.5", "-check")) + 1
    factors = "def factors(tokens, cond, bos):\n    return [cond(t, (bos, *tokens[:i])) for i, t in enumerate(tokens)]"
    content["cells"].insert(at, code(factors))
    logs = "def logs(ps):\n    return -math.inf if 0 in ps else math.fsum(map(math.log, ps))"
    ours = "from fractions import Fraction\nreduce_to = lambda f: f"
    content["cells"] += [code("1 / 0"), code(logs), code(ours)]
    return content


honest("answers and helpers in other cells", in_other_cells(notebook()))
honest(
    "what another machine has",
    notebook(
        RIGHT | {"E02.2": "%matplotlib widget\n" + RIGHT["E02.2"],
                 "E02.3": RIGHT["E02.3"] + "\n%timeit e02_3()\n%timeit sum(range(2))"},
        before={"E02.4": ["%matplotlib qt", "%%timeit x = 3\nx + 1", "import matplotlib.pyplot as plt\n"
                          "plt.rcParams['text.usetex'] = True", "%debug", "breakpoint()"]},
    ),
)  # fmt: skip

# --- other cells, same answers ----------------------------------------------------------------------------------------


def changed(change: Callable[[dict], object]) -> dict:
    """The right notebook after a change."""
    content = notebook()
    change(content)
    return content


def each(change: Callable[[dict], object]) -> Callable[[dict], None]:
    """Applies a change to every cell."""

    def change_all(content: dict) -> None:
        for one in content["cells"]:
            change(one)

    return change_all


def without_ids(content: dict, minor: int) -> None:
    """As an older Jupyter wrote it."""
    content["nbformat_minor"] = minor
    for one in content["cells"]:
        one.pop("id", None)


def without_metadata(content: dict) -> None:
    for one in content["cells"]:
        one["metadata"] = {}


def markdown(text: str) -> dict:
    return {"cell_type": "markdown", "id": f"text-{len(text)}", "metadata": {}, "source": text}


def _outputs(content: dict) -> None:
    for task, points in POINTS.items():
        cell(content, task, "-check")["outputs"] = stored(f"{points}", "all right\n")
        cell(content, task)["outputs"] = [
            {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\x1b[31m" * 1000]}
        ]
        cell(content, task)["execution_count"] = 77


def _own_cells(*sources: str) -> list[dict]:
    return [code(source) for source in sources]


def _new_cells_below(content: dict) -> None:
    for task, source in RIGHT.items():
        at = content["cells"].index(cell(content, task)) + 1
        content["cells"].insert(at, code(source))


def _colab(content: dict) -> None:
    without_ids(content, 0)
    content["metadata"] |= {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    for number, one in enumerate(content["cells"]):
        one["metadata"] |= {"id": f"aB{number}", "colab": {"base_uri": "https://localhost:8080/"}, "outputId": "x"}


def _vs_code(content: dict) -> None:
    content["metadata"]["kernelspec"] = {"display_name": ".venv (3.12.1)", "language": "python", "name": "python3"}
    content["metadata"]["vscode"] = {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b"}}
    for one in content["cells"]:
        one["metadata"]["vscode"] = {"languageId": "python"}
        one["source"] = one["source"] if isinstance(one["source"], list) else one["source"].splitlines(keepends=True)


def _hub(content: dict) -> None:
    content["metadata"] |= {"celltoolbar": "Create Assignment", "toc": {}, "varInspector": {}, "papermill": {"x": 1}}
    for one in content["cells"]:
        one["metadata"] |= {
            "deletable": False,
            "editable": True,
            "ExecuteTime": {},
            "slideshow": {"slide_type": "slide"},
        }
        one["metadata"].get("nbgrader", {}).update(cell_type="code", checksum="0" * 32)


CHANGES: dict[str, Callable[[dict], object]] = {
    "saved by Colab": _colab,
    "saved by VS Code": _vs_code,
    "saved on a JupyterHub with extensions": _hub,
    "cell ids lost": lambda c: without_ids(c, 4),
    "format 4.0": lambda c: without_ids(c, 0),
    "format 4.2": lambda c: without_ids(c, 2),
    "a later minor format": lambda c: c.update(nbformat_minor=9, new_in_this_format={"x": 1}),
    "metadata of cells lost": without_metadata,
    "metadata and ids lost": lambda c: (without_metadata(c), without_ids(c, 4)),
    "metadata of the notebook lost": lambda c: c.update(metadata={}),
    "new ids": each(lambda one: one.update(id=f"{abs(hash(str(one['source']))):x}"[:12])),
    "another kernel's name": lambda c: c["metadata"].update(kernelspec={"name": "conda-env-nlp-py", "display_name": "NLP"}),
    "sources as lists of lines": each(lambda one: one.update(source="".join(one["source"]).splitlines(keepends=True))),
    "line ends of Windows": each(lambda one: one.update(source="".join(one["source"]).replace("\n", "\r\n"))),
    "line ends of old Macs": each(lambda one: one.update(source="".join(one["source"]).replace("\n", "\r"))),
    "markdown added": lambda c: c["cells"].extend([markdown("# My notes"), markdown("# E02.2\nnot an answer")]),
    "markdown removed": lambda c: c.update(cells=[one for one in c["cells"] if one["cell_type"] != "markdown"]),
    "raw and empty cells added": lambda c: c["cells"].extend([{"cell_type": "raw", "metadata": {}, "source": "x"}, *_own_cells("", " \n ")]),
    "checks removed": lambda c: c.update(cells=[one for one in c["cells"] if not str(one["id"]).endswith("-check")]),
    "set-up and given cells removed": lambda c: c.update(
        cells=[one for one in c["cells"] if one["cell_type"] != "code" or "check" in one["metadata"].get("tags", []) or one["id"][0] == "e" and not one["id"].endswith("given")]
    ),
    "cells in another order": lambda c: c["cells"].sort(key=lambda one: str(one["source"])),
    "outputs and counts kept": _outputs,
    "stubs left above, answers below": lambda c: (c["cells"].clear(), c["cells"].extend(copy.deepcopy(HANDED_OUT["cells"])), _new_cells_below(c)),
    "a copy of a stub below": lambda c: c["cells"].extend(copy.deepcopy([one for one in HANDED_OUT["cells"] if one["id"] == "e02-2"])),
}  # fmt: skip
for name, change in CHANGES.items():
    honest(name, changed(change), same_as=PLAIN)
TEXT = json.dumps(notebook())
honest("a byte order mark", b"\xef\xbb\xbf" + TEXT.encode(), same_as=PLAIN)
honest(
    "indented, with line ends of Windows",
    json.dumps(notebook(), indent=4).replace("\n", "\r\n").encode(),
    same_as=PLAIN,
)
honest("white space around", b"\n\n  " + TEXT.encode() + b"\n\n\n", same_as=PLAIN)
honest(
    "keys sorted, letters not escaped",
    json.dumps(notebook(), sort_keys=True, ensure_ascii=False).encode(),
    same_as=PLAIN,
)
