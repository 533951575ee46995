"""The website in a real browser: from a file, without a network, on a phone, on paper, with and without scripts."""

import random
import shutil
from pathlib import Path

import pytest

from course_utils import load_scorer
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


@pytest.fixture
def with_model(running, site):
    """The page with the model, from a file and without a network, once it has answered."""
    page, wrong = visit(running, DESKTOP)
    page.set_default_timeout(600_000)  # only to end a hang
    page.goto((site / "try.html").as_uri())
    page.wait_for_function("document.getElementById('joint').textContent")
    yield page
    assert wrong == []
    page.context.close()


def texts(count: int) -> list[str]:
    """Words of this page, and what tokenizers stumble over: accents, emoji, odd blanks, line ends, other scripts."""
    chance = random.Random(5)
    odd = [
        "naïve",
        "日本語",
        "🙂",
        "don't",
        "12,345",
        "x_y=3;",
        "\n\n",
        "  ",
        "\t",
        "ﬁne",
        "e\u0301",
        "\xa0",
        "\x85",
        "\u2028",
        "٣٤",
    ]
    words = Path(__file__).read_text(encoding="utf-8").split()[:150] + odd * 4
    return [
        "".join(chance.choice(["", " "]) + chance.choice(words) for _ in range(chance.randint(1, 2)))
        for _ in range(count)
    ]


def test_the_model_on_the_page_computes_what_the_scorer_computes(with_model):
    given = [*texts(198), "", "The cat<|endoftext|> sat"]
    found = with_model.evaluate(
        """async (texts) => {
            const scores = [];
            for (const text of texts)
                scores.push((await courseModel.tokens(text)).map(({id, logProb}) => [id, logProb]));
            return scores;
        }""",
        given,
    )
    for text, wanted, scores in zip(given, load_scorer(device="cpu").tokens(given), found, strict=True):
        assert [token for token, _ in scores] == list(wanted.ids), repr(text)
        assert [nats for _, nats in scores] == pytest.approx(wanted.log_probs, abs=1e-4), repr(text)
        assert sum(nats for _, nats in scores) == pytest.approx(wanted.log_prob, abs=1e-3), repr(text)


def test_what_is_typed_on_the_page_is_what_is_scored(with_model):
    scorer, sentence, pair = load_scorer(device="cpu"), "The dog ran home.", ("The dog", " ran home.")
    with_model.fill("#sentence", "The dog sat")
    with_model.fill("#sentence", sentence)  # while the one before is computed: the last one counts
    with_model.fill("#x", pair[0])
    with_model.fill("#y", pair[1])
    score = scorer.score([pair])[0]
    for name in ("marginal", "conditional", "joint"):
        value = f"{getattr(score, name):.4f} nats".replace("-", "−")
        with_model.wait_for_function(
            "([name, value]) => document.getElementById(name).innerText === value", arg=[name, value]
        )
    assert with_model.inner_text("#sums").startswith(f"log Pr(text) = {score.joint:.2f} nats".replace("-", "−"))
    chips = with_model.locator("#strip .chip code").all_inner_texts()
    assert "".join(chips).replace("␣", " ") == sentence
    with_model.click("#strip .chip >> nth=1")
    assert with_model.locator(".choice.chosen").inner_text().startswith("␣dog")
    assert with_model.locator("#zoom svg .chosen").count() == len(chips)
    with_model.fill("#sentence", "")
    with_model.wait_for_selector("#sums:has-text('The empty text')")


def test_a_page_without_its_model_says_what_is_missing(running, site, tmp_path):
    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("model-data.js", "lectures", "docs"))
    page, _ = visit(running, DESKTOP)
    page.goto((tmp_path / "site" / "try.html").as_uri())
    page.wait_for_selector("#state:has-text('model-data.js has to lie beside this page')")


@pytest.mark.parametrize("size", [1, 17])
def test_a_lecture_is_printed_with_its_pages_numbered(running, site, tmp_path, size):
    source = tmp_path / "page.html"
    source.write_text(
        "<h1>Title</h1>" + "<p style='height: 20cm; break-inside: avoid'>Text</p>" * size, encoding="utf-8"
    )
    browser.print_page(running, source, tmp_path / "pdf" / "page.pdf")
    printed = (tmp_path / "pdf" / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") == size
