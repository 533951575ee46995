"""What all tests share: the tools that some of them need, and `--require`, which makes a skip for lack of one fail."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code.
settings.register_profile("course", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("course")

# The tools that a test may be skipped without, and the words by which a reason for a skip names them.
TOOLS = {
    "browser": ("chromium", "browser", "playwright"),
    "sandbox": ("bubblewrap", "bwrap", "sandbox"),
    "nbgrader": ("nbgrader",),
}


def pytest_addoption(parser):
    parser.addoption(
        "--require",
        default="",
        metavar="TOOLS",
        help="a test that is skipped for lack of one of these fails, joined by commas: " + ", ".join(TOOLS),
    )
    parser.addoption("--all-attacks", action="store_true", help="run the whole table of attacks on the grader")
    parser.addoption("--all-seeds", action="store_true", help="hold mistakes against tolerances on twenty seeds")
    parser.addoption("--warm", action="store_true", help="run the attacks in kernels of a warm parent (grade --warm)")
    parser.addoption("--write", action="store_true", help="write docs/kill_matrix.md anew, rather than compare it")


def pytest_configure(config):
    unknown = required_tools(config) - set(TOOLS)
    if unknown:
        raise pytest.UsageError(f"--require knows {', '.join(TOOLS)}; not {', '.join(sorted(unknown))}")


def required_tools(config) -> set[str]:
    return {tool.strip() for tool in config.getoption("--require").split(",") if tool.strip()}


def lacking(reason: str, markers: set[str], required: set[str]) -> str | None:
    """The required tool that a test was skipped without, None where the skip has another cause."""
    told = reason.lower()
    return next(
        (tool for tool in sorted(required) if tool in markers or any(word in told for word in TOOLS[tool])), None
    )


def _fail_if_skipped_for_a_required_tool(report, markers: set[str], config) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    tool = lacking(reason, markers, required_tools(config))
    if tool:
        report.outcome = "failed"
        report.longrepr = f"--require {tool}: this may not be skipped. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    _fail_if_skipped_for_a_required_tool(report, {mark.name for mark in item.iter_markers()}, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _fail_if_skipped_for_a_required_tool(report, set(), collector.config)
    return report
