"""The table of attacks: a notebook for each, of a class (`kind`) and by a channel, and what it must get.

Most of them attack from task E02.2, in the middle of an exercise whose other answers are right: these must be graded
as if nothing had happened.
"""

# ruff: noqa: E501 - a table: one line for each attack or notebook, whatever its length

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from course_utils.checks.probing import MIME
from tests.grading.hostile.notebooks import NAME, POINTS, RIGHT, WRONG, cell, dumps, notebook, stored

TASK = "E02.2"
TOKEN = "SECRET-OF-THE-GRADER"  # planted where no student may see it
MARK = "--left-behind-by-an-attack"  # in the command line of every process that an attack starts


@dataclass(frozen=True)
class Attack:
    """`lost`: the tasks that earn nothing, each with the statuses it may have; all others earn full points.

    `says` and `never_says`: what the messages of the lost tasks contain, and do not. `path`: of the file, below the
    student's folder.
    """

    name: str
    kind: str
    channel: str
    content: bytes
    lost: dict[str, str] = field(default_factory=dict)
    says: str = ""
    never_says: str = ""
    path: str = ""

    @property
    def rare(self) -> bool:
        """Whether it runs with `--all-attacks` only: it is like another one, and each costs seconds."""
        return self.name in RARE


ATTACKS: list[Attack] = []
RARE: set[str] = set()


def attack(name: str, kind: str, channel: str, content: dict | bytes, lost: str | dict = "", **more: str) -> None:
    """Adds a line to the table. `lost` as one string is the status of E02.2."""
    data = content if isinstance(content, bytes) else dumps(content)
    lost = ({TASK: lost} if lost else {}) if isinstance(lost, str) else lost
    assert name not in {known.name for known in ATTACKS}
    ATTACKS.append(Attack(name, kind, channel, data, lost, **more))


def called(body: str, task: str = TASK) -> dict:
    """The attack runs when the answer is called."""
    return notebook(RIGHT | {task: WRONG[task].partition("return")[0].rstrip() + "\n" + indented(body)})


def at_top(source: str, answer: str = WRONG[TASK]) -> dict:
    """The attack runs in the answer cell, which then defines a wrong answer."""
    return notebook(RIGHT | {TASK: f"# {TASK}\n{source}\n{answer}"})


def extra(source: str, answer: str = RIGHT[TASK]) -> dict:
    """The attack runs in a cell of the student's own before a right answer."""
    return notebook(RIGHT | {TASK: answer}, before={TASK: [source]})


def indented(source: str) -> str:
    return "\n".join("    " + line for line in source.splitlines())


# --- loops: time is bounded, whatever runs ----------------------------------------------------------------------------

attack("loop-called", "loops", "answer called", called("while True: pass"), "timeout")
attack("loop-cell", "loops", "answer cell", at_top("while True: pass"), "timeout")
attack("loop-extra", "loops", "own cell", extra("while True: pass"))
attack("loop-regex", "loops", "answer called", called("import re; re.match('(a+)+$', 'a' * 60 + 'b')"), "timeout")
attack("loop-c", "loops", "answer called", called("import itertools; sum(itertools.repeat(0))"), "timeout")
attack(
    "loop-deaf", "loops", "answer cell",
    at_top("while True:\n    try:\n        while True: pass\n    except BaseException: pass"), "timeout",
)  # fmt: skip
attack("sleep", "loops", "answer called", called("import time; time.sleep(10**6)"), "timeout")
attack("stopped", "loops", "answer cell", at_top("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"), "timeout")
attack(
    "loop-in-children", "loops", "answer called",
    called("import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nos.wait()"), "timeout",
)  # fmt: skip
attack("recursion", "loops", "answer called", called("return sequence_log_prob(tokens, cond, bos)"), "error")
attack(
    "recursion-c", "loops", "answer called",
    called("import sys\nsys.setrecursionlimit(10**9)\nx = ()\nfor _ in range(10**6): x = (x,)\nhash(x)\nreturn repr(x)"),
    "error",
)  # fmt: skip

# --- bombs: memory, disk, processes, output ---------------------------------------------------------------------------

attack("memory-at-once", "bombs", "answer called", called("return bytearray(10**12)"), "memory")
attack(
    "memory-bit-by-bit",
    "bombs",
    "answer called",
    called("x = []\nwhile True: x.append(bytes(2**24))"),
    "memory timeout",
)
attack(
    "memory-cell", "bombs", "answer cell", at_top("x = []\nwhile True: x.append(bytes(2**24))"), "memory graded error"
)
CHILDREN = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        try:
            block = bytearray(250 * 2**20)
            time.sleep(20)
        finally:
            os._exit(0)
time.sleep(20)"""
attack("memory-in-children", "bombs", "answer called", called(CHILDREN), "memory timeout")
FILES = """
import os
wrote = 0
try:
    for i in range(60):
        {make}
        for _ in range(8):
            wrote += os.write(fd, bytes(2**22))
except OSError as error:
    raise RuntimeError(f"wrote {{wrote // 2**20}} MB: {{type(error).__name__}}")
raise RuntimeError("no end")"""
attack(
    "memory-files", "bombs", "answer called", called(FILES.format(make="fd = os.memfd_create('x')")), "error",
    says="wrote 0 MB",
)  # fmt: skip
attack(
    "shared-memory", "bombs", "answer called",
    called(FILES.format(make="fd = os.open(f'/dev/shm/{i}', os.O_CREAT | os.O_WRONLY)")), "error", never_says="no end",
)  # fmt: skip
attack(
    "disk-home", "bombs", "answer called",
    called(FILES.format(make="fd = os.open(f'{i}', os.O_CREAT | os.O_WRONLY)")), "error", never_says="no end",
)  # fmt: skip
attack(
    "disk-tmp", "bombs", "answer called",
    called(FILES.format(make="fd = os.open(f'/tmp/{i}', os.O_CREAT | os.O_WRONLY)")), "error", never_says="no end",
)  # fmt: skip
NAMES_OF_FILES = "import os\nfor n in range(10**7): os.mknod(f'/tmp/{n}')"
attack("disk-names", "bombs", "answer called", called(NAMES_OF_FILES), "memory")
ATTRIBUTES = "import os\nfor n in range(10**5):\n    os.mknod(f'/tmp/{n}')\n    os.setxattr(f'/tmp/{n}', 'user.x', bytes(60_000))"
attack("disk-attributes", "bombs", "answer called", called(ATTRIBUTES), "error", says="Function not implemented")
HOARD = """
import os, socket, time
for _ in range(40):
    if os.fork() == 0:
        kept = []
        try:
            while True:
                a, b = {make}
                kept += [a, b]
                os.set_blocking(a if isinstance(a, int) else a.fileno(), False)
                try:
                    while True: os.write(a if isinstance(a, int) else a.fileno(), bytes(2**16))
                except OSError: pass
        finally:
            time.sleep(20)
            os._exit(0)
time.sleep(20)"""
attack("sockets", "bombs", "answer called", called(HOARD.format(make="socket.socketpair()")), "memory timeout")
attack("pipes", "bombs", "answer called", called(HOARD.format(make="os.pipe()[::-1]")), "memory timeout")
attack(
    "sleep-in-many-cells", "loops", "own cell",
    notebook(RIGHT, before={TASK: ["import time; time.sleep(24)"] * 20}), "timeout",
)  # fmt: skip
MEETING = "import os, ipykernel\nfolder = os.path.dirname(ipykernel.get_connection_file())\n"
attack(
    "disk-sockets", "bombs", "answer called",
    called(MEETING + FILES.format(make="fd = os.open(f'{folder}/{i}', os.O_CREAT | os.O_WRONLY)")), "error output",
    never_says="no end",
)  # fmt: skip
DEEP = "os.chdir(folder)\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')"
attack("folders-without-end", "bombs", "answer cell", at_top(MEETING + DEEP), "error graded")
# Sources by which a parser outside, too, could be kept busy: it takes time or memory by their square, or stack.
SOURCES = {
    "chain": "if 0:\n    a" + ".a" * 300_000,
    "calls": "if 0:\n    a" + "()" * 300_000,
    "f-strings": "if 0:\n    f'" + "{a}" * 200_000 + "'",
    "brackets": "if 0:\n    " + "[" * 600_000,
    "minus": "if 0:\n    " + "-" * 600_000 + "1",
    "digits": "if 0:\n    " + "9" * 600_000,
}
for name, source in SOURCES.items():
    attack(f"source-{name}", "bombs", "own cell", extra(source, WRONG[TASK]), "graded error timeout")
LONG = "'" + "x" * 20_000_000 + "'"
attack("long-answer", "bombs", "answer cell", at_top(LONG, RIGHT[TASK]), "error", says="not run: it is 20.0 million")
attack(
    "long-cell", "bombs", "own cell", extra(f"data = {LONG}", WRONG[TASK].replace("-1.0", "len(data)")), "error graded",
    says="further up, the cell was not run",
)  # fmt: skip
attack("lines-without-end", "bombs", "own cell", extra("\n" * 10_000_000))
FORKS = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
attack("processes", "bombs", "answer called", called(FORKS), "timeout error memory")
THREADS = (
    "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
)
attack("threads", "bombs", "answer called", called(THREADS), "error")
attack(
    "open-files",
    "bombs",
    "answer called",
    called("x = []\nglobals()['kept'] = x\nwhile True: x.append(open('/dev/null'))"),
    "error",
)
attack("output-flood", "bombs", "answer cell", at_top("while True: print('x' * 1000)"), "error timeout")
attack("output-at-once", "bombs", "answer cell", at_top("print('x' * 60_000_000)"), "error graded")
attack(
    "display-at-once", "bombs", "own cell",
    extra("from IPython.display import HTML, display\ndisplay(HTML('x' * 60_000_000))"),
)  # fmt: skip
attack("output-system", "bombs", "own cell", extra("import os\nwhile True: os.write(1, b'x' * 60_000)"))
SMALL = "from IPython.display import display\nwhile True: display({'text/plain': ''}, raw=True)"
attack("display-flood", "bombs", "own cell", extra(SMALL))

# --- exits, kills, crashes --------------------------------------------------------------------------------------------

attack(
    "exit-hard", "exits", "answer called", called("import os; os._exit(0)"), "error", says="ended the Python process"
)
attack("exit-polite", "exits", "answer called", called("raise SystemExit(0)"), "error")
attack("exit-own-cell", "exits", "own cell", extra("exit()"))
attack("quit-called", "exits", "answer called", called("quit()"), "error graded")
attack("interrupt", "exits", "answer called", called("raise KeyboardInterrupt"), "error")
OWN_EXCEPTION = "class Mine(BaseException):\n    def __str__(self): raise self\nraise Mine"
attack("base-exception", "exits", "answer called", called(OWN_EXCEPTION), "error timeout")
attack("segfault", "exits", "answer called", called("import ctypes; ctypes.string_at(0)"), "error")
attack("abort", "exits", "answer cell", at_top("import os; os.abort()"), "error")
attack("kill-self", "exits", "answer cell", at_top("import os; os.kill(os.getpid(), 9)"), "error")
attack("kill-all", "exits", "answer cell", at_top("import os; os.kill(-1, 9); os.kill(1, 9)"), "error graded")
LATER = "import os, threading\nthreading.Timer({}, os._exit, (0,)).start()"
attack("kill-later", "exits", "answer cell", at_top(LATER.format(0.05)), "error graded")
attack("kill-later-own-cell", "exits", "own cell", extra(LATER.format(0.05), WRONG[TASK]), "error graded")
attack(
    "alarm", "exits", "answer cell", at_top("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.03)"), "error graded"
)
attack("shutdown", "exits", "answer cell", at_top("get_ipython().kernel.do_shutdown(False)"), "error graded timeout")
attack("loop-stopped", "exits", "answer cell", at_top("get_ipython().kernel.io_loop.stop()"), "error graded timeout")

# --- the notebook taken apart -----------------------------------------------------------------------------------------


def changed(change: Callable[[dict], object], answers: dict | None = None) -> dict:
    """The right notebook, or one with these answers, after a change."""
    content = notebook(answers)
    change(content)
    return content


def _reordered(content: dict) -> None:
    content["cells"].reverse()


def _ids_swapped(content: dict) -> None:
    one, two = cell(content, TASK), cell(content, "E02.3")
    one["id"], two["id"] = two["id"], one["id"]
    for each in (one, two):
        each["metadata"] = {}


def _stored_reports(content: dict) -> None:
    for task, points in POINTS.items():
        check = cell(content, task, "-check")
        check["outputs"] = stored(str(points), f"{task}: {points:g} of {points:g} points\n")
        check["execution_count"] = 9
        check["source"] = f"print('{task}: {points:g} of {points:g} points')\n{points}"


def _tagged(content: dict) -> None:
    for each in content["cells"]:
        each["metadata"] |= {
            "tags": ["raises-exception", "nbval-skip", "nbval-ignore-output", "check", "solution-only"]
        }


def _doubled(*sources: str) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        original = cell(content, TASK)
        at = content["cells"].index(original) + 1
        content["cells"][at:at] = [original | {"id": f"double-{i}", "source": s} for i, s in enumerate(sources)]

    return change


ALL_WRONG = dict.fromkeys(POINTS, "graded")
attack("cell-deleted", "structure", "file", changed(lambda c: c["cells"].remove(cell(c, TASK))), "missing")
attack(
    "cell-as-markdown", "structure", "file", changed(lambda c: cell(c, TASK).update(cell_type="markdown")), "missing"
)
attack("cell-emptied", "structure", "file", changed(lambda c: cell(c, TASK).update(source="")), "missing")
attack("cell-doubled", "structure", "file", changed(_doubled(RIGHT[TASK]), RIGHT | {TASK: WRONG[TASK]}))
attack("cell-doubled-wrong-last", "structure", "file", changed(_doubled(WRONG[TASK])), "graded")
attack("cells-reversed", "structure", "file", changed(_reordered))
attack("ids-swapped", "structure", "file", changed(_ids_swapped))
attack("reports-stored", "structure", "file", changed(_stored_reports, WRONG), ALL_WRONG)
attack("tags", "structure", "file", changed(_tagged, WRONG), ALL_WRONG)
NBVAL = "\n".join(f"# NBVAL_{word}" for word in ("SKIP", "RAISES_EXCEPTION", "IGNORE_OUTPUT"))
ODD = "#\u00a0NBVAL_SKIP\nx = '\u2028# NBVAL_SKIP\u2028'.strip()\n\x0c# NBVAL_SKIP"
attack(
    "nbval-markers", "structure", "answer cell",
    notebook({task: f"{source}\n{NBVAL}\n{ODD}\nraise ValueError" for task, source in WRONG.items()}), ALL_WRONG,
)  # fmt: skip
attack(
    "unicode-direction", "structure", "answer cell",
    notebook(RIGHT | {TASK: WRONG[TASK] + "  # \u202e)sbol(mus nruter\u2066\n# \u200b\ufeff"}), "graded",
)  # fmt: skip
attack(
    "unicode-lookalike", "structure", "answer cell",
    notebook(RIGHT | {TASK: RIGHT[TASK].replace("sequence_log_prob", "sequence_log_\u0440rob")}), "error",
    says="and no sequence_log_prob",
)  # fmt: skip
attack("many-cells", "structure", "own cell", notebook(before={TASK: ["x = 1"] * 400}))
attack(
    "check-redefined",
    "structure",
    "own cell",
    notebook(WRONG, before={"E02.1": ["def check(task):\n    return 2.0"]}),
    ALL_WRONG,
)

# --- magics -----------------------------------------------------------------------------------------------------------

attack("magic-unknown", "magics", "answer cell", at_top("%badmagic"), "error", says="UsageError")
attack("magic-script", "magics", "answer cell", notebook(RIGHT | {TASK: f"%%bash\n# {TASK}\nexit 0"}), "missing")
attack(
    "magic-first",
    "magics",
    "answer cell",
    notebook(RIGHT | {TASK: f"# {TASK}\n%%javascript\nalert(1)"}),
    "missing error",
)
attack("magic-reset", "magics", "answer cell", at_top("%reset -f"), "graded error")
attack(
    "magic-mix", "magics", "own cell",
    extra("%cd /\n%xmode Minimal\n%pdb on\n%config InteractiveShell.ast_node_interactivity = 'none'\n"
          "%env HOME=/\n%load_ext autoreload\n%autoreload 2\n!kill -9 $PPID"),
)  # fmt: skip
attack(
    "magic-shutdown", "magics", "own cell", extra("!kill -9 $$; pkill -9 python; kill -9 $(ls /proc | grep '^[0-9]')")
)
attack("shell-background", "magics", "own cell", extra(f"!nohup sh -c 'sleep 300; : {MARK}' >/dev/null 2>&1 &"))

# --- IPython's hooks: each with a wrong answer, which they are to turn into a right one -------------------------------

HOOKS = {
    "showtraceback": "ip.showtraceback = lambda *a, **k: None",
    "custom-exception": "ip.set_custom_exc((BaseException,), lambda *a, **k: [])",
    "ast-transformer": (
        "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Expr(self, node): return None\n"
        "ip.ast_transformers.append(Drop())"
    ),
    "input-transformer": "ip.input_transformers_post.append(lambda lines: ['pass\\n'])",
    "pre-run-cell": "def mine(info): ip.user_ns['sequence_log_prob'] = lambda *a: 0.0\nip.events.register('pre_run_cell', mine)",
    "do-execute": "async def nothing(*a, **k): return {'status': 'ok', 'execution_count': 1}\nip.kernel.do_execute = nothing",
    "run-cell": "type(ip).run_cell = type(ip).run_cell_async = lambda *a, **k: None",
    "displayhook": "import sys\nsys.displayhook = ip.displayhook = lambda value: None",
    "display-pub": "type(ip.display_pub).publish = lambda *a, **k: None",
    "session-silent": "ip.kernel.session.send = lambda *a, **k: None",
    "session-forged-key": "ip.kernel.session.key = b'another'",
    "namespace": "class Names(dict):\n    def get(self, name, default=None): return lambda *a: 0.0\nip.user_ns = Names(ip.user_ns)",
    "trace": "import sys\ndef trace(*a): raise ValueError('traced')\nsys.setprofile(trace)",
    "audit": "import sys\ndef audit(event, args):\n    if event == 'import': raise ValueError(event)\nsys.addaudithook(audit)",
    "timer": (
        "import signal\ndef ring(*a): raise ValueError('the timer')\nsignal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)"
    ),
    "async-exceptions": (
        "import ctypes, threading, time\nmain = threading.main_thread().ident\ndef disturb():\n    while True:\n"
        "        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main), ctypes.py_object(ValueError))\n"
        "        time.sleep(0.001)\nthreading.Thread(target=disturb, daemon=True).start()"
    ),
}  # fmt: skip
for name, source in HOOKS.items():
    attack(
        f"hook-{name}", "hooks", "answer cell", at_top(f"ip = get_ipython()\n{source}"), "graded error timeout missing"
    )

# --- names of modules replaced ----------------------------------------------------------------------------------------

PATCHES = {
    "builtins": (
        "import builtins\nfor name in ('len', 'sum', 'isinstance', 'type', 'print', 'map', 'zip', 'callable', 'float'):\n"
        "    setattr(builtins, name, lambda *a, **k: 0)"
    ),
    "import": "import builtins\nbuiltins.__import__ = lambda *a, **k: None",
    "numpy": "for name in ('log', 'asarray', 'errstate', 'generic', 'ndarray', 'bool_', 'isfinite', 'random'):\n    setattr(np, name, None)",
    "math": "for name in ('log', 'isfinite', 'fsum', 'prod', 'inf'):\n    setattr(math, name, lambda *a: 0.0)",
    "json": "import json\njson.dumps = lambda *a, **k: '{}'\njson.loads = None\njson.JSONEncoder.encode = lambda *a: '{}'",
    "encode": (
        "import course_utils.checks.plain as plain, course_utils.checks.probing as probing\n"
        "plain.encode = probing.encode = plain._encode = lambda value, *a: {'t': 'float', 'v': 0.0}"
    ),
    "hand-over": "import course_utils.checks.probing as probing\nprobing.hand_over = lambda *a, **k: None",
    "probe-task": (
        "import course_utils.checks.probing as probing\n"
        "probing.probe_task = lambda task, names, seed: {'task': task, 'state': 'answered', 'points': 2.0, 'seen': []}"
    ),
    "seed": (
        "import random\nreal = random.Random\nrandom.Random = lambda seed=None: real(0)\n"
        "import course_utils.checks.probing as probing\nprobing.random = random"
    ),
    "cases": (
        "import course_utils.lessons.lesson_02.probe as probe\nfrom course_utils.checks.probing import Probe\n"
        "probe.PROBES.update({task: Probe(task, one.function) for task, one in probe.PROBES.items()})"
    ),
    "course-utils": (
        "import sys, types\nfor name in [n for n in sys.modules if n.startswith('course_utils')]:\n"
        "    sys.modules[name] = types.ModuleType(name)"
    ),
    "modules": "import sys\nfor name in list(sys.modules):\n    if name not in ('sys', 'builtins'): sys.modules[name] = None",
    "import-path": (
        "import os, sys\nos.makedirs('course_utils/checks')\nfor name in ('course_utils', 'course_utils/checks'):\n"
        "    open(name + '/__init__.py', 'w')\nopen('course_utils/checks/probing.py', 'w').write('hand_over = print')\n"
        "sys.path.insert(0, os.getcwd())\nfor name in [n for n in sys.modules if n.startswith('course_utils')]:\n"
        "    del sys.modules[name]"
    ),
    "torch": "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')",
    "kernel-class": "import ipykernel.ipkernel as i\nfor name in ('do_execute', 'do_complete'):\n    setattr(i.IPythonKernel, name, None)",
    "copy": "import copy\ncopy.deepcopy = lambda value, memo=None: (0,)",
    "constants": "math.inf = np.inf = 7.0",
    "constants-in-place": "import ctypes\nctypes.c_double.from_address(id(math.inf) + 16).value = 7.0",
    "random-methods": "import random\nrandom.Random.random = lambda self: 0.5\nrandom.Random.randrange = random.Random.choice = lambda self, *a: 1",
    "abstract-classes": "import collections.abc as c\nc.Mapping.register(tuple)\nc.Mapping.register(float)",
    "code": "import course_utils.checks.plain as p\np._float.__code__ = (lambda x: 0.0).__code__",
    "bounds": "import course_utils.checks.plain as p\np.MAX_ITEMS, p.MAX_DEPTH = 0, 1",
    "probes": (
        "import course_utils.lessons.lesson_02.probe as p\nfor one in p.PROBES.values():\n"
        "    object.__setattr__(one, 'function', 'nothing')"
    ),
    "regular-expressions": "import re\nre.fullmatch = re.sub = lambda *a, **k: None",
    "decimal-fractions": "import decimal, fractions\ndecimal.getcontext().prec = 1\nfractions.Fraction.__eq__ = lambda *a: False",
    "toy-language": "import course_utils.toy_language as t\nt.ToyLanguage.cond = t.ToyLanguage.next_log_probs = lambda *a: 0.5",
}  # fmt: skip
for name, source in PATCHES.items():
    attack(f"patch-{name}", "patches", "answer cell", at_top(source), "graded error timeout missing memory")
attack("patch-own-cell", "patches", "own cell", extra(PATCHES["encode"], WRONG[TASK]), "graded error")
attack("patch-when-called", "patches", "answer called", called(PATCHES["hand-over"] + "\nreturn 0.0"), "graded error")

# --- torch ------------------------------------------------------------------------------------------------------------

PICKLE = (
    "import io, os, torch\nclass Leaves:\n    def __reduce__(self): return os._exit, (0,)\nfile = io.BytesIO()\n"
    "torch.save(Leaves(), file)\nfile.seek(0)\nreturn torch.load(file, weights_only=False)"
)
TORCH_CALLED = {
    "pickle": PICKLE,
    "pickle-in-value": (
        "import os, torch\nclass Liar(torch.Tensor):\n    def __reduce_ex__(self, n): return os._exit, (0,)\n"
        "    @classmethod\n    def __torch_function__(cls, *a, **k): return 0.0\nreturn torch.zeros(2).as_subclass(Liar)"
    ),
    "huge-files": "import torch\nfor i in range(9): torch.save(torch.zeros(2**22), f'{i}.pt')",
    "deep-gradient": "import torch\nx = y = torch.zeros(1, requires_grad=True)\nfor _ in range(10**6): y = y + 1\ny.backward()\nreturn y",
    "processes": "import time, torch.multiprocessing as mp\nmp.spawn(time.sleep, (600,), nprocs=4)",
    "without-storage": "import torch\nreturn torch.zeros(10**9, device='meta')",
    "sparse": "import torch\nreturn torch.sparse_coo_tensor([[0], [0]], [1.0], (10**9, 10**9))",
}  # fmt: skip
for name, source in TORCH_CALLED.items():
    attack(f"torch-{name}", "torch", "answer called", called(source), "error graded timeout memory")
TORCH_PATCHES = {
    "functions": (
        "import torch\nfor name in ('tensor', 'manual_seed', 'set_default_dtype', 'set_grad_enabled', 'float64', 'log'):\n"
        "    setattr(torch, name, None)\ntorch.Tensor.detach = torch.Tensor.__eq__ = lambda *a: True"
    ),
    "mode": (
        "import torch\nfrom torch.overrides import TorchFunctionMode\nclass Mode(TorchFunctionMode):\n"
        "    def __torch_function__(self, *a, **k): raise ValueError('mode')\nMode().__enter__()"
    ),
    "threads": "import torch\ntorch.set_num_threads(60)\ntorch.ones(900, 900) @ torch.ones(900, 900)",
    "device": "import torch\ntorch.set_default_device('meta')\ntorch.inference_mode().__enter__()",
}  # fmt: skip
for name, source in TORCH_PATCHES.items():
    attack(f"torch-{name}", "torch", "answer cell", at_top(source), "graded error timeout memory")

# --- values that lie: E02.2 returns each of them ----------------------------------------------------------------------

ALL_OPERATIONS = (
    "class Liar({base}):\n    def yes(self, *a): return True\n    def text(self): return '-1.0'\n    def same(self, *a): return self\n"
    "    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = yes\n"
    "    __str__ = __repr__ = text\n    __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = __mul__ = same\n"
    "    __hash__ = lambda self: 0\n"
)  # fmt: skip
LIARS = {
    "equal-to-all": ALL_OPERATIONS.format(base="object") + "return Liar()",
    "float": ALL_OPERATIONS.format(base="float") + "return Liar(3.0)",
    "float-changing": "class Liar(float):\n    def __float__(self): return -0.5\n    def is_integer(self): return True\nreturn Liar(2.0)",
    "int": ALL_OPERATIONS.format(base="int") + "return Liar(3)",
    "str": ALL_OPERATIONS.format(base="str") + "return Liar('-1')",
    "array": (
        "class Liar(np.ndarray):\n    def __array_ufunc__(self, *a, **k): return True\n    dtype = shape = size = ndim = 0\n"
        "    flat = property(lambda self: iter([0.0]))\nreturn np.zeros(3).view(Liar)"
    ),
    "class": "class Liar:\n    __class__ = float\n    def __float__(self): return -0.7\nreturn Liar()",
    "torch": "class Liar:\n    dtype = 'x'\n    def detach(self): raise SystemExit\nLiar.__module__ = 'torch'\nreturn Liar()",
    "mapping": (
        "import collections.abc as a\nclass Liar(a.Mapping):\n    def __len__(self): return -1\n    def __iter__(self): return self\n"
        "    def __getitem__(self, key): return self\n    def items(self): return iter(lambda: (1, 2), None)\nreturn Liar()"
    ),
    "fraction": (
        "from fractions import Fraction\nclass Liar(Fraction):\n    numerator = property(lambda self: 10**5)\n"
        "    denominator = property(lambda self: 0)\nreturn Liar(1, 2)"
    ),
    "exit-when-read": "import os\nclass Liar:\n    def __iter__(self): os._exit(0)\nreturn Liar()",
    "recursive": "x = []\nx.append(x)\nreturn x",
    "deep": "x = -1.0\nfor _ in range(100_000): x = [x]\nreturn x",
    "endless": "import itertools\nreturn itertools.count()",
    "endless-inside": "import itertools\nreturn [itertools.repeat([0.0])]",
    "wide": "return [[0.0] * 19_000] * 10**5",
    "giant-integer": "return 1 << 10**7",
    "giant-decimal": "from decimal import Decimal\nreturn Decimal('1e999999')",
    "giant-exponent": "from decimal import Decimal\nreturn Decimal('-1e999999999999999999')",
    "tiny-exponent": "from decimal import Decimal\nreturn Decimal('-1e-999999999999999')",
    "giant-array": "return np.broadcast_to(np.float64(0), (10**6, 10**6))",
    "nan": "return float('nan')",
    "minus-infinity": "return np.float16('-inf')",
    "complex": "return complex(-1, 0)",
    "surrogates": "return '\\ud800\\x1b[31m\\u202e<script>alert(1)</script>=1+1'",
    "error-with-markup": "raise ValueError('=cmd|/c calc\\n\\x1b[2J\\u202e<script>alert(1)</script>\\ud800')",
    "error-endless": "raise ValueError('x' * 10**8)",
    "error-lying": "class Bad(Exception):\n    def __str__(self): raise SystemExit\n    __name__ = 5\nraise Bad",
}  # fmt: skip
for name, source in LIARS.items():
    attack(f"value-{name}", "liars", "value returned", called(source), "graded error timeout memory")

# --- looking for what is not theirs, and for a way out -----------------------------------------------------------------

LOOK = f"""
import glob, os, sys
found = []
def look(path, text="{TOKEN}"):
    try:
        with open(path, "rb") as file:
            if text.encode() in file.read(2**20):
                found.append(path)
    except OSError:
        pass
for name in os.environ.values():
    if "{TOKEN}" in name:
        found.append("environment")
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
    look(path)
for top in {{places}}:
    for folder, below, names in os.walk(top):
        below[:] = [b for b in below if b not in ("site-packages", "__pycache__", "torch", "share", "lib")]
        for name in names:
            if name.startswith(("judge.", "judging.", "mutants.", "results.csv")) or name == "{NAME}.ipynb":
                found.append(os.path.join(folder, name))
            if top != "/":
                look(os.path.join(folder, name))
for module in ("course_utils.staff.judging.judging", "course_utils.staff.judging.lesson_02.judge", "course_utils.staff.grading.run.run"):
    try:
        __import__(module)
        found.append(module)
    except ImportError:
        pass
raise RuntimeError(f"found {{{{found[:5]}}}}")"""
PLACES = "['/tmp', '/home', '/root', '/etc', '/var', '/work', '/opt', '/run', '/srv', '/mnt', '/dev/shm']"
attack("look-around", "snooping", "answer called", called(LOOK.format(places=PLACES)), "error", says="found []")
attack(
    "look-everywhere", "snooping", "answer called",
    called(LOOK.format(places="['/']").replace('"/proc/*/environ"', '"/proc/*/maps"')), "error", says="found []",
)  # fmt: skip
# Of the system and of Python's own folder only what lessons need is there: a clone or submissions may lie beside it.
BESIDE = """
import os, sys
needed = {"bin", "lib", "lib32", "lib64", "local", "pyvenv.cfg", "share"}
known = {"fontconfig", "fonts", "i18n", "locale", "matplotlib", "mime", "zoneinfo"}
beside = []
for top in ("/usr", "/usr/local", sys.prefix, sys.base_prefix):
    beside += [f"{top}/{name}" for name in os.listdir(top) if name not in needed]
    if os.path.isdir(f"{top}/share"):
        beside += [f"{top}/share/{name}" for name in os.listdir(f"{top}/share") if name not in known]
raise RuntimeError(f"beside: {beside}")"""
attack("beside-python", "snooping", "answer called", called(BESIDE), "error", says="beside: []")
OUTSIDE = """
import os, signal
seen = []
for pid in range(1, 3000):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            seen.append(file.read())
        os.kill(pid, 0)
    except OSError:
        pass
others = [line for line in seen if b"bwrap" not in line[:20] and b"ipykernel" not in line]
for pid in ("1", "self"):
    for link in ("root/root/.ssh", "root/etc/shadow", "cwd/..", "fd/3"):
        try:
            others.append(os.listdir(f"/proc/{pid}/{link}") if link != "cwd/.." else b"")
        except OSError:
            pass
raise RuntimeError(f"others {[o for o in others if o]}")"""
attack("other-processes", "snooping", "answer called", called(OUTSIDE), "error", says="others []")
WAYS_OUT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
open_ways = []
def way(name, function, *args):
    ctypes.set_errno(0)
    if getattr(libc, function)(*args) >= 0:
        open_ways.append(name)
if os.fork() == 0:
    way("user namespace", "unshare", 0x10000000)
    way("mount", "mount", b"x", b"/tmp", b"tmpfs", 0, None)
    os._exit(len(open_ways))
if os.wait()[1]:
    open_ways.append("namespace or mount")
way("ptrace", "ptrace", 16, 1, 0, 0)
way("chroot", "chroot", b"/tmp")
way("setuid", "setuid", 0)
way("vsock", "socket", 40, 1, 0)
way("netlink audit", "socket", 16, 3, 9)
way("raw socket", "socket", 2, 3, 1)
way("keyring", "syscall", 248, b"user", b"x", b"y", 1, -3)
way("shared memory", "shmget", 0, 4096, 0o1600)
raise RuntimeError(f"open {open_ways}")"""
attack("ways-out", "snooping", "system calls", called(WAYS_OUT), "error", says="open []")

# --- what one student could take from another, or tell them ----------------------------------------------------------

SHARED = "/usr/bin/env"  # a file that all kernels see
NEIGHBOURS = {
    "pseudo-terminals": (
        "import os\nheld = []\ntry:\n    while True: held.append(os.open('/dev/ptmx', os.O_RDWR))\nexcept OSError: pass\n"
        "raise RuntimeError(f'held {len(held)}')", "held 0",
    ),
    "asynchronous-io": (
        "import ctypes, platform\nnumber = {'x86_64': 206, 'aarch64': 0}[platform.machine()]\nheld = 0\n"
        "while held < 9 and ctypes.CDLL(None).syscall(number, 1000, ctypes.byref(ctypes.c_ulong())) == 0: held += 1\n"
        "raise RuntimeError(f'held {held}')", "held 0",
    ),
    "watches": (
        "import ctypes\nraise RuntimeError(f'held {[ctypes.CDLL(None).inotify_init() for _ in range(3)]}')", "held [-1, -1, -1]",
    ),
    "lock": (f"import fcntl\nfcntl.flock(open({SHARED!r}), fcntl.LOCK_EX)\nraise RuntimeError('locked')", "not implemented"),
    "lock-of-others": (
        f"import fcntl, struct\nfile = open({SHARED!r})\nask = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0)\n"
        "raise RuntimeError(f'said {fcntl.fcntl(file, fcntl.F_GETLK, ask)}')", "not permitted",
    ),
    "lease": (f"import fcntl\nfcntl.fcntl(open({SHARED!r}), fcntl.F_SETLEASE, fcntl.F_RDLCK)\nraise RuntimeError('held')", "not permitted"),
    "last-to-go": (
        "try:\n    open('/proc/self/oom_score_adj', 'w').write('0')\nexcept OSError: pass\n"
        "raise RuntimeError('at ' + open('/proc/self/oom_score_adj').read())", "at 1000",
    ),
}  # fmt: skip
for name, (source, says) in NEIGHBOURS.items():
    attack(f"neighbours-{name}", "neighbours", "answer called", called(source), "error", says=says)
# Without a pseudo-terminal, too, the shell's commands work in a notebook.
attack("neighbours-shell", "neighbours", "own cell", extra("!echo a\n%sx echo a\nassert _exit_code == 0", RIGHT[TASK]))

# --- network ----------------------------------------------------------------------------------------------------------

CONNECT = """
import os, socket
reached = []
def reach(name, family, kind, address):
    try:
        with socket.socket(family, kind) as s:
            s.settimeout(2)
            s.connect(address)
            s.send(b"hello")
            reached.append(name)
    except OSError:
        pass
for port in ({port}, 22, 80):
    reach(f"tcp {{port}}", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
reach("udp", socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53))
reach("v6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", {port}))
reach("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\\0course-grade-test")
try:
    socket.getaddrinfo("pypi.org", 443)
    reached.append("dns")
except OSError:
    pass
raise RuntimeError(f"reached {{reached}}")"""


def with_port(attack: Attack, port: int) -> bytes:
    """The notebook of an attack, told at which port of this machine there is something to reach."""
    return attack.content.replace(b"{port}", str(port).encode())


attack("connect", "network", "answer called", called(CONNECT.format(port="{port}")), "error", says="reached []")
attack(
    "install", "network", "own cell",
    extra("!pip install --quiet requests\nimport urllib.request\nurllib.request.urlopen('https://pypi.org', timeout=3)"),
)  # fmt: skip

# --- writing outside --------------------------------------------------------------------------------------------------

WRITE = f"""
import glob, os, sys, sysconfig, course_utils
wrote = []
places = [os.path.dirname(course_utils.__file__), sysconfig.get_path("purelib"), os.environ["MPLCONFIGDIR"] + "/..",
          "/etc", "/usr/lib", "/root", "/home", "/var/tmp", "/opt", "/work", sys.prefix, sys.base_prefix, "/", "/dev"]
for place in places:
    for name in ("sitecustomize.py", "usercustomize.py", "{TOKEN}"):
        try:
            with open(os.path.join(place, name), "w") as file:
                file.write("import os; os._exit(0)")
            wrote.append(place)
        except OSError:
            pass
for path in [*glob.glob(os.path.dirname(course_utils.__file__) + "/**/*.py", recursive=True),
             *glob.glob(os.environ["MPLCONFIGDIR"] + "/*")]:
    for change in (lambda p: open(p, "a").close(), os.unlink, lambda p: os.rename(p, p + "x"), lambda p: os.chmod(p, 0)):
        try:
            change(path)
            wrote.append(path)
        except OSError:
            pass
raise RuntimeError(f"wrote {{[w for w in wrote if not w.endswith('..')][:4]}}")"""
attack("write-everywhere", "writing", "answer called", called(WRITE), "error", says="wrote []")
SOCKET_LINKS = (
    MEETING + "import glob, shutil\nfor path in os.listdir(folder):\n    path = os.path.join(folder, path)\n    try:\n"
    "        os.unlink(path)\n        os.symlink('/etc/passwd', path)\n    except OSError:\n        pass"
)
attack("sockets-to-links", "writing", "answer cell", at_top(SOCKET_LINKS), "graded error timeout")
STARTUP = (
    "import os\nos.makedirs(os.path.expanduser('~/ipython/profile_default/startup'), exist_ok=True)\n"
    "open(os.path.expanduser('~/ipython/profile_default/startup/x.py'), 'w').write('import os; os._exit(0)')\n"
    "open(os.path.expanduser('~/.pythonrc'), 'w').write('x')\nos._exit(0)"
)
attack("startup-files", "writing", "answer cell", at_top(STARTUP), "error")

# --- what goes on behind ----------------------------------------------------------------------------------------------

DAEMON = f"""
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", "{MARK}"], start_new_session=True)
    os._exit(0)"""
attack("daemon", "background", "own cell", extra(DAEMON))
attack(
    "at-exit",
    "background",
    "own cell",
    extra("import atexit, time\natexit.register(time.sleep, 300)\natexit.register(print, 'x')"),
)
attack(
    "busy-threads",
    "background",
    "own cell",
    extra(
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(2): threading.Thread(target=spin, daemon=True).start()"
    ),
)
attack(
    "busy-children",
    "background",
    "own cell",
    extra(
        f"import subprocess, sys\nfor _ in range(2): subprocess.Popen([sys.executable, '-c', 'while True: pass', '{MARK}'])"
    ),
)
attack(
    "print-later",
    "background",
    "own cell",
    extra(
        "import threading, time\ndef tell():\n    while True:\n        print('E02.2: 2 of 2 points')\n        time.sleep(0.001)\nthreading.Thread(target=tell, daemon=True).start()"
    ),
)
attack(
    "child-keeps-the-sockets",
    "background",
    "answer cell",
    at_top("import os, time\nif os.fork():\n    os._exit(0)\ntime.sleep(300)"),
    "error timeout",
)

# --- only while nobody looks, and only when somebody does --------------------------------------------------------------

BY_PLACE = (
    "# E02.2\nimport os\nif os.environ.get('HOME') == '/home/student' or not os.path.exists('/etc/passwd'):\n"
    "    def sequence_log_prob(tokens, cond, bos): return 0.0\nelse:\n" + indented(RIGHT[TASK])
)
attack("right-at-home-only", "detection", "environment", notebook(RIGHT | {TASK: BY_PLACE}), "graded")
TABLE = "# E02.6\nimport random\nSEEN = {{{table}}}\ndef leaky_mass(n):\n    return SEEN.get(n, 0.5)"


def _remembered() -> str:
    import random

    from course_utils.checks.probing import load_probe

    cases = load_probe("E02.6").cases(random.Random(0))
    return TABLE.format(table=", ".join(f"{n}: {n / (2 * (n + 1))!r}" for (n,) in (case.args for case in cases)))


attack("remembered-inputs", "detection", "seed", notebook(RIGHT | {"E02.6": _remembered()}), {"E02.6": "graded"})
COUNTING = (
    "# E02.6\ncalls = [0]\ndef leaky_mass(n):\n    calls[0] += 1\n"
    "    return n / (2 * (n + 1)) if calls[0] < 20 else 0.5"
)
attack("right-at-first", "detection", "state", notebook(RIGHT | {"E02.6": COUNTING}), {"E02.6": "graded"})
CLOCK = "# E02.6\nimport time\nsince = time.monotonic()\ndef leaky_mass(n):\n    time.sleep(0.2)\n    return 0.5"
attack("slow-and-wrong", "detection", "time", notebook(RIGHT | {"E02.6": CLOCK}), {"E02.6": "graded timeout"})

# --- two guesses: an answer that can tell the second asking from the first ------------------------------------------------

FIRST_KNOWN = "import builtins\nbuiltins.FIRST = True"  # in another cell, which the second asking leaves out
GUESSES = RIGHT[TASK].replace("    logs = []\n", "    if {first}: return -1.0\n    logs = []\n")
attack("two-guesses-by-a-name", "two guesses", "own cell",
       notebook(RIGHT | {TASK: GUESSES.format(first="'FIRST' in dir(__builtins__)")}, before={"E02.1": [FIRST_KNOWN]}),
       "graded", says="not deterministic")  # fmt: skip
LATER = RIGHT[TASK].replace(
    "    logs = []\n", "    if 'HELPER' not in globals():\n        return -1.0 if tokens else HELPER\n    logs = []\n"
)
attack("two-guesses-by-a-later-cell", "two guesses", "order",
       notebook(RIGHT | {TASK: LATER}, after={"E02.6": ["HELPER = 1"]}), "graded")  # fmt: skip

# --- input ------------------------------------------------------------------------------------------------------------

attack("input-called", "input", "answer called", called("return float(input('points: '))"), "error")
attack("input-cell", "input", "answer cell", at_top("import getpass\ngetpass.getpass()"), "graded error")
attack("input-raw", "input", "own cell", extra("import os, sys\nsys.stdin.read()\nos.read(0, 10)"))
attack("debugger", "input", "answer called", called("breakpoint()"), "graded error")
attack(
    "input-raw-channel", "input", "own cell",
    extra("k = get_ipython().kernel\nk._allow_stdin = True\nk.raw_input('points')"),
)  # fmt: skip

# --- forged reports ---------------------------------------------------------------------------------------------------

PRINTED = "print('E02.2 sequence_log_prob: 2 of 2 points')\nfrom IPython.display import display\ndisplay(2.0)"
attack("report-printed", "forged", "output", notebook(WRONG, after={TASK: [PRINTED]}), ALL_WRONG)
FORGE = """
import random
import course_utils.checks.probing as probing
from IPython.display import display
from course_utils.lessons.lesson_02.probe import PROBES
def forged(task, seed=0, nonce=''):
    {body}
probing.hand_over = forged
"""
REAL = "data = probing.probe_task(task, get_ipython().user_ns, seed) | {'nonce': nonce}"
SHOW = f"display({{'{MIME}': data, 'text/plain': ''}}, raw=True)"


def forging(*lines: str) -> dict:
    """With wrong answers, and another `hand_over`, which knows the nonce."""
    return notebook(WRONG, before={"E02.1": [FORGE.format(body="\n    ".join(lines))]})


FORGERIES = {
    "verdict": [REAL, "data |= {'points': 2.0, 'max_points': 2.0, 'status': 'graded', 'right': True}", SHOW],
    "state": [REAL, "data['state'] = 'right'", SHOW],
    "no-cases": [REAL, "data['seen'] = []", SHOW],
    "other-seed": [REAL.replace(", seed)", ", 0)"), SHOW],
    "other-task": [REAL.replace("(task,", "('E02.7',"), SHOW],
    "twice": [REAL, SHOW, SHOW],
    "guessed-nonce": [REAL, "data['nonce'] = '0' * 32", SHOW],
    "replay": [REAL, "kept = globals().setdefault('kept', data)", "data = kept", SHOW],
    "not-a-number": [REAL, "data['seen'] = [{'value': {'t': 'float', 'v': 'nan'}} for _ in data['seen']]", SHOW],
    "huge": [REAL, "data['seen'] = ['x' * 2**20] * 7", SHOW],
    "deep": [REAL, "x = []", "for _ in range(900): x = [x]", "data['seen'] = [{'value': {'t': 'list', 'v': x}}] * len(data['seen'])", SHOW],
    "wide": [REAL, "data['seen'] = [{'value': {'t': 'list', 'v': [{'t': 'none'}] * 10**5}}] * len(data['seen'])", SHOW],
    "wrong-types": [REAL, "data |= {'seen': {'0': 1}, 'task': ['E02.1'], 'state': {'a': 1}}", SHOW],
}  # fmt: skip
for name, lines in FORGERIES.items():
    attack(
        f"forged-{name}",
        "forged",
        "probe's output",
        forging(*lines),
        dict.fromkeys(POINTS, "graded error missing timeout"),
    )

# What the kernel's own sockets can say: its process is the student's, and it knows the key.
WIRE = """
k = get_ipython().kernel
sock = k.iopub_thread.socket if hasattr(k.iopub_thread, 'socket') else k.iopub_socket
parent = k.get_parent('shell')
def say(kind, content):
    k.session.send(k.iopub_socket, kind, content, parent=parent)
"""
WIRES = {
    "idle-at-once": WIRE + "say('status', {'execution_state': 'idle'})\nwhile True: pass",
    "status-of-odd-types": WIRE + "for state in (None, 5, ['idle'], {'idle': 1}): say('status', {'execution_state': state})",
    "content-of-odd-types": WIRE + "for c in ([], 'x', None, 5): say('status', c)\nfor d in ([], {}, 'x', 5): say('display_data', {'data': d})",
    "nested": WIRE + "x = []\nfor _ in range(700): x = [x]\nfor _ in range(50): say('display_data', {'data': {'" + MIME + "': {'seen': x, 'nonce': ''}}})",
    "reply-forged": WIRE + (
        "say('execute_reply', {'status': 'ok'})\nk.session.send(k.shell_streams[0] if getattr(k, 'shell_streams', None) else k.shell_stream,"
        " 'execute_reply', {'status': 'error', 'ename': ['x'] * 1000, 'evalue': {'a': 'b' * 10**5}}, parent=parent)"
    ),
    "comms": WIRE + "for i in range(20_000): say('comm_open', {'comm_id': str(i), 'target_name': 'jupyter.widget', 'data': {'x': 'y' * 1000}})",
    "not-the-protocol": WIRE + "import os\nfor n in range(3000): k.iopub_thread.schedule(lambda: sock.send_multipart([os.urandom(50) for _ in range(9)]))",
    "endless-message": WIRE + (
        "import zmq\nblob = zmq.Frame(bytes(8_000_000))\nk.iopub_thread.schedule(lambda: sock.send_multipart([b'x'] + [blob] * 400, copy=False))"
    ),
}  # fmt: skip
for name, source in WIRES.items():
    attack(f"wire-{name}", "wire", "kernel's sockets", at_top(source), "graded error timeout memory")

# --- formats: the file itself is the attack; no kernel is started for it ----------------------------------------------

WHOLE = dumps(notebook())
EVERYTHING = dict.fromkeys(POINTS, "invalid")


def cells(text: str) -> bytes:
    return ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ' + text + "}").encode()


FORMATS = {
    "empty": (b"", "empty"),
    "blank": (b"\n \n", "empty"),
    "login-page": (b"<!DOCTYPE html><html><body>Please log in", "web page"),
    "binary": (bytes(range(256)) * 40, "binary"),
    "zip": (b"PK\x03\x04" + b"\x00" * 100, "not valid JSON"),
    "latin-1": ('{"nbformat": 4, "cells": ["\u00e9"]}'.encode("latin-1"), "UTF-8"),
    "utf-16": (WHOLE.decode().encode("utf-16"), "UTF-16"),
    "utf-16-no-mark": (WHOLE.decode().encode("utf-16-be"), "UTF-16"),
    "utf-32": (WHOLE.decode().encode("utf-32"), "UTF-16"),
    "half": (WHOLE[: len(WHOLE) // 2], "not valid JSON"),
    "list": (b"[[]]", "not a notebook"),
    "null": (b"null", "not a notebook"),
    "number": (b"1e999", "not a notebook"),
    "no-cells": (b'{"nbformat": 4}', "no cells"),
    "cells-null": (cells("null"), "no cells"),
    "3": (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "nbformat is 3"),
    "99": (b'{"nbformat": 99, "cells": []}', "nbformat is 99"),
    "of-lists": (b'{"nbformat": ' + b"[" * 900 + b"]" * 900 + b', "cells": []}', "nbformat"),
    "deep-lists": (cells("[" * 200_000 + "]" * 200_000), "nested"),
    "deep-objects": (cells('{"a":' * 200_000 + "1" + "}" * 200_000), "nested"),
    "long-integer": (cells("[" + "7" * 5_000 + "]"), "digits"),
    "20000-cells": (cells("[" + ",".join(['{"cell_type":"code","source":""}'] * 20_000) + "]"), "2000 cells"),
    "200-megabytes": (b'{"x": "' + b"x" * (33 * 2**20) + b'"}', "larger than 32 MB"),
    "many-values": (cells("[" + "[]," * 6_000_000 + "[]]"), "too many"),
}
for name, (data, says) in FORMATS.items():
    attack(f"format-{name}", "formats", "file", data, EVERYTHING, says=says)

ODD_CELLS = [
    None, 7, [], {}, {"cell_type": 5, "source": "x"}, {"cell_type": "widget", "source": ["x"]}, {"cell_type": "raw"},
    {"cell_type": "code", "source": {"a": 1}, "metadata": None, "outputs": "none", "id": {"x": 1}},
    {"cell_type": "code", "source": [1, None, "y = 1\n", ["z"]], "metadata": {"nbgrader": [1]}},
    {"cell_type": "code", "source": "\ud800 = '\x00\x1b[31m'", "metadata": {"tags": {"x": 1}}, "id": "e02-2-check"},
]  # fmt: skip


def _odd(content: dict) -> None:
    content["cells"][3:3] = ODD_CELLS
    content["metadata"] |= {"kernelspec": None, "language_info": float("nan"), "widgets": {"x": [float("inf")]}}
    content["nbformat_minor"] = "five"


attack("format-odd-cells", "formats", "file", changed(_odd))
attack(
    "format-foreign-kernel", "formats", "file",
    changed(lambda c: c["metadata"].update(kernelspec={"name": "julia-1.9", "argv": ["sh", "-c", "touch /tmp/x"]})),
)  # fmt: skip

# --- names ------------------------------------------------------------------------------------------------------------

STUB = dumps(notebook({}))
UNANSWERED = dict.fromkeys(POINTS, "missing")
NAMES = {  # of the student's folder: the name that the report gives them
    "=cmd|'calc'!A0": "'=cmd_'calc'!A0",
    "+1": "'+1",
    "@SUM(1)": "'@SUM(1)",
    "-2+3": "'-2+3",
    "a\nb\rc": "a b c",
    "\u202eevil\u2066": "evil",
    "Jos\u00e9": "Jos\u00e9",
    "Jose\u0301": "Jos\u00e9 (2)",
    "<script>alert(1)<": "_script_alert(1)_",
    'quote"comma,': "quote_comma,",
    "\u4f60" * 80: "\u4f60" * 66,
    "\U0001f600" * 60: "\U0001f600" * 50,
    " . ..": "unnamed",
    "ghost\udcff": "ghost_",
    "tab\tnul": "tab nul",
    "CON": "CON",
}

# Those that only `--all-attacks` runs.
RARE |= {
    *(f"hook-{name}" for name in ("custom-exception", "input-transformer", "display-pub", "run-cell", "session-forged-key", "timer")),
    *(f"patch-{name}" for name in ("import", "math", "encode", "probe-task", "course-utils", "modules", "kernel-class", "torch", "json")),
    *(f"wire-{name}" for name in ("status-of-odd-types", "content-of-odd-types", "not-the-protocol")),
    *(f"forged-{name}" for name in ("state", "no-cases", "other-seed", "other-task", "guessed-nonce", "not-a-number", "wrong-types", "wide", "huge")),
    "loop-regex", "loop-deaf", "loop-cell", "memory-cell", "disk-tmp", "output-at-once", "display-at-once", "abort", "kill-self",
    "exit-polite", "shutdown", "kill-later-own-cell", "interrupt", "input-cell", "magic-first", "many-cells", "print-later",
    "tags", "look-everywhere", "at-exit", "slow-and-wrong", "memory-bit-by-bit", "sleep", "input-raw-channel", "install",
    "cell-as-markdown", "cell-emptied", "cell-doubled-wrong-last", "magic-script", "magic-unknown", "quit-called",
    "base-exception", "recursion", "memory-at-once", "disk-home", "hook-showtraceback", "hook-namespace", "forged-twice",
    "patch-hand-over", "patch-cases", "patch-own-cell", "startup-files", "busy-children", "right-at-home-only",
    "input-raw", "debugger", "wire-comms", "disk-attributes", "pipes", "disk-names", "sleep-in-many-cells",
    *(f"patch-{name}" for name in ("constants", "abstract-classes", "bounds", "regular-expressions", "decimal-fractions", "probes", "constants-in-place")),
    *(f"torch-{name}" for name in (*TORCH_CALLED, *TORCH_PATCHES) if name not in ("pickle", "functions")),
    *(one.name for one in ATTACKS if one.kind == "liars"),  # `test_values` returns them all in one kernel
}  # fmt: skip
