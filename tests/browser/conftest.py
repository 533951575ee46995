"""A Chromium for the tests that measure pages."""

import pytest

from course_utils.authoring import browser
from course_utils.cli import doctor


@pytest.fixture(scope="module")
def running():
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if doctor.find_browser() is None:
        pytest.skip("no Chromium on this machine: sudo apt install chromium")
    with browser.browser() as chromium:
        yield chromium
