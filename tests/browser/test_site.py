"""The website in a real browser: from a file, without a network, on a phone, on paper, with and without scripts."""

from pathlib import Path

import pytest

from course_utils.staff.authoring.render import browser
from course_utils.staff.authoring.render.publish import make_site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PHONE, DESKTOP, PAPER = (360, 740), (1280, 900), (665, 940)  # PAPER: what A4 leaves between its margins, in CSS pixels

# What sticks out of the page to the right; what scrolls by itself does not.
STICKS_OUT = """() => [...document.querySelectorAll('main *')].filter(e => {
    for (let p = e; p !== document.body; p = p.parentElement)
        if (p !== e && ['auto', 'hidden', 'scroll'].includes(getComputedStyle(p).overflowX)) return false;
    return e.getBoundingClientRect().right > innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 100))"""
PICTURES = """() => [...document.querySelectorAll('main img')].map(
    i => [i.width, i.height, i.naturalWidth / i.naturalHeight])"""
CUT_OFF = """() => [...document.querySelectorAll('main pre, main div.wide, main .formula, main .figure')]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "my course"
    assert make_site(ROOT, out, "instructor", pdf=False)[0] == []
    return out


def visit(running, size: tuple[int, int], **options):
    """A new tab without a network, and the list of what goes wrong in it."""
    context = running.new_context(offline=True, viewport={"width": size[0], "height": size[1]}, **options)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(f"{error}"))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    return page, wrong


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_loads_nothing_else(running, site, scheme):
    page, wrong = visit(running, PHONE, color_scheme=scheme)
    for file in pages(site):
        page.goto(file.as_uri())
        assert page.evaluate(STICKS_OUT) == [], file.name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], file.name
    assert len(pages(site)) > 20 and wrong == []
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")


def test_on_paper_no_code_is_cut_off_and_figures_are_whole(running, site):
    page, _ = visit(running, PAPER)
    page.emulate_media(media="print")
    for file in sorted((site / "lectures").glob("*.html")):
        page.goto(file.as_uri())
        assert page.evaluate(CUT_OFF) == [], file.name
        for width, height, ratio in page.evaluate(PICTURES):
            assert width <= PAPER[0] and height <= PAPER[1] / 2 and abs(width / height - ratio) < 0.05 * ratio, (
                file.name
            )
        assert not page.is_visible("header.top") and not page.is_visible("nav.steps")


def test_the_search_finds_a_section_and_goes_there(running, site):
    page, wrong = visit(running, DESKTOP)
    page.goto((site / "exercises" / "01_chain_rule.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("sums to 1 bug")
    page.wait_for_selector(".search li a")
    assert page.inner_text(".search li a >> nth=0").startswith("A bug that sums to 1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lectures/01_chain_rule.html#a-bug-that-sums-to-1")
    page.fill(".search input", "xylophone")
    page.wait_for_selector("text=Nothing found")
    page.keyboard.press("Escape")
    assert not page.is_visible(".search ol") and wrong == []


def test_without_scripts_the_site_is_complete(running, site):
    page, wrong = visit(running, DESKTOP, java_script_enabled=False)
    page.goto((site / "index.html").as_uri())
    page.click("text=01 · The chain rule, by hand")
    page.click("nav.steps a[rel=next]")
    assert page.inner_text("h1").startswith("02")
    page.click("summary:has-text('On this page')")
    page.click("details.contents a >> nth=2")
    options = page.locator(".question").first.locator("details")
    options.first.locator("summary").click()
    assert options.first.locator("p").is_visible() and not options.nth(1).locator("p").is_visible()
    assert page.locator("math").count() > 3 and page.locator(".search").count() == 0 and wrong == []


@pytest.mark.parametrize("size", [1, 17])
def test_a_lecture_is_printed_with_its_pages_numbered(running, site, tmp_path, size):
    source = tmp_path / "page.html"
    source.write_text(
        "<h1>Title</h1>" + "<p style='height: 20cm; break-inside: avoid'>Text</p>" * size, encoding="utf-8"
    )
    browser.print_page(running, source, tmp_path / "pdf" / "page.pdf")
    printed = (tmp_path / "pdf" / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") == size
