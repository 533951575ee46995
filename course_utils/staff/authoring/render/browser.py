"""A browser of this machine without a window, for what only a browser can do: pages as PDF."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--no-first-run", "--disable-gpu", "--disable-sync", "--disable-component-update", "--no-sandbox"]


class NoBrowser(Exception):
    """There is no browser to work with; the text says how to get one."""


@contextmanager
def browser() -> Iterator:
    """A running Chromium, of playwright's kind. Raises NoBrowser."""
    found = find_browser()
    if found is None:
        raise NoBrowser("a PDF needs Chromium or Chrome, and none was found: sudo apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            yield running
        finally:
            running.close()


def print_page(running, page: Path, pdf: Path, query: str = "", **options) -> None:
    """A page that lies on the disk, printed to a PDF; the network stays out of it. query: "?notes"."""
    context = running.new_context(offline=True)
    try:
        tab = context.new_page()
        tab.goto(page.resolve().as_uri() + query, wait_until="load")
        pdf.parent.mkdir(parents=True, exist_ok=True)
        tab.pdf(path=pdf, prefer_css_page_size=True, print_background=True, tagged=True, **options)
    finally:
        context.close()


def find_browser() -> str | None:
    """The path of a Chromium or Chrome of this machine, None where there is none."""
    places = [
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    ]
    on_path = [shutil.which(name) for name in BROWSERS]
    return next((place for place in [*on_path, *places] if place and Path(place).exists()), None)
