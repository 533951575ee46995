"""Decks in a real browser: slides fit, keys work, the speaker's window goes along, paper has a slide a page."""

from pathlib import Path

import pytest

from course_utils.staff.authoring.notebook_files import lessons
from course_utils.staff.authoring.render import browser
from course_utils.staff.authoring.render.publish import make_decks

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]

# For each slide: whether it had to be shrunk, how far its body sticks out below and to the right, and which rows of
# tables are lower than their letters.
MEASURE = """() => [...document.querySelectorAll('.step')].map((step, i) => {
    step.style.display = 'block';
    document.documentElement.style.setProperty('--scale', 1);
    const body = step.querySelector('.body'), frame = body.getBoundingClientRect();
    const ends = [...body.querySelectorAll('*')].map(e => e.getBoundingClientRect());
    const low = e => e.getBoundingClientRect().height < parseFloat(getComputedStyle(e).fontSize);
    const heading = step.querySelector('h1, h2, .heading');
    const result = {
        slide: i + 1, shrunk: body.style.getPropertyValue('--fit'),
        below: Math.max(...ends.map(e => e.bottom)) - frame.bottom,
        right: Math.max(...ends.map(e => e.right)) - frame.right,
        heading: heading.scrollWidth - heading.clientWidth,
        squeezed: [...body.querySelectorAll('tr')].filter(low).map(e => e.innerText),
        empty: !body.innerText.trim() && !body.querySelector('img'),
    };
    step.style.display = '';
    return result;
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("decks") / "my slides"
    make_decks(ROOT, lessons(ROOT, "notebooks"), out, pdf=False)
    return out


def opened(running, file: Path, query: str = "", **options):
    context = running.new_context(offline=True, viewport={"width": 1280, "height": 720}, **options)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(f"{error}"))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.goto(file.as_uri() + query)
    return page, wrong


def current(page) -> int:
    return page.evaluate("[...document.querySelectorAll('.step')].findIndex(step => step.matches('.current')) + 1")


@pytest.mark.parametrize("lesson", lessons(ROOT, "notebooks"))
def test_every_slide_fits_its_frame(running, folder, lesson):
    page, wrong = opened(running, folder / f"{lesson}.html")
    slides = page.evaluate(MEASURE)
    bad = [s for s in slides if s["below"] > 1 or s["right"] > 1 or s["heading"] > 0 or s["empty"] or s["squeezed"]]
    assert len(slides) > 10 and bad == [] and wrong == []
    # Letters may be a little larger than they were estimated; much smaller ones could not be read from the last row.
    assert [s for s in slides if s["shrunk"] and float(s["shrunk"]) < 0.9] == []


def test_the_measure_finds_what_does_not_fit(running, tmp_path):
    body = "<div class='step'><section class='slide'><h2>A</h2><div class='body'>{}</div></section></div>"
    style = "<style>.body {height: 100px; overflow: hidden} pre {margin: 0}</style>"
    page = tmp_path / "deck.html"
    page.write_text(
        style + body.format("<pre>1\n2</pre>") + body.format("<pre>" + "1\n" * 20 + "</pre>"), encoding="utf-8"
    )
    tab, _ = opened(running, page)
    assert [slide["below"] > 1 for slide in tab.evaluate(MEASURE)] == [False, True]


def test_the_measure_finds_rows_on_top_of_each_other(running, tmp_path):
    row = "<tr><td>1</td></tr>"
    table = f"<table style='font-size: 20px; line-height: {{}}; border-spacing: 0'>{row}{row}</table>"
    page = tmp_path / "deck.html"
    body = "<div class='step'><h2>A</h2><div class='body'>{}</div></div>"
    page.write_text(body.format(table.format("30px")) + body.format(table.format("0")), encoding="utf-8")
    tab, _ = opened(running, page)
    assert [len(slide["squeezed"]) for slide in tab.evaluate(MEASURE)] == [0, 2]


def test_keys(running, folder):
    page, wrong = opened(running, folder / "01_chain_rule.html")
    last = page.locator(".step").count()
    for key, slide in [
        ("ArrowRight", 2),
        ("PageDown", 3),
        (" ", 4),
        ("ArrowLeft", 3),
        ("End", last),
        ("ArrowRight", last),
        ("Home", 1),
    ]:
        page.keyboard.press(key)
        assert current(page) == slide, key
    page.keyboard.press("ArrowDown")
    page.reload()
    assert current(page) == 2, "a reload stays where it was"
    assert page.locator(".slide:visible").count() == 1 and not page.locator(".notes:visible").count()
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("Escape")
    assert wrong == []


def test_the_speakers_window_shows_the_notes_and_goes_along(running, folder):
    page, wrong = opened(running, folder / "01_chain_rule.html")
    page.keyboard.press("ArrowRight")
    with page.context.expect_page() as opening:
        page.keyboard.press("s")
    speaker = opening.value
    speaker.wait_for_selector(".presenter .step.current .notes")
    assert current(speaker) == 2
    assert "Write the three factors on the board" in speaker.inner_text(".step.current .notes")
    assert "this section: 0 to 7" in speaker.inner_text("#clock")
    speaker.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('.step')[2].matches('.current')")
    page.keyboard.press("End")
    speaker.wait_for_function("document.querySelector('.step:last-child').matches('.current')")
    assert not page.locator(".notes:visible").count() and wrong == []


@pytest.mark.parametrize(("query", "size"), [("", b"[0 0 960 540]"), ("?notes", b"[0 0 594.9")])
def test_print_is_a_slide_a_page_or_slides_with_their_notes(running, folder, tmp_path, query, size):
    browser.print_page(running, folder / "01_chain_rule.html", tmp_path / "deck.pdf", query=query)
    printed = (tmp_path / "deck.pdf").read_bytes()
    slides = (folder / "01_chain_rule.html").read_text(encoding="utf-8").count('<div class="step"')
    pages = printed.count(b"/Type /Page\n")
    assert size in printed
    assert pages == slides if not query else slides / 3 < pages <= slides


def test_without_scripts_all_slides_and_notes_stand_below_each_other(running, folder):
    page, wrong = opened(running, folder / "01_chain_rule.html", java_script_enabled=False)
    assert page.locator(".slide:visible").count() == page.locator(".slide").count()
    assert page.locator(".notes:visible").count() > 10 and wrong == []
