"""Reviewers at work in Slack's web client, on a whole house: what they click, type and read, and what customers get."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from house_at_work import eventually
from slack_house import CHROMIUM, InSlack, house_in_slack
from slack_server import CHANNELS, OUTSIDER, USERS
from sqlalchemy import select

from db.tables import Note
from db.words import Gate, State

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: `apt install chromium` brings it"),
]

THREAT = "Kurir kalian membentak {} saya di depan tetangga. Kami minta permintaan maaf; kalau tidak, kami kirim somasi."
EDITED = (
    "Kami mohon maaf kepada ibu Anda. Kurirnya sudah kami tegur, dan kepala cabang kami ingin meminta maaf langsung."
)
MARKUP = (
    "<!channel> <!here> <@U0SARI> <#C0PR> <https://contoh.example/palsu|Klik di sini> *tebal* _miring_ ~coret~ `kode` "
    "```blok``` :tada: &lt;!everyone&gt; \u202eterbalik\u202c nol\u200blebar @channel السلام عليكم"
)
LONG = 10_000
REMEMBER_WHAT_LINKS_LEAD_TO = """() => {
  window.ledTo = new Set();
  const look = () => document.querySelectorAll(".msg.highlighted").forEach(one => window.ledTo.add(one.dataset.ts));
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""
"""The message that a link leads to is marked for 2.5 seconds only."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InSlack]:
    """One house for all of them: it takes a while to stand."""
    with house_in_slack(tmp_path_factory.mktemp("slack")) as found:
        yield found


@pytest.fixture
def here(house: InSlack) -> Iterator[InSlack]:
    """The house with a fresh window on Slack; Slack must have nothing against anything that a test sends there."""
    house.proxy.forget()
    house.close_all()
    house.page.goto(house.server.url)
    yield house
    assert house.proxy.violations == []


def test_one_of_pr_edits_others_approve_and_the_board_shows_the_edited_words(here: InSlack) -> None:
    reference = here.complains(THREAT.format("ibu"), "Rani").reference
    here.type("legal-ani", Gate.LEGAL, "/tanggap language en")
    here.whisper("The desk speaks English with you")

    here.press("pr-sari", here.card(Gate.PR, reference), "Sunting")
    here.window("Sunting draf")
    here.fill(EDITED)
    here.submit()
    here.window("Beres")
    here.close()
    eventually(lambda: here.cards(Gate.PR, reference).count() == 2)

    here.press("pr-sari", here.card(Gate.PR, reference), "Setujui")
    here.whisper("Ini tulisan Anda sendiri")
    here.approve("pr-budi", Gate.PR, reference)
    here.press("legal-ani", here.card(Gate.LEGAL, reference), "Approve…")
    here.window("Approve").get_by_text(EDITED).wait_for()
    here.fill("yes")
    here.submit()
    here.page.locator(".modal-error", has_text=reference).wait_for()
    here.fill(reference.lower())
    here.submit()
    here.window("Done")
    here.close()
    here.approve("cs-nia", Gate.CS, reference)  # what a person wrote may state facts

    here.in_state(reference, State.RESPONDED)
    assert here.board(reference) == [EDITED]
    assert here.who(reference, "decided") == ["pr-budi", "legal-ani", "cs-nia"]
    assert [event.data["why"] for event in here.events(reference, "decision_refused")] == ["own_words"]
    newest = here.cards(Gate.PR, reference).last
    newest.get_by_text("Terbit").wait_for()
    assert newest.get_by_role("button", name=re.compile("Setujui|Sunting|Tolak")).count() == 0
    assert newest.locator(".mention", has_text="Pr Budi").count() > 0


def test_changes_that_were_asked_for_lead_to_a_new_draft_that_is_approved(here: InSlack) -> None:
    reference = here.complains(THREAT.format("nenek"), "Bagas").reference

    here.press("pr-sari", here.card(Gate.PR, reference), "Minta perbaikan")
    here.window("Minta perbaikan")
    here.fill(" ")
    here.submit()
    here.page.locator(".modal-error").wait_for()
    here.fill("Lebih singkat, dan tanpa nomor.")
    here.submit()
    here.window("Beres")
    here.close()

    eventually(lambda: here.cards(Gate.PR, reference).count() == 2)
    here.cards(Gate.PR, reference).first.get_by_text("Lebih singkat, dan tanpa nomor.").wait_for()
    here.approve("pr-budi", Gate.PR, reference)
    here.approve("legal-ani", Gate.LEGAL, reference)
    here.in_state(reference, State.RESPONDED)
    drafts = [draft.text for draft in here.drafts(reference)]
    assert len(set(drafts)) == 2
    assert here.board(reference) == drafts[-1:]


def test_a_rejection_publishes_nothing_and_says_why(here: InSlack) -> None:
    reference = here.complains(THREAT.format("adik"), "Citra").reference

    here.press("legal-doni", here.card(Gate.LEGAL, reference), "Reject")
    here.window("Tolak")
    here.fill("Jangan dijawab di muka umum: keluarganya sudah didampingi.")
    here.submit()
    here.window("Beres")
    here.close()

    here.in_state(reference, State.HELD)
    here.cards(Gate.LEGAL, reference).get_by_text("Jangan dijawab di muka umum").wait_for()
    other = here.cards(Gate.PR, reference)
    other.get_by_text("Legal menolak draf ini").wait_for()
    assert other.get_by_role("button", name=re.compile("Setujui|Sunting|Tolak")).count() == 0
    assert here.board(reference) == []


def test_who_may_not_decide_is_told_so_alone_and_the_card_stays(here: InSlack) -> None:
    reference = here.complains(THREAT.format("kakak"), "Dimas").reference

    here.press(OUTSIDER, here.card(Gate.PR, reference), "Setujui")
    here.whisper("Meja keluhan belum mengenal Anda")
    here.press("cs-nia", here.card(Gate.PR, reference), "Setujui")
    here.whisper("Anda tidak termasuk tim ini")
    here.press("cs-nia", here.card(Gate.PR, reference), "Tolak")
    here.window("Tidak dilakukan").get_by_text("Anda tidak termasuk tim ini").wait_for()
    here.close()

    refused = here.events(reference, "decision_refused")
    assert [(event.by, event.data["why"]) for event in refused] == [
        (OUTSIDER.lower(), "unknown_person"),
        ("cs-nia", "not_a_member"),
        ("cs-nia", "not_a_member"),
    ]
    assert here.who(reference, "decided") == []
    assert {call.given["user"] for call in here.proxy.of("chat.postEphemeral")} == {OUTSIDER, USERS["cs-nia"]}
    here.card(Gate.PR, reference).get_by_role("button", name="Setujui").wait_for()


def test_a_click_on_a_card_that_is_not_yet_redrawn_is_told_who_was_first(here: InSlack) -> None:
    reference = here.complains(THREAT.format("paman"), "Endah").reference
    here.card(Gate.PR, reference)
    here.proxy.limit("chat.update", times=None, channel=CHANNELS["pr"])  # so that the card stays as it was

    here.approve("pr-budi", Gate.PR, reference)
    here.press("pr-sari", here.card(Gate.PR, reference), "Setujui")
    here.whisper(re.compile("Sudah disetujui oleh @Pr Budi"))
    here.proxy.mend()

    here.cards(Gate.PR, reference).get_by_text(re.compile("^Disetujui oleh @Pr Budi")).wait_for()
    assert here.who(reference, "decided") == ["pr-budi"]
    assert [(event.by, event.data["why"]) for event in here.events(reference, "decision_refused")] == [
        ("pr-sari", "not_open")
    ]


def test_an_approval_is_void_when_the_customer_writes_again_and_its_card_leads_to_the_new_one(here: InSlack) -> None:
    customer = here.complains(THREAT.format("bibi"), "Fajar")
    reference = customer.reference
    here.approve("pr-budi", Gate.PR, reference)

    customer.writes_again("Kurirnya datang lagi tadi sore dan membentak bibi saya sekali lagi.")
    eventually(lambda: here.cards(Gate.PR, reference).count() == 2)
    old = here.cards(Gate.PR, reference).first
    old.get_by_text("Persetujuan ini tidak berlaku lagi.").wait_for()
    old.get_by_text("Pelanggan menulis lagi.").wait_for()
    here.page.evaluate(REMEMBER_WHAT_LINKS_LEAD_TO)
    old.get_by_role("link", name="Buka kartu yang baru").click()

    (led_to,) = eventually(lambda: here.page.evaluate("[...window.ledTo]"))
    new = here.page.locator(f'.messages > .msg[data-ts="{led_to}"]')
    new.get_by_role("button", name="Setujui").wait_for()
    assert new.locator(".bk-header", has_text=reference).count() == 1
    assert here.board(reference) == []


def test_ten_thousand_characters_full_of_markup_are_words_and_nothing_else(here: InSlack) -> None:
    numbered = [f"[{number}] {MARKUP}" for number in range(LONG // len(MARKUP))]
    text = "\n".join([THREAT.format("ayah"), *numbered])[:LONG].ljust(LONG, ".")
    reference = here.complains(text, "Gita").reference

    card = here.card(Gate.PR, reference)
    quoted = card.locator("blockquote")
    assert "membentak ayah saya" in quoted.first.inner_text()
    assert acting(quoted) == []
    here.press("pr-sari", card, "Teks lengkap")
    whole = here.window("Teks lengkap").locator("blockquote")
    read = "\n".join(whole.all_inner_texts())
    assert [place for place in re.findall(r"\[\d+\]", text) if place not in read] == []
    assert acting(whole) == []
    here.close()

    sent = [json.dumps(call.given, ensure_ascii=False) for call in here.proxy.calls]
    assert [one for one in sent if re.search(r"<!(channel|here|everyone)|<@U0SARI>|[\u202e\u200b]", one)] == []
    here.approve("pr-budi", Gate.PR, reference)
    here.approve("legal-ani", Gate.LEGAL, reference)
    here.in_state(reference, State.RESPONDED)


def test_what_colleagues_write_in_the_thread_stays_inside_until_it_is_a_draft_that_others_approved(
    here: InSlack,
) -> None:
    reference = here.complains(THREAT.format("mertua"), "Hana").reference
    words = "Kami mohon maaf atas sikap kurir kami. Boleh kami hubungi Anda lewat pesan pribadi?"

    card = here.card(Gate.PR, reference)
    place = str(card.get_attribute("data-ts"))
    here.answer(card, "pr-sari", words)
    eventually(lambda: notes(here))
    # The web client has no reactions in threads.
    written = next(one for one in here.server.thread(CHANNELS["pr"], place) if one["user"] == USERS["pr-sari"])
    here.server.react(CHANNELS["pr"], written["ts"], USERS["pr-lead"], "memo")
    eventually(lambda: here.cards(Gate.PR, reference).count() == 2)
    assert here.board(reference) == []

    here.approve("pr-budi", Gate.PR, reference)
    here.approve("legal-ani", Gate.LEGAL, reference)
    here.approve("cs-nia", Gate.CS, reference)
    here.in_state(reference, State.RESPONDED)
    assert here.board(reference) == [words]
    assert here.drafts(reference)[-1].author == "pr-sari"


def test_home_shows_what_waits_and_keeps_its_filter(here: InSlack) -> None:
    reference = here.complains(THREAT.format("tante"), "Indra").reference
    here.card(Gate.PR, reference)

    here.sit_down("pr-sari")
    here.page.locator(".sidebar-item", has_text="tanggap").click()
    home = here.page.locator(".home")
    home.get_by_text(reference).first.wait_for()
    home.locator(".bk-select").nth(1).select_option("S4")
    home.get_by_text("tidak ada yang cocok dengan saringan ini").wait_for()
    here.look_at(Gate.PR)
    here.page.locator(".sidebar-item", has_text="tanggap").click()

    home.get_by_text("tidak ada yang cocok dengan saringan ini").wait_for()
    assert home.get_by_text(reference).count() == 0


def acting(quoted: "Locator") -> list[str]:
    """What acts within a quotation. Of bare addresses this client makes links, whatever was said of the text."""
    found = quoted.locator("strong, em, del, code, img, .mention, a:not([href*='palsu'])").all_inner_texts()
    return [*found, *quoted.get_by_role("link", name="Klik di sini", exact=True).all_inner_texts()]


def notes(here: InSlack) -> list[Note]:
    with here.work.desk.transaction() as session:
        return list(session.execute(select(Note)).scalars())
