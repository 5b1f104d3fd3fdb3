"""The public pages in a real browser, with and without JavaScript, on a phone and on a desk."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from gateway_site import approve, complaint_of, listening, on_the_web, work

from db import trail
from db.clock import SystemClock
from db.tables import FollowUp
from desk.gateway.rules import WebRules
from tasks.desk import Desk
from tasks.follow_up import current, due_for_follow_up, resolve, step_on

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `uv sync` brings it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: `apt install chromium` brings it"),
]

PHONE = {"width": 390, "height": 844}
SCREEN = {"width": 1200, "height": 900}
COMPLAINT = "Paket saya belum datang sudah sepuluh hari. Tolong dicek <b>segera</b>!"


@pytest.fixture
def web(desk: Desk) -> Desk:
    return on_the_web(desk, SystemClock())


@pytest.fixture
def url(web: Desk) -> Iterator[str]:
    with listening(web, WebRules(complaints_per_address=100)) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def at_work(desk: Desk) -> Iterator[None]:
    """The desk works off what comes in, in the background."""
    over = threading.Event()
    failed: list[BaseException] = []

    def loop() -> None:
        try:
            while not over.wait(0.2):
                work(desk)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)
    assert not failed, failed


@contextmanager
def visiting(
    browser: playwright.Browser, *, javascript: bool = True, viewport: dict[str, int] = PHONE, locale: str = "id-ID"
) -> Iterator[playwright.Page]:
    """A page that fails the test where the browser complains about it."""
    context = browser.new_context(java_script_enabled=javascript, viewport=viewport, locale=locale)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if "127.0.0.1" not in asked.url else None)
    yield page
    context.close()
    assert [said for said in complaints if "status of 4" not in said] == []


def complain(page: playwright.Page, url: str, text: str = COMPLAINT, *, public: bool = False) -> str:
    """Fill in the form as a person does; the reference."""
    page.goto(url)
    page.get_by_label("Apa yang terjadi?").fill(text)
    page.get_by_label("Nama", exact=False).first.fill("Rani Wulandari")
    page.get_by_label("Alamat e-mail atau nomor telepon").fill("rani@contoh.example")
    if public:
        page.get_by_label("Tampilkan di papan publik").check()
    page.wait_for_timeout(2100)
    page.get_by_role("button", name="Kirim keluhan", exact=True).click()
    if page.url.endswith("/complaints"):  # without JavaScript the articles stand between
        page.get_by_role("button", name="Tetap kirim keluhan").click()
    page.wait_for_url("**/t/*")
    return page.locator(".reference").inner_text()


def help_of(url: str) -> list[str]:
    """The kinds of help page: the list, what was found, and an article with a table."""
    return [f"{url}/help", f"{url}/help?q=paket+belum+sampai", f"{url}/help/refund-time"]


def sideways(page: playwright.Page) -> int:
    """How many pixels the page is wider than the window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_a_complaint_is_acknowledged_before_the_visitors_eyes(
    browser: playwright.Browser, web: Desk, url: str, javascript: bool
) -> None:
    with at_work(web), visiting(browser, javascript=javascript) as page:
        reference = complain(page, url)

        acknowledged = page.get_by_text("Tanda terima", exact=False).filter(has_not_text="sedang dikirim").first
        acknowledged.wait_for(timeout=15_000)
        page.get_by_text(COMPLAINT).wait_for()

        assert reference.startswith("TG-")
        assert page.locator("[data-waiting]").count() == 0
        assert page.locator("b", has_text="segera").count() == 0


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_the_whole_life_in_the_browser(browser: playwright.Browser, web: Desk, url: str, javascript: bool) -> None:
    with visiting(browser, javascript=javascript) as page:
        reference = complain(page, url, public=True)
        work(web)
        approve(web)
        page.goto(page.url)
        page.get_by_text("Sudah kami jawab").wait_for()

        page.get_by_label("Pesan Anda").fill("Terima kasih, saya puas")
        page.get_by_role("button", name="Kirim pesan").click()
        page.get_by_text("Terima kasih, saya puas").wait_for()
        work(web)

        resolve(web, reference, trail.Author("cs-nia"), "Paket sudah diterima")
        make_due(web, reference)
        page.goto(page.url)
        page.get_by_role("radio", name="5", exact=False).check()
        page.get_by_label("Ada yang ingin Anda sampaikan?").fill("Cepat")
        page.get_by_role("button", name="Kirim penilaian").click()
        page.get_by_text("penilaian Anda sudah kami terima").wait_for()

        make_due(web, reference)
        page.goto(page.url)
        page.get_by_label("Kata-kata Anda untuk umum").fill("Saya puas dengan penanganannya")
        page.get_by_role("button", name="Tampilkan di papan publik").click()
        page.get_by_text("Terima kasih sudah bercerita").wait_for()
        work(web)

        page.goto(f"{url}/board/{reference}")
        page.get_by_text("Kata pelanggan setelah selesai").wait_for()
        page.get_by_text("Saya puas dengan penanganannya").wait_for()
        assert page.get_by_text("Rani").count() == 0
        assert page.get_by_text("Terima kasih, saya puas").count() == 0


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_errors_keep_what_was_typed(browser: playwright.Browser, url: str, javascript: bool) -> None:
    with visiting(browser, javascript=javascript) as page:
        page.goto(url)
        page.get_by_label("Nama", exact=False).first.fill("Rani")
        page.get_by_label("Alamat e-mail atau nomor telepon").fill("bukan kontak")
        page.get_by_role("button", name="Kirim keluhan").click()

        page.get_by_role("alert").wait_for()
        assert page.get_by_label("Nama", exact=False).first.input_value() == "Rani"
        assert page.locator("#contact").get_attribute("aria-invalid") == "true"
        assert page.locator("#text-error").is_visible()


def test_articles_are_suggested_while_one_types(browser: playwright.Browser, url: str) -> None:
    with visiting(browser) as page:
        page.goto(url)
        page.get_by_label("Apa yang terjadi?").press_sequentially("kak paket saya belum sampai", delay=10)

        suggested = page.locator(".suggested a").first
        suggested.wait_for()
        assert suggested.inner_text() == "Paket terlambat atau belum sampai"
        with page.context.expect_page() as opened:
            suggested.click()
        opened.value.get_by_role("heading", name="Paket terlambat atau belum sampai").wait_for()
        assert page.get_by_label("Apa yang terjadi?").input_value() == "kak paket saya belum sampai"


def test_with_articles_beside_it_a_complaint_is_sent_by_one_click(browser: playwright.Browser, url: str) -> None:
    with visiting(browser) as page:
        page.goto(url)
        page.get_by_label("Apa yang terjadi?").fill(COMPLAINT)
        page.locator(".suggested a").first.wait_for()
        page.wait_for_timeout(2100)
        page.get_by_role("button", name="Kirim keluhan", exact=True).click()

        page.wait_for_url("**/t/*")


def test_without_javascript_articles_stand_between_and_everything_typed_is_sent_on(
    browser: playwright.Browser, url: str
) -> None:
    with visiting(browser, javascript=False) as page:
        page.goto(url)
        page.get_by_label("Apa yang terjadi?").fill(COMPLAINT)
        page.get_by_label("Nama", exact=False).first.fill("Rani Wulandari")
        page.wait_for_timeout(2100)
        page.get_by_role("button", name="Kirim keluhan", exact=True).click()

        page.get_by_text("Keluhan Anda belum terkirim").wait_for()
        page.get_by_role("link", name="Paket terlambat atau belum sampai").wait_for()
        assert page.get_by_label("Nama", exact=False).first.input_value() == "Rani Wulandari"
        page.get_by_role("button", name="Tetap kirim keluhan").click()
        page.get_by_text(COMPLAINT).wait_for()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_a_question_leads_to_its_article(browser: playwright.Browser, url: str, javascript: bool) -> None:
    with visiting(browser, javascript=javascript) as page:
        page.goto(url)
        page.get_by_role("link", name="Bantuan").click()
        page.get_by_label("Apa yang ingin Anda ketahui?").fill("uang kepotong 2x")
        page.get_by_role("button", name="Cari").click()
        page.get_by_role("link", name="Terdebit atau tertagih dua kali").click()

        page.get_by_role("heading", name="Terdebit atau tertagih dua kali").wait_for()
        page.get_by_text("Dasar:").wait_for()


@pytest.mark.parametrize("viewport", [{"width": 320, "height": 640}, PHONE, SCREEN], ids=["small", "phone", "screen"])
def test_no_page_is_wider_than_its_window(
    browser: playwright.Browser, web: Desk, url: str, viewport: dict[str, int]
) -> None:
    with visiting(browser, viewport=viewport) as page:
        complain(page, url, "Panjang " + "x" * 400, public=True)
        tracking = page.url
        work(web)

        for path in (url, tracking, f"{tracking}?lang=en", f"{url}/board", f"{url}/nowhere", *help_of(url)):
            page.goto(path)
            assert sideways(page) <= 0, path


def test_the_trap_is_invisible_and_out_of_the_keyboards_way(browser: playwright.Browser, url: str) -> None:
    with visiting(browser) as page:
        page.goto(url)
        box = page.locator("#situs").bounding_box()

        assert box is None or box["x"] + box["width"] <= 0
        assert page.locator("#situs").get_attribute("tabindex") == "-1"


def test_every_field_has_a_label(browser: playwright.Browser, url: str) -> None:
    with visiting(browser) as page:
        page.goto(url)
        nameless = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), textarea')].filter(f => !f.labels.length).length"
        )

        assert nameless == 0


def test_the_language_can_be_switched_by_a_link(browser: playwright.Browser, url: str) -> None:
    with visiting(browser) as page:
        page.goto(url)
        page.get_by_role("link", name="English").click()

        page.get_by_label("What happened?").wait_for()
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(browser: playwright.Browser, web: Desk, url: str, scheme: str) -> None:
    with visiting(browser) as page:
        page.emulate_media(color_scheme=scheme)
        complain(page, url, public=True)
        work(web)
        for path in (page.url, url, f"{url}/board", *help_of(url)):
            page.goto(path)
            assert page.evaluate(CONTRAST) == [], path


def make_due(desk: Desk, reference: str) -> None:
    """Bring the next step of the follow-up forward, and take it."""
    number = complaint_of(desk, reference).id
    with desk.transaction() as session:
        step = current(session, number)
        assert isinstance(step, FollowUp)
        step.due_at = desk.now() - timedelta(seconds=1)
        session.add(step)
    step_on(desk, due_for_follow_up(desk))
    work(desk)


CONTRAST = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest(".apart")) continue;
    const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`);
  }
  return weak;
}"""
"""Every text that has less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3)."""
