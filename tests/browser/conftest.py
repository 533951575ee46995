"""A Chromium for the tests that measure pages."""

import pytest

from course_utils.staff.authoring.render import browser


@pytest.fixture(scope="module")
def running():
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if browser.find_browser() is None:
        pytest.skip("no Chromium on this machine: sudo apt install chromium")
    with browser.browser() as chromium:
        yield chromium
