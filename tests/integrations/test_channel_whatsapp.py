"""WhatsApp: calls of the Cloud API read, answers sent through prism over Meta's own document to telephones that read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import whatsapp_server as there
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from whatsapp_server import (
    BUSINESS_ID,
    CUSTOMER,
    CUSTOMER_USER,
    NUMBER_ID,
    Telephones,
    fault,
    message,
    said,
    signed,
    told,
)

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    Asked,
    Certainty,
    ChannelError,
    LockedOut,
    Never,
    Outgoing,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.registry import read_account
from integrations.channels.whatsapp import WhatsAppChannel, WhatsAppSettings
from integrations.channels.whatsapp_templates import Template, template_for
from integrations.channels.world import Unmetered, World
from integrations.http import Patience
from integrations.record import Attachment, Bounced, Incoming, LeftOut, Removed, Unreadable
from policy.channels import ChannelRules
from policy.templates import WRITE_BACK as WRITE_BACK_NAME
from policy.templates import read_templates

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WRITE_BACK = Template(
    name="balas_kami",
    language="id",
    body="Halo {nama}, jawaban atas keluhan {nomor} sudah siap. Balas pesan ini dan kami kirimkan di sini.",
)
WITH_META: dict[str, Any] = {
    "name": "balas_kami",
    "language": "id",
    "status": "APPROVED",
    "category": "UTILITY",
    "id": "1192339204654400",
    "components": [{"type": "BODY", "text": WRITE_BACK.as_meta_writes_it}],
}
RENDERED = "Halo Rina, jawaban atas keluhan TG-1042 sudah siap. Balas pesan ini dan kami kirimkan di sini."


class Spent(Unmetered):
    def __init__(self) -> None:
        self.took: list[str] = []
        self.spent: list[str] = []

    def take(self, what: str, amount: int = 1) -> None:
        self.took.append(what)

    def spend(self, what: str, count: int = 1) -> None:
        self.spent.append(what)


def settings(url: str = "http://127.0.0.1:9", **changes: Any) -> WhatsAppSettings:
    fields: dict[str, Any] = {
        "token": SecretStr(there.TOKEN),
        "app_secret": SecretStr(there.APP_SECRET),
        "verify_token": SecretStr(there.VERIFY_TOKEN),
        "phone_number_id": NUMBER_ID,
        "api": url,
    }
    return WhatsAppSettings(**{**fields, **changes})


def with_templates(**changes: Any) -> dict[str, Any]:
    return {"templates": (WRITE_BACK,), "opt_in": "The greeting of the chat says so", **changes}


def channel(url: str = "http://127.0.0.1:9", now: datetime | None = None, **changes: Any) -> WhatsAppChannel:
    meter = changes.pop("meter", Unmetered())
    patience = Patience(connect=2, read=20, tries=1, back_off=0.01, sleep=lambda seconds: None)
    world = World(
        clock=SetClock(now or datetime.now(UTC)),
        home=Path("/nonexistent"),
        is_ours=lambda who: who == "+622155500199",
        window=timedelta(hours=24),
        meter=meter,
        patience=patience,
    )
    return WhatsAppChannel("whatsapp", "default", settings(url, **changes), world)


def answer(text: str = "Kami sedang memeriksanya.", **target: Any) -> Outgoing:
    aimed = {"external_id": "wamid.HBgNin00000000AA==", "author_id": CUSTOMER, "author_handle": f"+{CUSTOMER}"}
    return Outgoing(
        key="TG-1042:reply:7",
        text=text,
        visibility=Visibility.PRIVATE,
        kind=DeliveryKind.REPLY,
        channel="whatsapp",
        account="default",
        reference="TG-1042",
        target=Target(**{**aimed, "last_heard_at": datetime.now(UTC), **target}),
    )


def read(body: dict[str, Any] | bytes, now: datetime | None = None) -> list[Any]:
    heard = channel(now=now).hear(signed(body))
    assert (heard.status, heard.refused) == (200, None)
    return list(heard.items)


def only(body: dict[str, Any]) -> Any:
    (item,) = read(body)
    return item


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return there.needs_spec()


@pytest.fixture
def phones() -> Iterator[Telephones]:
    with there.telephones() as phones:
        phones.writes()
        phones.templates = [WITH_META]
        yield phones


# The suite, and our requests against Meta's document


@contextmanager
def behind_prism(folder: Path) -> Iterator[Telephones]:
    with there.telephones() as phones, there.prism(there.api(there.needs_spec()), folder, phones.url) as url:
        phones.url = url
        phones.templates = [WITH_META]
        yield phones


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telephones]:
    """The telephones, behind prism where there is one and Meta's document is here."""
    with there.telephones() if there.unchecked() else behind_prism(tmp_path_factory.mktemp("prism")) as phones:
        yield phones


@pytest.fixture
def checked(reached: Telephones) -> Telephones:
    """The telephones behind prism."""
    if why := there.unchecked():
        pytest.skip(why)
    return reached


class WhatsAppCounterpart(Counterpart):
    reads = False
    private_intake = True

    def __init__(self, phones: Telephones) -> None:
        self.phones = phones
        self.url = phones.url

    def channel(self, url: str, world: World) -> WhatsAppChannel:
        return WhatsAppChannel("whatsapp", "default", settings(url), world)

    def locked_out(self, url: str, world: World) -> WhatsAppChannel:
        return WhatsAppChannel("whatsapp", "default", settings(url, token=SecretStr("EAAanother")), world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        self.phones.writes()
        heard = channel().hear(self.called(text))
        (item,) = heard.items
        assert isinstance(item, Incoming)
        assert item.author is not None
        return Target(
            external_id=item.external_id,
            author_id=item.author.id,
            author_handle=item.author.handle,
            last_heard_at=item.posted_at,
        )

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        return self.phones.read.get(CUSTOMER, [])

    def called(self, text: str) -> Asked:
        return signed(said(message(text={"body": text})))


@pytest.mark.slow
class TestWhatsApp(Conformance):
    @pytest.fixture
    def other(self, reached: Telephones) -> WhatsAppCounterpart:
        return WhatsAppCounterpart(reached)


@pytest.mark.slow
def test_a_template_is_sent_as_metas_document_wants_it_and_reads_as_it_was_approved(checked: Telephones) -> None:
    checked.heard_at.clear()
    late = answer(RENDERED, last_heard_at=datetime.now(UTC) - timedelta(hours=25))

    sent = channel(checked.url, **with_templates()).reply(late)

    assert sent.platform_id.startswith("wamid.")
    assert checked.read[CUSTOMER][-1] == RENDERED
    assert checked.asked[-1]["template"]["language"]["code"] == "id"


@pytest.mark.slow
def test_check_asks_for_what_metas_document_knows(checked: Telephones) -> None:
    found = channel(checked.url, business_account_id=BUSINESS_ID, **with_templates()).check()

    assert found.ok, found.said
    assert found.said == "Toko Senja (+62 21-5550-0100), quality GREEN, limit 1K people a day by template"


@pytest.mark.slow
def test_metas_document_as_it_was_published_takes_our_text_but_for_the_word_that_comes_back(
    document: dict[str, Any], tmp_path: Path
) -> None:
    """`biz_opaque_callback_data` stands in Meta's reference of messages, not in its OpenAPI document."""
    if why := there.unchecked():
        pytest.skip(why)
    with there.prism(there.api(document, as_published=True), tmp_path) as url:
        speaking = channel(url)
        with pytest.raises(Never):
            speaking.reply(answer())
        whole = speaking.ask
        refused_for = "biz_opaque_callback_data"

        def without(method: str, to: str, **request: Any) -> Any:
            request["json"] = {name: value for name, value in request["json"].items() if name != refused_for}
            return whole(method, to, **request)

        speaking.ask = without  # type: ignore[method-assign]
        assert speaking.reply(answer()).platform_id


def kinds() -> dict[str, dict[str, Any]]:
    """A message of each kind that the document knows."""
    file = {"sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=", "id": "1003383421387200"}
    quoted = {"from": there.OUR_NUMBER, "id": "wamid.HBgNout00000001AA=="}
    return {
        "text": message(context=quoted),
        "image": message("image", image={**file, "mime_type": "image/jpeg", "caption": "Kardusnya penyok"}),
        "picture": message("image", image={**file, "mime_type": "image/jpeg"}),
        "video": message("video", video={**file, "mime_type": "video/mp4", "caption": "Ini videonya"}),
        "voice": message("audio", audio={**file, "mime_type": "audio/ogg; codecs=opus", "voice": True}),
        "document": message("document", document={**file, "mime_type": "application/pdf", "filename": "struk.pdf"}),
        "sticker": message("sticker", sticker={**file, "mime_type": "image/webp", "animated": False}),
        "location": message(
            "location",
            location={"name": "Gudang", "address": "Jl. Melati 3", "latitude": -6.2, "longitude": 106.816666},
        ),
        "contacts": message(
            "contacts", contacts=[{"name": {"formatted_name": "Pak Dedi"}, "phones": [{"phone": "+62 811-555-01"}]}]
        ),
        "button": message("button", context=quoted, button={"payload": "YA", "text": "Ya, kirim jawabannya"}),
        "list": message(
            "interactive",
            context=quoted,
            interactive={
                "type": "list_reply",
                "list_reply": {"id": "2", "title": "Retur", "description": "Tukar baru"},
            },
        ),
        "choice": message(
            "interactive",
            context=quoted,
            interactive={"type": "button_reply", "button_reply": {"id": "batal", "title": "Batal"}},
        ),
        "order": message(
            "order",
            order={
                "catalog_id": "194836987003800",
                "text": "tanpa gula",
                "product_items": [{"product_retailer_id": "kopi", "quantity": 2, "item_price": 30, "currency": "IDR"}],
            },
        ),
        "reaction": message("reaction", reaction={"message_id": "wamid.HBgNout00000001AA==", "emoji": "👍"}),
        "system": message(
            "system",
            system={"body": "User Rina changed from 1 to 2", "wa_id": "6281255501299", "type": "user_changed_number"},
        ),
        "unsupported": message(
            "unsupported",
            errors=[
                {"code": 131051, "title": "Message type unknown", "message": "unknown", "error_data": {"details": "no"}}
            ],
        ),
    }


@pytest.mark.parametrize("name", sorted(kinds()))
def test_the_calls_that_these_tests_make_are_of_metas_form(document: dict[str, Any], name: str) -> None:
    assert there.wrong_in_call(document, said(kinds()[name])) == []


def test_the_states_that_these_tests_tell_are_of_metas_form(document: dict[str, Any]) -> None:
    assert there.wrong_in_call(document, told(failed(131047), state("delivered"))) == []


# What comes in


@pytest.mark.parametrize(
    ("name", "text", "attachments"),
    [
        ("text", "Paket saya belum sampai.", ()),
        ("image", "Kardusnya penyok", (Attachment("image", "image/jpeg", 0),)),
        ("picture", "[image]", (Attachment("image", "image/jpeg", 0),)),
        ("video", "Ini videonya", (Attachment("video", "video/mp4", 0),)),
        ("voice", "[voice message]", (Attachment("audio", "audio/ogg; codecs=opus", 0),)),
        ("document", "[document: struk.pdf]", (Attachment("struk.pdf", "application/pdf", 0),)),
        ("sticker", "[sticker]", (Attachment("sticker", "image/webp", 0),)),
        ("location", "[location] Gudang, Jl. Melati 3, -6.200000 106.816666", ()),
        ("contacts", "[contact] Pak Dedi, +62 811-555-01", ()),
        ("button", "Ya, kirim jawabannya", ()),
        ("list", "Retur\nTukar baru", ()),
        ("choice", "Batal", ()),
        ("order", "tanpa gula\n[order] 2 × kopi, 30 IDR", ()),
    ],
)
def test_every_kind_of_message_comes_in_as_text(name: str, text: str, attachments: tuple[Attachment, ...]) -> None:
    sent = kinds()[name]

    item = only(said(sent))

    assert isinstance(item, Incoming)
    assert (item.text, item.attachments, item.external_id) == (text, attachments, sent["id"])
    assert (item.visibility, item.addressed, item.channel, item.account) == (
        Visibility.PRIVATE,
        True,
        "whatsapp",
        "default",
    )
    assert json.loads(item.raw) == sent
    assert item.in_reply_to == (sent["context"]["id"] if "context" in sent else None)


def test_the_sender_is_known_by_number_and_profile() -> None:
    (item,) = read(said(message(at=NOW)), NOW)

    assert item.author.id == CUSTOMER
    assert (item.author.handle, item.author.phone, item.author.name) == (
        f"+{CUSTOMER}",
        f"+{CUSTOMER}",
        "Rina Wulandari",
    )
    assert item.posted_at == NOW


def test_the_sender_is_known_by_the_id_that_stays_when_their_number_is_hidden_later() -> None:
    before = message(from_user_id=CUSTOMER_USER)
    after = {name: value for name, value in message(from_user_id=CUSTOMER_USER).items() if name != "from"}
    hidden = said(after)
    profile = {"name": "Rina", "username": "rina.w"}
    hidden["entry"][0]["changes"][0]["value"]["contacts"] = [{"profile": profile, "user_id": CUSTOMER_USER}]

    first, later = only(said(before, user_id=CUSTOMER_USER)), only(hidden)

    assert first.author.id == later.author.id == CUSTOMER_USER
    assert (first.author.phone, later.author.phone) == (f"+{CUSTOMER}", None)
    assert (first.author.handle, later.author.handle) == (f"+{CUSTOMER}", "@rina.w")


@pytest.mark.parametrize(
    ("name", "why"),
    [("reaction", "a reaction"), ("system", "changed their number")],
)
def test_what_is_no_message_is_left_out_with_its_reason(name: str, why: str) -> None:
    item = only(said(kinds()[name]))

    assert isinstance(item, LeftOut)
    assert why in item.reason
    assert CUSTOMER not in item.reason


def test_what_whatsapp_shows_to_no_program_is_put_aside_for_a_person() -> None:
    item = only(said(kinds()["unsupported"]))

    assert isinstance(item, Unreadable)
    assert "131051" in item.reason
    assert item.raw


def test_what_is_for_another_of_our_numbers_is_left_out() -> None:
    items = read(said(message(), number_id="106540352242911")) + read(told(failed(131026), number_id="106540352242911"))

    assert [type(item) for item in items] == [LeftOut, LeftOut]
    assert "106540352242911" in items[0].reason


@pytest.mark.parametrize("sender", [there.OUR_NUMBER, "622155500199"])
def test_our_own_numbers_do_not_complain(sender: str) -> None:
    assert isinstance(only(said({**message(), "from": sender}, wa_id=sender)), LeftOut)


def test_pictures_sent_at_once_are_messages_of_their_own() -> None:
    file = {"sha256": "a", "id": "1", "mime_type": "image/jpeg"}
    album = [message("image", at=NOW, image=file) for _ in range(3)]

    items = read(said(*album), NOW)

    assert [item.external_id for item in items] == [one["id"] for one in album]


def test_an_edit_comes_under_the_first_messages_id() -> None:
    first = message()
    inner = {"type": "text", "text": {"body": "Maksud saya pesanan kedua"}, "context": {"id": "wamid.q"}}
    edit = message("edit", edit={"original_message_id": first["id"], "message": inner})

    before, after = read(said(first, edit))

    assert (after.external_id, after.text) == (before.external_id, "Maksud saya pesanan kedua")
    assert after.in_reply_to == "wamid.q"


def test_a_message_that_its_sender_deletes_is_told() -> None:
    first = message()

    removed = only(said(message("revoke", revoke={"original_message_id": first["id"]})))

    assert isinstance(removed, Removed)
    assert (removed.external_id, removed.channel, removed.account) == (first["id"], "whatsapp", "default")


@pytest.mark.parametrize("word", ["STOP", "Berhenti.", " stop "])
def test_who_wants_no_more_messages_is_known_by_the_bare_word(word: str) -> None:
    item = only(said(message(text={"body": word})))

    assert isinstance(item, Incoming)
    assert item.opts_out
    assert item.warnings


def test_who_writes_of_stopping_something_still_wants_an_answer() -> None:
    assert not only(said(message(text={"body": "tolong stop langganan saya, sudah dua kali ditagih"}))).opts_out


def bad() -> dict[str, dict[str, Any]]:
    return {
        "no id": message(id=None),
        "an id with a line break": message(id="wamid.\n1"),
        "an id without end": message(id="w" * 600),
        "no text": message(text={}),
        "a number for a text": message(text={"body": 5}),
        "a blank text": message(text={"body": " \u200b"}),
        "half a character in its id": message(id="wamid.\ud83d"),
        "half a character in a name": message("document", document={"filename": "struk\ud83d.pdf"}),
        "half a character": message(text={"body": "halo \ud83d"}),
        "no time": message(timestamp=None),
        "a time in words": message(timestamp="kemarin"),
        "a time before the API": message(timestamp="12"),
        "a time to come": message(timestamp="99999999999"),
        "no kind": message(type=None),
        "a kind of tomorrow": message("hologram", hologram={}),
        "an image without its object": message("image"),
        "a group's message": message(group_id="Y2FwaV9ncm91cDox"),
        "an edit of nothing": message("edit", edit={"original_message_id": "wamid.1"}),
        "coordinates in words": message("location", location={"latitude": "6 S", "longitude": "106 E"}),
        "a poll's answer": message("interactive", interactive={"type": "poll"}),
    }


@pytest.mark.parametrize("name", sorted(bad()))
def test_one_bad_message_is_put_aside_with_its_reason_and_the_rest_goes_on(name: str) -> None:
    wrong, good = bad()[name], message()

    aside, taken = read(said(wrong, good))

    assert isinstance(aside, Unreadable), aside
    assert aside.reason
    assert aside.channel == "whatsapp"
    assert json.loads(aside.raw) == wrong
    assert taken.external_id == good["id"]


def test_a_sender_with_half_a_character_in_their_name_is_heard_without_it() -> None:
    quoting = message(context={"id": "wamid.\ud83d"}, from_user_id="ID.\ud83d")

    item = only(said(quoting, profile={"name": "Rina\ud83d", "username": "\ud83d"}))

    assert (item.author.id, item.author.name, item.in_reply_to) == (CUSTOMER, "Rina", None)


def test_a_message_of_nobody_is_put_aside() -> None:
    nobody = said(message())
    value = nobody["entry"][0]["changes"][0]["value"]
    value["contacts"] = []
    del value["messages"][0]["from"]

    assert isinstance(only(nobody), Unreadable)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"object": '])
def test_a_signed_call_that_is_no_json_is_kept(body: bytes) -> None:
    (item,) = read(body)

    assert isinstance(item, Unreadable)
    assert item.raw == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["object", "entry", "changes", "field", "value", "messages", "statuses", "metadata", "contacts", "type"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_call_whatever_it_holds_breaks_the_reader(value: Any) -> None:
    for body in (
        value,
        {"object": "whatsapp_business_account", "entry": [value]},
        there.call_of({"messages": [value]}),
    ):
        assert channel().hear(signed(json.dumps(body).encode())).status == 200
    if isinstance(value, dict):
        body = said(message(**{name: inner for name, inner in value.items() if name != "type"}))
        assert channel().hear(signed(body)).status == 200


def test_the_same_call_again_brings_the_same_ids() -> None:
    body = said(message(), message())

    assert [one.external_id for one in read(body)] == [one.external_id for one in read(body)]


@pytest.mark.parametrize(
    ("field_name", "value", "why"),
    [
        ("account_update", {"event": "VERIFIED_ACCOUNT"}, "`account_update`"),
        (
            "message_template_status_update",
            {"message_template_name": "balas_kami", "event": "PAUSED"},
            "`balas_kami` is now PAUSED",
        ),
        ("user_preferences", {"user_preferences": [{"value": "stop"}]}, "marketing"),
        ("smb_message_echoes", {"message_echoes": [{}]}, "our own"),
    ],
)
def test_other_notices_are_left_out_and_say_what_they_are(field_name: str, value: dict[str, Any], why: str) -> None:
    item = only(there.call_of(value, field_name))

    assert isinstance(item, LeftOut)
    assert why in item.reason


# What became of our texts


def state(status: str, **fields: Any) -> dict[str, Any]:
    stamp = str(int(datetime.now(UTC).timestamp()))
    return {"id": "wamid.HBgNout00000009AA==", "status": status, "timestamp": stamp, "recipient_id": CUSTOMER, **fields}


def failed(code: int | None, title: str = "Something") -> dict[str, Any]:
    error = {"code": code, "title": title, "message": title, "error_data": {"details": "…"}}
    return state("failed", errors=[error] if code is not None else [], biz_opaque_callback_data="TG-1042:reply:7")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (131047, "more than 24 hours"),
        (131026, "cannot be delivered"),
        (131049, "marketing messages"),
        (131050, "wants no marketing messages"),
        (131056, "too many messages to the same person"),
        (130472, "experiment"),
        (199999, "error 199999): Nobody knows"),
        (None, "does not say why"),
    ],
)
def test_a_text_that_was_taken_and_not_delivered_comes_back(code: int | None, why: str) -> None:
    item = only(told(failed(code, "Nobody knows")))

    assert isinstance(item, Bounced)
    assert (item.platform_id, item.address, item.for_good) == ("wamid.HBgNout00000009AA==", f"+{CUSTOMER}", True)
    assert why in item.why


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "warning"])
def test_a_text_on_its_way_says_nothing_new(status: str) -> None:
    assert read(told(state(status))) == []


# Calls that are not Meta's


def test_metas_question_is_answered_with_its_own_words() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": there.VERIFY_TOKEN, "hub.challenge": "1158201444"}

    heard = channel().hear(Asked("GET", query, {}, b"", "https://gateway.example/in/whatsapp"))

    assert (heard.status, heard.body, heard.refused) == (200, b"1158201444", None)


def test_somebody_elses_question_is_not() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "tebakan", "hub.challenge": "1158201444"}

    heard = channel().hear(Asked("GET", query, {}, b"", "https://gateway.example/in/whatsapp"))

    assert heard.status == 403
    assert heard.refused


def test_a_call_that_is_signed_by_somebody_else_brings_nothing() -> None:
    heard = channel().hear(signed(said(message()), secret="tebakan"))

    assert (heard.items, heard.status) == ((), 401)


# Answering


def test_an_answer_quotes_its_message_and_carries_our_key(phones: Telephones) -> None:
    meter = Spent()
    channel(phones.url, meter=meter).message_privately(answer("Lihat https://toko.example ya"))

    assert phones.asked == [
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": CUSTOMER,
            "type": "text",
            "text": {"preview_url": False, "body": "Lihat https://toko.example ya"},
            "context": {"message_id": "wamid.HBgNin00000000AA=="},
            "biz_opaque_callback_data": "TG-1042:reply:7",
        }
    ]
    assert (meter.took, meter.spent) == (["message"], [])


@pytest.mark.parametrize(
    ("handle", "author", "receiver"),
    [
        ("+62 812-5550-1234", None, {"to": CUSTOMER}),
        (None, CUSTOMER, {"to": CUSTOMER}),
        ("0812 5550 1234", None, {"to": CUSTOMER}),
        ("006281255501234", None, {"to": CUSTOMER}),
        (f"+{CUSTOMER}", CUSTOMER_USER, {"to": CUSTOMER}),
        ("@rina.w", CUSTOMER_USER, {"recipient": CUSTOMER_USER}),
        ("@628", CUSTOMER_USER, {"recipient": CUSTOMER_USER}),
    ],
)
def test_the_number_is_written_as_whatsapp_takes_it(
    phones: Telephones, handle: str | None, author: str | None, receiver: dict[str, str]
) -> None:
    phones.writes(CUSTOMER_USER)

    channel(phones.url).reply(answer(author_handle=handle, author_id=author))

    assert {name: phones.asked[0][name] for name in ("to", "recipient") if name in phones.asked[0]} == receiver


@pytest.mark.parametrize("who", [{}, {"author_handle": "@rina.w"}, {"author_id": "rina"}, {"author_handle": "0"}])
def test_nobody_is_written_to_whose_number_is_not_known(phones: Telephones, who: dict[str, str]) -> None:
    out = answer(**{"author_id": None, "author_handle": None, **who})

    with pytest.raises(Never) as raised:
        channel(phones.url).reply(out)

    assert raised.value.kind == "not_allowed"
    assert not channel().can_reply(out.target, Visibility.PRIVATE, datetime.now(UTC)).ok
    assert phones.asked == []


def test_a_text_that_is_too_long_does_not_leave(phones: Telephones) -> None:
    with pytest.raises(Never) as raised:
        channel(phones.url).reply(answer("a" * 4097))

    assert raised.value.kind == "too_long"
    assert phones.asked == []


def test_an_answer_without_a_name_for_the_message_is_doubtful(phones: Telephones) -> None:
    phones.refusals = [(200, {"messaging_product": "whatsapp", "messages": []})]

    with pytest.raises(Unknown):
        channel(phones.url).reply(answer())


@pytest.mark.parametrize(
    ("status", "code", "subcode", "raised", "detail"),
    [
        (401, 190, 463, LockedOut, None),
        (401, 0, None, LockedOut, None),
        (400, 100, 33, LockedOut, None),
        (403, 131031, None, LockedOut, None),
        (400, 131042, None, LockedOut, None),
        (400, 133010, None, LockedOut, None),
        (400, 131056, None, TryAgain, 6.0),
        (429, 130429, None, TryAgain, None),
        (400, 80007, None, TryAgain, None),
        (500, 131016, None, TryAgain, 60.0),
        (500, 131000, None, Unknown, None),
        (503, 2, None, Unknown, None),
        (400, 131047, None, Never, "window"),
        (400, 131026, None, Never, "blocked"),
        (400, 131050, None, Never, "blocked"),
        (400, 131049, None, Never, "not_allowed"),
        (400, 130472, None, Never, "not_allowed"),
        (403, 10, None, Never, "not_allowed"),
        (404, 132001, None, Never, "other"),
        (400, 100, None, Never, "other"),
    ],
)
def test_a_refusal_says_what_to_do(
    phones: Telephones, status: int, code: int, subcode: int | None, raised: type[ChannelError], detail: object
) -> None:
    phones.refusals = [(status, fault(code, f"refused for {CUSTOMER}", subcode))]

    with pytest.raises(raised) as error:
        channel(phones.url).reply(answer("Nomor pesanan Anda 8812."))

    assert type(error.value) is raised
    assert getattr(error.value, "after", None) == (detail if raised is TryAgain else None)
    assert getattr(error.value, "kind", None) == (detail if raised is Never else None)
    for secret in (CUSTOMER, there.TOKEN, "8812"):
        assert secret not in str(error.value)
    assert phones.read == {}


def test_after_an_unclear_try_only_a_person_can_tell() -> None:
    assert channel().certainty is Certainty.NEITHER


# The 24 hours and the templates


@pytest.mark.parametrize(("hours", "ok"), [(1, True), (23.99, True), (24, False), (100, False)])
def test_the_window_is_told_before_a_person_is_asked(hours: float, ok: bool) -> None:
    target = answer(last_heard_at=NOW - timedelta(hours=hours)).target

    found = channel(now=NOW).can_reply(target, Visibility.PRIVATE, NOW)

    assert (found.ok, found.until) == (ok, NOW + timedelta(hours=24 - hours))
    assert ok or "no approved template" in found.why or "hold none" in found.why


def test_once_the_window_is_closed_the_reason_names_the_templates_that_are_left() -> None:
    target = answer(last_heard_at=NOW - timedelta(hours=25)).target

    found = channel(now=NOW, **with_templates()).can_reply(target, Visibility.PRIVATE, NOW)

    assert not found.ok
    assert "window of 24 hours closed at 2026-11-22 08:00 UTC" in found.why
    assert "`balas_kami` (id)" in found.why


def test_a_policy_cannot_make_the_window_longer_than_whatsapp_does() -> None:
    speaking = channel(now=NOW)
    speaking.world = replace(speaking.world, window=timedelta(days=7))

    assert not speaking.can_reply(answer(last_heard_at=NOW - timedelta(days=2)).target, Visibility.PRIVATE, NOW).ok


def test_within_the_window_even_a_templates_words_leave_as_text(phones: Telephones) -> None:
    channel(phones.url, **with_templates()).reply(answer(RENDERED))

    assert phones.asked[0]["type"] == "text"


def test_after_the_window_a_templates_words_leave_as_the_template_and_are_counted(phones: Telephones) -> None:
    phones.heard_at.clear()
    meter = Spent()

    channel(phones.url, meter=meter, **with_templates()).reply(
        answer(RENDERED, last_heard_at=datetime.now(UTC) - timedelta(days=2))
    )

    assert phones.asked[0]["type"] == "template"
    assert phones.read[CUSTOMER] == [RENDERED]
    assert meter.spent == ["template"]


def test_the_request_to_write_back_leaves_as_a_template_whatever_our_clock_says(phones: Telephones) -> None:
    asks = replace(answer(RENDERED), kind=DeliveryKind.NOTICE)

    channel(phones.url, **with_templates()).reply(asks)

    assert phones.asked[0]["type"] == "template"


@pytest.mark.parametrize(
    "text",
    [
        RENDERED + " ",
        RENDERED.replace("Halo", "Hai"),
        RENDERED.replace("Rina", ""),
        RENDERED.replace("Rina", "Rina\nWulandari"),
        RENDERED.replace("Rina", "Rina     Wulandari"),
        "Kami sudah mengirim gantinya.",
    ],
)
def test_after_the_window_other_words_do_not_leave(phones: Telephones, text: str) -> None:
    out = answer(text, last_heard_at=datetime.now(UTC) - timedelta(days=2))

    with pytest.raises(Never) as raised:
        channel(phones.url, **with_templates()).reply(out)

    assert raised.value.kind == "window"
    assert phones.asked == []


def test_where_it_is_not_known_when_they_wrote_whatsapp_decides(phones: Telephones) -> None:
    speaking = channel(phones.url, **with_templates())

    speaking.reply(answer("Kami cek dulu.", last_heard_at=None))
    speaking.reply(answer(RENDERED, last_heard_at=None))
    phones.heard_at.clear()
    with pytest.raises(Never) as raised:
        speaking.reply(answer("Kami cek dulu.", last_heard_at=None))

    assert raised.value.kind == "window"
    assert [one["type"] for one in phones.asked] == ["text", "template"]


WORD = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)


@given(WORD, WORD)
def test_what_a_template_renders_to_is_always_the_text_that_was_approved(name: str, number: str) -> None:
    text = WRITE_BACK.body.replace("{nama}", name).replace("{nomor}", number)
    phones = Telephones(templates=[WITH_META])

    found = template_for(text, [WRITE_BACK])

    assert found is not None
    assert phones.rendered({"template": found[0].message(found[1])}) == text


def test_numbered_slots_are_given_in_their_order() -> None:
    template = Template(name="nomor", language="en_US", body="Complaint {2} of {1} is answered.")

    found = template_for("Complaint TG-7 of Budi is answered.", [WRITE_BACK, template])

    assert found is not None
    assert found[0].message(found[1])["components"][0]["parameters"] == [
        {"type": "text", "text": "Budi"},
        {"type": "text", "text": "TG-7"},
    ]


def test_a_template_without_slots_is_its_words() -> None:
    template = Template(name="halo", language="id", body="Balas pesan ini.")

    assert template.message(template.slots_of("Balas pesan ini.") or {}) == {
        "name": "halo",
        "language": {"policy": "deterministic", "code": "id"},
    }
    assert template.slots_of("Balas pesan ini!") is None


@pytest.mark.parametrize("body", ["{a}{b}", "{a} dan {a}", "Halo {{nama}}", "Halo {nama", "{1} dan {nama}", ""])
def test_a_template_that_cannot_be_told_from_its_text_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        Template(name="halo", language="id", body=body)


# Settings and the look at an account


def test_templates_need_the_word_of_how_customers_agreed() -> None:
    given_settings = {"phone_number_id": 106540352242900, "templates": [WRITE_BACK.model_dump()]}
    names = ("TOKEN", "APP_SECRET", "VERIFY_TOKEN")
    environment = {f"TANGGAP_WHATSAPP_{name}": "rahasia" for name in names}

    without = read_account(WhatsAppChannel, "whatsapp", "default", given_settings, environment)
    agreed = {**given_settings, "opt_in": "Form on our site"}
    with_it = read_account(WhatsAppChannel, "whatsapp", "default", agreed, environment)

    assert isinstance(without, str)
    assert "opt_in" in without
    assert isinstance(with_it, WhatsAppSettings)
    assert with_it.phone_number_id == NUMBER_ID


def test_the_example_in_the_docs_is_taken() -> None:
    page = Path(__file__).parents[2] / "docs/channels/whatsapp.md"
    example = page.read_text().partition("```yaml\n")[2].partition("```")[0]
    rules = ChannelRules.model_validate(yaml.safe_load(dedent(example))["whatsapp"])
    environment = {f"TANGGAP_WHATSAPP_{name}": "rahasia" for name in ("TOKEN", "APP_SECRET", "VERIFY_TOKEN")}

    read_settings = read_account(WhatsAppChannel, "whatsapp", "default", rules.accounts["default"], environment)

    assert isinstance(read_settings, WhatsAppSettings)
    templates = read_templates(Path(__file__).parents[2] / "policy/templates")
    for language, slot in (("id", "nomor"), ("en", "number")):
        shipped = templates.render(WRITE_BACK_NAME, language, {"reference": "TG-1042"}).text
        template, filled = template_for(shipped, read_settings.templates) or (None, None)
        assert (template and template.language, filled) == (language, {slot: "TG-1042"})


def test_what_is_a_template_is_known_without_asking_meta() -> None:
    speaking = channel(**with_templates())

    assert speaking.is_template(RENDERED)
    assert speaking.is_template("Halo Rina, bagaimana kabarnya?") is False
    assert channel().is_template(RENDERED) is None


def test_check_says_who_we_are_and_when_the_token_ends(phones: Telephones) -> None:
    phones.token["expires_at"] = int(NOW.timestamp())

    found = channel(phones.url).check()

    assert found.ok
    assert found.said.startswith("Toko Senja (+62 21-5550-0100)")
    assert found.expires == NOW


@pytest.mark.parametrize(
    ("changes", "said_so"),
    [
        ({"number": {"status": "RESTRICTED"}}, "RESTRICTED"),
        ({"number": {"name_status": "DECLINED"}}, "DECLINED"),
        ({"token": {"scopes": ["whatsapp_business_management"]}}, "lacks whatsapp_business_messaging"),
        ({"token": {"is_valid": False}}, "not valid"),
        ({"template": {"status": "PAUSED"}}, "PAUSED"),
        ({"template": {"language": "en"}}, "is not among Meta's"),
        ({"template": {"components": [{"type": "BODY", "text": "Halo {{nama}}!"}]}}, "another body"),
        (
            {"template": {"components": [*WITH_META["components"], {"type": "FOOTER", "text": "Diskon!"}]}},
            "has a footer",
        ),
    ],
)
def test_check_says_what_is_wrong(phones: Telephones, changes: dict[str, dict[str, Any]], said_so: str) -> None:
    phones.number.update(changes.get("number", {}))
    phones.token.update(changes.get("token", {}))
    phones.templates = [{**WITH_META, **changes.get("template", {})}]

    found = channel(phones.url, business_account_id=BUSINESS_ID, **with_templates()).check()

    assert not found.ok
    assert said_so in found.said
    assert found.mend


@pytest.mark.parametrize("change", [{"quality_rating": "RED"}, {"status": "FLAGGED"}])
def test_a_number_that_people_block_still_sends_with_a_warning(phones: Telephones, change: dict[str, str]) -> None:
    phones.number.update(change)

    found = channel(phones.url).check()

    assert found.ok
    assert found.mend


def test_a_wrong_number_id_is_no_missing_customer(phones: Telephones) -> None:
    found = channel(phones.url, phone_number_id="106540352242999").check()

    assert not found.ok
    assert "phone_number_id" in found.said
