#!/usr/bin/env python3
"""Set the course up and run it. Needs Python 3.11 to 3.14 and pip, nothing else.

    python3 course.py lab     open the course in JupyterLab
    python3 course.py test    run all tests (--quick: under 3 minutes)

The first call makes an environment in .venv and installs what the course needs; later calls find it and start at once.
An interrupted set-up goes on with the same command. Every other command of the course works in the same way:
`python3 course.py doctor` finds out what is wrong, `python3 course.py COMMAND --help` explains a command.

    --torch cpu|cuda          which build of PyTorch to install: without it, cuda where there is an NVIDIA driver

For a room of laptops without a network, on one that has one and the same system and Python as the others:

    python3 course.py download FOLDER         all packages that the lessons need, to be carried on a stick
    python3 course.py lab --from FOLDER       set up from that folder, and from nowhere else
"""

# Only the standard library, and nothing newer than Python 3.7 in syntax: an old Python must get as far as the message
# that it is too old.

import ast
import csv
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course-setup.json"  # what is installed: {"inputs": hash, or null while unfinished, "extras", "torch"}
OLDEST, NEWEST = (3, 11), (3, 14)
WINDOWS = os.name == "nt"

# The extra of pyproject.toml that brings what a command needs.
EXTRA = {
    **{"lab": "lab", "check": "lab", "doctor": "lab", "grade": "grade", "score": "score", "test": "test"},
    **{"review": "lab", "forget": "lab"},
    **{"build": "author", "slides": "author", "site": "author", "new-lesson": "author"},
}

TORCH_INDEX = {"cpu": "https://download.pytorch.org/whl/cpu", "cuda": "https://download.pytorch.org/whl/cu130"}
COST = {
    "cpu": "about 0.5 GB to download, 1.5 GB on disk, 1 to 5 minutes",
    "cuda": "about 3 GB to download, 7 GB on disk, 5 to 20 minutes",
}


# What building the course's own package takes.
BUILD_REQUIREMENTS = "import sys, tomllib; print(tomllib.load(open(sys.argv[1], 'rb'))['build-system']['requires'])"


class Stop(Exception):
    """What is missing and how to get it, in a line or two."""


def main(arguments):
    check_python(sys.version_info[:2])
    torch, arguments = take_torch_option(arguments)
    source, arguments = take_option("--from", arguments)
    if source is not None:
        take_packages_from(source)
        torch = torch or "cpu"
    if arguments[:1] == ["download"]:
        return download(arguments[1:], torch or "cpu")
    asks_for_help = not arguments or "--help" in arguments or "-h" in arguments
    if asks_for_help and not read_stamp().get("inputs"):
        return show_help(arguments)
    command = next((word for word in arguments if not word.startswith("-")), "")
    python = conda_python() if torch is None else None
    if python is None:
        python = set_up({EXTRA[command]} if command in EXTRA else set(), torch)
    return run_course(python, arguments)


def check_python(version):
    """Stop where the course cannot run on this Python; name one that is installed, if any."""
    if OLDEST <= version <= NEWEST:
        return
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = next((name for name in names if ask(name, "-c", "print(1)")), None)
    advice = f"Run: {found} course.py lab" if found else "Get one from https://www.python.org/downloads/"
    raise Stop(f"The course needs Python 3.11 to 3.14; this is Python {version[0]}.{version[1]}. {advice}")


def take_torch_option(arguments):
    """Split `--torch cpu|cuda` off the arguments: (choice or None, the others)."""
    choice, others = take_option("--torch", arguments)
    if choice is not None and choice not in COST:
        raise Stop(f"--torch takes cpu or cuda, not {choice!r}.")
    return choice, others


def take_option(name, arguments):
    """Split `name VALUE` or `name=VALUE` off the arguments: (the value, or None without the option; the others)."""
    others, value, words = [], None, iter(arguments)
    for word in words:
        if word == name or word.startswith(name + "="):
            value = word.partition("=")[2] or next(words, "")
        else:
            others.append(word)
    return value, others


def show_help(arguments):
    """Print help without setting anything up: the command line needs only the standard library for it."""
    if not [word for word in arguments if not word.startswith("-")]:
        print(__doc__)
        arguments = ["--help"]
    sys.path.insert(0, str(ROOT))
    from course_utils.cli import main as course

    return course(arguments)


# ---------------------------------------------------------------------------------------------------- the environment


def conda_python():
    """The Python of the active conda environment where that environment holds the course already, else None."""
    prefix = os.environ.get("CONDA_PREFIX")
    if not prefix:
        return None
    python = Path(prefix, "python.exe") if WINDOWS else Path(prefix, "bin", "python")
    look = "import importlib.util as u; print(u.find_spec('course_utils') is not None)"
    return python if ask(python, "-I", "-c", look) == "True" else None


def venv_python():
    return VENV / "Scripts" / "python.exe" if WINDOWS else VENV / "bin" / "python"


def interpreter(python):
    """What identifies a Python: version, place, folder of packages; None where it is broken or has no pip."""
    identity = "import sys, sysconfig, pip; print(sys.version, sys.prefix, sysconfig.get_paths()['purelib'], sep='\\t')"
    answer = ask(python, "-I", "-c", identity)
    if not answer:
        return None
    version = tuple(int(part) for part in answer.split(".")[:2])
    return answer if OLDEST <= version <= NEWEST else None


def site_packages(identity):
    return Path(identity.split("\t")[-1])


def read_stamp():
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(inputs, extras, torch):
    stamp = {"inputs": inputs, "extras": sorted(extras), "torch": torch}
    STAMP.write_text(json.dumps(stamp) + "\n", encoding="utf-8")


def fingerprint(identity):
    """The hash of everything that the installation depends on."""
    files = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    parts = [identity.encode()] + [file.read_text(encoding="utf-8").encode() for file in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def set_up(extras, torch_choice):
    """The Python of .venv with the course and the named extras installed; installs only what is not there yet."""
    python, stamp = venv_python(), read_stamp()
    identity = interpreter(python) if python.exists() else None
    if identity and not stamp and not has_whole_pip(site_packages(identity)):
        identity = None  # stopped while it was made
    extras = extras | set(stamp.get("extras", []))
    torch = torch_choice or stamp.get("torch") or ("cuda" if has_nvidia_driver() else "cpu")
    wanted = {"extras": sorted(extras), "torch": torch}
    if identity and stamp == dict(wanted, inputs=fingerprint(identity)):
        return python

    cost = COST[torch].partition(", ")[2] if "PIP_NO_INDEX" in os.environ else COST[torch]
    say(f"Setting up the course in {VENV}: {'only what is missing or has changed' if stamp else cost}.")
    say("Stop it with Ctrl-C whenever you like: the same command goes on from there.")
    if identity is None:
        identity = make_venv(python)
    elif stamp and not stamp.get("inputs"):
        drop_half_installed(site_packages(identity))
    another_torch = stamp.get("torch") not in (None, torch)
    write_stamp(None, extras, torch)
    install(python, extras, torch, another_torch)
    write_stamp(fingerprint(identity), extras, torch)
    say("Ready.")
    return python


def make_venv(python):
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        package = f"python3.{sys.version_info[1]}-venv"
        raise Stop(f"Python's venv module is missing. On Debian and Ubuntu: sudo apt install {package}")
    call([sys.executable, "-m", "venv", "--clear", str(VENV)])
    identity = interpreter(python)
    if identity is None:
        raise Stop(f"Python could not make a working environment in {VENV}. Remove that folder and try again.")
    return identity


def has_whole_pip(folder):
    return any(is_whole(info, folder) for info in folder.glob("pip-*.dist-info"))


def drop_half_installed(folder):
    """Forget the packages that an interrupted installation left incomplete, so that they are installed again.

    An installer may have written a package's metadata before all of its files: it would then take it for installed.
    """
    for info in folder.glob("*.dist-info"):
        if not is_whole(info, folder):
            shutil.rmtree(info)


def is_whole(info, folder):
    """Whether a package has all of the files that its record lists, in their sizes."""
    try:
        with open(info / "RECORD", encoding="utf-8", newline="") as record:
            files = [(folder / row[0], row[2]) for row in csv.reader(record)]
        return all(not size or path.stat().st_size == int(size) for path, size in files)
    except (OSError, ValueError, IndexError):
        return False


# ------------------------------------------------------------------------------------------------------ the packages


def install(python, extras, torch, another_torch):
    """Install the course and its dependencies at the versions of constraints.txt: with uv, or else with pip."""
    settings = pip_settings(python)
    course = ["-e", f".[{','.join(sorted(extras))}]" if extras else ".", "-c", "constraints.txt"]
    for installer in (uv(python, settings), pip(python)):
        if installer is None:
            continue
        try:
            install_torch(installer, settings, torch, another_torch)
            call(installer + course + (find_links(settings) if own_packages(settings, torch) else []))
            return
        except subprocess.CalledProcessError:
            failed = installer
    raise Stop(
        f"The installation did not finish: see {'uv' if 'uv' in failed else 'pip'}'s message above. Is the network up, "
        "and is there room on the disk? The same command goes on from here."
    )


def pip(python):
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check"]


def uv(python, settings):
    """The command that installs with uv, several times faster than pip; None where uv cannot be had."""
    command = [str(python), "-m", "uv"]
    if not ask(*(command + ["--version"])):
        try:
            call(pip(python) + ["--quiet", "-c", "constraints.txt", "uv"])
        except subprocess.CalledProcessError:
            return None
    # uv reads none of pip's configuration: hand over where packages come from.
    sources = ["--default-index", settings["index-url"]] if "index-url" in settings else []
    sources += ["--no-index"] if is_offline(settings) else []
    if "cert" in settings:
        os.environ.setdefault("SSL_CERT_FILE", settings["cert"])
    return command + ["pip", "install", "--python", str(python)] + sources


def take_packages_from(folder):
    """What is installed from now on comes from this folder, and nothing from a network."""
    path = Path(folder).expanduser().resolve()
    if not any(path.glob("*.whl")):
        raise Stop(f"--from takes a folder that `course.py download` has filled; there are no packages in {path}.")
    os.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(path), PIP_CONFIG_FILE=os.devnull)


def download(arguments, torch):
    """Fill a folder with all packages that the lessons need, for this system and this version of Python."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise Stop("download takes a folder, and nothing else: python3 course.py download FOLDER")
    folder = Path(arguments[0]).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = set_up({"lab"}, torch)
    pin = re.findall(r"^(?:torch|uv)==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    needed = ast.literal_eval(ask(python, "-c", BUILD_REQUIREMENTS, ROOT / "pyproject.toml"))
    settings = pip_settings(python)
    fetch = [str(python), "-m", "pip", "--disable-pip-version-check", "download", "--dest", str(folder)]
    elsewhere = sys.platform == "linux" if torch == "cpu" else WINDOWS
    if elsewhere and not find_links(settings) and reachable(TORCH_INDEX[torch]):
        call(fetch + ["--no-deps", "--index-url", TORCH_INDEX[torch], *(each for each in pin if "torch" in each)])
    call(fetch + ["--find-links", str(folder), "-c", "constraints.txt", ".[lab]", *pin, *needed])
    for own in folder.glob("course_utils-*"):
        own.unlink()  # the course itself is in the clone
    version = ".".join(map(str, sys.version_info[:2]))
    say(f"{len(list(folder.glob('*.whl')))} packages are in {folder}, for Python {version} on {sys.platform}.")
    say(f"With a clone of the course beside it: python3 course.py lab --from {folder}")
    return 0


def install_torch(installer, settings, torch, another):
    """Install the pinned torch by itself, from the first source that has the build that is wanted.

    On Linux the index that everything else comes from has only the CUDA build, with several GB of libraries.
    """
    pin = re.search(r"^torch==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if not pin:
        return
    command = installer + ["--no-deps", pin.group()]
    if another:
        command += ["--reinstall"] if "uv" in installer else ["--force-reinstall"]
    if own_packages(settings, torch) and find_links(settings):
        once = ["--no-index"] if "--no-index" not in command else []
        if succeeds(command + once + find_links(settings)):
            return
    elsewhere = sys.platform == "linux" if torch == "cpu" else WINDOWS
    if elsewhere and reachable(TORCH_INDEX[torch]):
        try:
            return call(command + ["--index-url", TORCH_INDEX[torch]])
        except subprocess.CalledProcessError:
            pass
    if elsewhere:
        say("PyTorch's own index cannot be used from here: taking the build that the ordinary index has.")
    call(command)


def is_offline(settings):
    return settings.get("no-index", "").lower() in ("1", "true", "yes", "on")


def own_packages(settings, torch):
    """Whether to look into the folders that pip is configured with: the build of PyTorch there may be the CPU's."""
    return torch == "cpu" or is_offline(settings)


def find_links(settings):
    return [word for folder in settings.get("find-links", "").split() for word in ("--find-links", folder)]


def pip_settings(python):
    """What pip is configured with for `pip install`: the environment wins over [install], and that over [global]."""
    settings = {}
    lines = ask(python, "-m", "pip", "config", "list").splitlines()
    for source in ("global", "install", ":env:"):
        for line in lines:
            key, equals, value = line.partition("=")
            section, _, name = key.rpartition(".")
            if equals and section == source:
                settings[name] = str(ast.literal_eval(value)).strip()
    return settings


def has_nvidia_driver():
    try:
        ctypes.CDLL("nvcuda.dll" if WINDOWS else "libcuda.so.1")
    except OSError:
        return False
    return True


def reachable(url):
    try:
        with urllib.request.urlopen(url + "/torch/", timeout=10):
            return True
    except (OSError, ValueError):
        return False


# --------------------------------------------------------------------------------------------------------- processes


def environment():
    """The environment variables for what course.py starts, without those that would put other packages in the way.

    PYTHONDONTWRITEBYTECODE goes too: with it every kernel would compile torch anew. Of pip's, those that would have it
    install elsewhere; "0" also overrules `user = true` in its configuration.
    """
    left_out = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    left_out += ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
    return dict({name: value for name, value in os.environ.items() if name not in left_out}, PIP_USER="0")


def call(command):
    subprocess.run(command, check=True, cwd=str(ROOT), env=environment())


def succeeds(command):
    return subprocess.run(command, cwd=str(ROOT), env=environment(), capture_output=True).returncode == 0


def ask(*command):
    """The standard output of a command, stripped; empty where it fails."""
    command = [str(word) for word in command]
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), encoding="utf-8"
        )
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def say(line):
    print(line, flush=True)


def run_course(python, arguments):
    command = [str(python), "-P", "-m", "course_utils.cli"] + arguments
    variables = environment()
    variables["PATH"] = os.pathsep.join([str(Path(python).parent), variables.get("PATH", "")])
    sys.stdout.flush()
    if WINDOWS:  # exec would give the prompt back while the command still runs
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
        return subprocess.call(command, env=variables)
    os.execve(str(python), command, variables)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as stop:
        sys.exit(f"course.py: {stop}")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        sys.exit(130)
