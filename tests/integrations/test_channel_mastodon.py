"""The fediverse's channel against somebody else's servers: mastodon-mock, and snac, which really federates."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from http_receiver import Handler, receiving, says
from mastodon_server import SNAC, WHY_NO_SNAC, ServerAccounts, SnacAccounts, mock_server, snac_server
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from pydantic import ValidationError

from db.words import Visibility
from integrations.channels.base import Channel, LockedOut, Never, Target, TryAgain, Unknown
from integrations.channels.conformance import Conformance, Huge, Status
from integrations.channels.conformance.suite import all_of, fresh, heard, outgoing, until, world
from integrations.channels.conformance.wire import wire_to
from integrations.channels.mastodon import MastodonChannel
from integrations.channels.mastodon_api import MastodonSettings
from integrations.record import Incoming, LeftOut, Metrics, Unreadable

ALICE = {"id": "2", "acct": "alice", "username": "alice", "display_name": "Alice", "bot": False}
TOKO = {"id": "1", "acct": "toko", "username": "toko", "display_name": "Toko", "bot": False}


@pytest.fixture(scope="module")
def mock() -> Iterator[ServerAccounts]:
    with mock_server() as server:
        yield server


@pytest.fixture(scope="module")
def snac() -> Iterator[SnacAccounts]:
    if SNAC is None:
        pytest.skip(WHY_NO_SNAC)
    with snac_server() as server:
        yield server


class TestOnMastodonMock(Conformance):
    @pytest.fixture
    def other(self, mock: ServerAccounts) -> ServerAccounts:
        mock.certainty = "read_back"
        return mock


class TestOnMastodonMockByItsKey(Conformance):
    @pytest.fixture
    def other(self, mock: ServerAccounts) -> ServerAccounts:
        mock.certainty = "idempotent"
        return mock


@pytest.mark.slow
class TestOnSnac(Conformance):
    @pytest.fixture
    def other(self, snac: SnacAccounts) -> SnacAccounts:
        return snac


# What the tests need


def newest(server: ServerAccounts) -> Incoming:
    """The last of what our account has heard."""
    return heard(all_of(server.ours(None, world()))[0])[-1]


def ids_of(*targets: Target) -> list[str]:
    return [target.external_id or "" for target in targets]


def source_of(server: ServerAccounts, sent: Any) -> str:
    """What was posted, letter for letter."""
    text: str = server.call("toko", "GET", f"statuses/{sent.platform_id}/source")["text"]
    return text


def notified(server: ServerAccounts) -> set[str]:
    return {one["id"] for one in server.call("toko", "GET", "notifications", params={"limit": "64"})}


def until_they_came(channel: Channel, cursor: str | None, wanted: set[str | None]) -> tuple[list[Any], str | None]:
    every: list[Any] = []

    def came() -> bool:
        nonlocal cursor
        items, cursor = all_of(channel, cursor)
        every.extend(items)
        return wanted <= {one.external_id for one in heard(every)}

    assert until(came, 60)
    return every, cursor


@contextmanager
def faulty(server: ServerAccounts, method: str, path: str, effect: dict[str, Any]) -> Iterator[None]:
    """mastodon-mock's own faults."""
    rule = {"match": {"methods": [method], "path": path}, "effect": effect}
    made = requests.post(f"{server.url}/api/v1/_mock/faults", json=rule, timeout=10)
    made.raise_for_status()
    try:
        yield
    finally:
        requests.delete(f"{server.url}/api/v1/_mock/faults/{made.json()['id']}", timeout=10).raise_for_status()


def status(post_id: str, **fields: Any) -> dict[str, Any]:
    """A post of a customer's, after the published description of `Status`."""
    return {
        "id": post_id,
        "account": ALICE,
        "content": "<p>@toko paket saya?</p>",
        "created_at": datetime.now(UTC).isoformat(),
        "visibility": "public",
        "spoiler_text": "",
        "uri": f"https://a.example/{post_id}",
        "reblog": None,
        **fields,
    }


def notification(its_id: str, post: dict[str, Any]) -> dict[str, Any]:
    return {"id": its_id, "type": "mention", "created_at": post.get("created_at"), "account": ALICE, "status": post}


@contextmanager
def site(
    *,
    notifications: list[Any] | Callable[[Handler], list[Any]] = (),  # type: ignore[assignment]
    timeline: list[Any] = (),  # type: ignore[assignment]
    context: list[Any] = (),  # type: ignore[assignment]
    status: dict[str, Any] | None = None,
    posted: dict[str, Any] | None = None,
    bodies: list[dict[str, str]] | None = None,
    scopes: Any = None,
    us: tuple[int, Any] = (200, TOKO),
    **settings: Any,
) -> Iterator[MastodonChannel]:
    """A server that says what no server can be brought to say; lists answer page by page, then with nothing."""
    pages = {"/notifications": iter(notifications) if not callable(notifications) else None, "/tag/": iter(timeline)}

    def told(handler: Handler, path: str) -> tuple[int, Any]:
        if path.endswith("/accounts/verify_credentials"):
            return us
        if path.endswith("/apps/verify_credentials") and scopes is not None:
            return 200, {"scopes": scopes}
        if path.endswith("/v2/instance"):
            return 200, {"domain": "a.example", "configuration": {"statuses": {"max_characters": 500}}}
        if path.endswith("/notifications"):
            return 200, notifications(handler) if callable(notifications) else next(
                pages["/notifications"] or iter(()), []
            )
        if "/tag/" in path:
            return 200, next(pages["/tag/"] or iter(()), [])
        if path.endswith("/search"):
            return 200, {"statuses": []}
        if path.endswith("/context"):
            return 200, {"ancestors": [], "descendants": list(context)}
        if path.endswith("/statuses") and handler.command == "POST":
            if bodies is not None:
                bodies.append(json.loads(receiver.received[-1].body))
            return 200, posted
        if "/statuses/" in path and status is not None and not path.endswith("/source"):
            return 200, status
        return 404, {"error": "Record not found"}

    def answer(handler: Handler) -> None:
        code, document = told(handler, urlsplit(handler.path).path)
        says(code, json.dumps(document).encode(), Content_Type="application/json")(handler)

    with receiving(answer) as receiver:
        found = MastodonSettings(token="t", url=receiver.url, **settings)  # type: ignore[arg-type]
        yield MastodonChannel("mastodon", "default", found, world())


def unknown_in(paths: dict[str, Any], answer: requests.Response) -> list[str]:
    """The parameters of a request that the published description does not have."""
    url = urlsplit(answer.url)
    templates = sorted(paths, key=lambda path: "{" in path)
    ours = next(one for one in templates if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), url.path))
    known = {one["name"] for one in paths[ours][(answer.request.method or "").lower()].get("parameters", [])}
    return sorted({name.removesuffix("[]") for name in parse_qs(url.query)} - known)


def wrong_in(spec: OpenAPI, answer: requests.Response) -> list[str]:
    """What the published description objects to, in a request of ours and in its answer."""
    asked = RequestsOpenAPIRequest(answer.request)
    wrong: list[str] = []
    for check in (
        lambda: spec.validate_request(asked),
        lambda: spec.validate_response(asked, RequestsOpenAPIResponse(answer)),
    ):
        try:
            check()
        except Exception as error:
            inner = getattr(error.__cause__, "schema_errors", None) or [error.__cause__ or error]
            wrong += [str(one)[:300] for one in inner]
    return wrong


# What comes in


def test_mentions_over_many_pages_come_once_each_oldest_first(mock: ServerAccounts) -> None:
    channel = mock.ours(None, world())
    _, cursor = all_of(channel)
    posted = [mock.customer_writes(f"{fresh()} nomor {number}").external_id for number in range(95)]

    items, cursor = all_of(channel, cursor)

    assert [one.external_id for one in heard(items)] == posted
    assert all_of(channel, cursor) == ([], cursor)


def test_a_page_that_is_stored_is_not_asked_for_again(mock: ServerAccounts) -> None:
    channel = mock.ours(None, world())
    _, cursor = all_of(channel)
    posted = [mock.customer_writes(fresh()).external_id for _ in range(60)]
    pages = channel.fetch(cursor)
    first = next(pages)
    pages.close()

    rest, _ = all_of(channel, first.cursor)

    assert [one.external_id for one in [*heard(first.items), *heard(rest)]] == posted


def test_a_mention_says_who_wrote_where_and_that_it_speaks_to_us(mock: ServerAccounts) -> None:
    post = mock.post("alice", "@toko Paket saya hilang.\n\nTolong #dicek", language="id")

    one = newest(mock)

    assert one.text == "Paket saya hilang.\n\nTolong #dicek"
    assert one.author is not None
    assert (one.author.handle, one.author.name) == ("alice@mock.local", "Alice")
    assert (one.external_id, one.addressed, one.lang) == (post["id"], True, "id")
    assert one.url == post["url"]
    assert json.loads(one.raw)["content"] == post["content"]


def test_a_content_warning_is_the_first_line(mock: ServerAccounts) -> None:
    mock.post("alice", "@toko Kaki saya luka.", spoiler_text="luka, darah")

    assert newest(mock).text == "luka, darah\nKaki saya luka."


@pytest.mark.parametrize(
    ("visibility", "seen_by"),
    [("public", "public"), ("unlisted", "public"), ("private", "private"), ("direct", "private")],
)
def test_who_can_read_it_is_known(mock: ServerAccounts, visibility: str, seen_by: str) -> None:
    mock.post("alice", f"@toko {fresh()}", visibility=visibility)

    assert newest(mock).visibility == seen_by


def test_a_mention_that_the_account_filters_comes_in_all_the_same(mock: ServerAccounts) -> None:
    mock.call("toko", "PATCH", "notifications/policy", json={"for_not_following": "filter"})
    try:
        post = mock.post("bob", f"@toko {fresh()}")
        assert newest(mock).external_id == post["id"]
    finally:
        mock.call("toko", "PATCH", "notifications/policy", json={"for_not_following": "accept"})


def test_hashtags_and_searches_are_read_beside_the_mentions(mock: ServerAccounts) -> None:
    channel = mock.ours(None, world(), hashtags=("#tokokita",), searches=("Toko Kita",))
    _, cursor = all_of(channel)
    tagged = mock.post("alice", "Pelayanannya lambat #tokokita")
    named = mock.post("bob", "Ada yang pernah beli di Toko Kita?")

    items, cursor = all_of(channel, cursor)

    assert [(one.external_id, one.addressed) for one in heard(items)] == [(tagged["id"], None), (named["id"], None)]
    assert all_of(channel, cursor)[0] == []


def test_boosts_and_bots_and_our_own_posts_are_left_out_with_their_reason(mock: ServerAccounts) -> None:
    channel = mock.ours(None, world(), hashtags=("kabartoko",))
    ours = mock.post("toko", "Buka jam 9 #kabartoko")
    mock.post("robo", "Otomatis: #kabartoko")
    mock.call("alice", "POST", f"statuses/{ours['id']}/reblog")

    items, _ = all_of(channel)

    reasons = {item.reason for item in items if isinstance(item, LeftOut)}
    assert heard(items) == [] or all("kabartoko" not in one.text for one in heard(items))
    assert {"our own post", "written by a bot"} <= reasons


def test_another_account_of_ours_is_no_customer(mock: ServerAccounts) -> None:
    mine = replace(world(), is_ours=lambda who: who == "bob@mock.local")
    channel = mock.ours(None, mine)
    _, cursor = all_of(channel)
    mock.post("bob", "@toko tes")

    items, _ = all_of(channel, cursor)

    assert [type(item) for item in items] == [LeftOut]


def test_what_was_posted_is_looked_at_again_many_at_once(mock: ServerAccounts) -> None:
    stays, changes, goes = (mock.customer_writes(fresh()) for _ in range(3))
    mock.call("bob", "POST", f"statuses/{stays.external_id}/favourite")
    mock.customer_edits(changes, "sudah saya perbaiki")
    mock.customer_removes(goes)

    seen = {one.external_id: one for one in mock.ours(None, world()).look_at(ids_of(stays, changes, goes))}

    assert seen[ids_of(stays)[0]].metrics == Metrics(None, 1, 0, 0)
    assert seen[ids_of(changes)[0]].text == "sudah saya perbaiki"
    assert [one.there for one in seen.values()].count(False) == 1
    assert not seen[ids_of(goes)[0]].there


def test_what_somebody_posted_about_us_is_found_newest_first(mock: ServerAccounts) -> None:
    channel = mock.ours(None, world(), hashtags=("tokokita",))
    before = datetime.now(UTC)
    about = [mock.post("bob", f"@toko {fresh()}")["id"], mock.post("bob", f"{fresh()} #TokoKita")["id"]]
    mock.post("bob", "Cuaca cerah")
    mock.post("bob", f"@toko {fresh()}", visibility="direct")

    found = list(channel.posts_of(Target(author_handle="bob@mock.local"), before))

    assert [one.external_id for one in found] == about[::-1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>Satu<br />dua</p><p>tiga &amp; &lt;empat&gt; &#128545;</p>", "Satu\ndua\n\ntiga & <empat> 😡"),
        (
            '<p><span class="h-card"><a href="https://a.example/@toko" class="u-url mention">@<span>toko</span></a>'
            "</span> halo, @tokoku</p>",
            "halo, @tokoku",
        ),
        ("<p>@toko@a.example @toko: rusak</p>", "rusak"),
        ("<p>@bank @toko uang saya?</p>", "@bank @toko uang saya?"),
        ("<p>@toko</p>", "@toko"),
        (
            '<p><a href="https://b.example/sangat/panjang"><span class="invisible">https://</span><span '
            'class="ellipsis">b.example/sangat</span><span class="invisible">/panjang</span></a></p>',
            "https://b.example/sangat/panjang",
        ),
        ('<p>rusak <a href="https://a.example/tags/x" class="mention hashtag">#<span>x</span></a></p>', "rusak #x"),
        ("<script>alert(1)</script><p>aman</p>", "aman"),
    ],
)
def test_the_html_of_a_post_becomes_what_a_reader_sees(content: str, text: str) -> None:
    with site(notifications=[[notification("9", status("8", content=content))]]) as channel:
        (one,) = heard(all_of(channel)[0])

    assert one.text == text


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"content": 5}, "`content`"),
        ({"created_at": "2026-11-22T10:00:00"}, "`created_at`"),
        ({"account": None}, "`account`"),
        ({"id": 8}, "`id`"),
        ({"content": "<p>\ud800</p>"}, "half a character"),
        ({"content": "a" * 100_001}, "longer than 100,000"),
    ],
)
def test_a_post_that_cannot_be_read_is_put_aside_and_the_rest_comes(broken: dict[str, Any], reason: str) -> None:
    page = [notification("11", status("10")), notification("9", {**status("8"), **broken})]
    with site(notifications=[page]) as channel:
        items, _ = all_of(channel)

    (aside,) = [item for item in items if isinstance(item, Unreadable)]
    assert reason in aside.reason
    assert json.loads(aside.raw)
    assert [one.external_id for one in heard(items)] == ["10"]


@pytest.mark.parametrize("odd", [None, 7, {"type": "mention"}, {"id": "12", "type": "mention"}])
def test_a_notification_that_is_none_is_put_aside(odd: Any) -> None:
    with site(notifications=[[odd, notification("9", status("8"))]]) as channel:
        items, _ = all_of(channel)

    assert [type(item) for item in items] in ([Unreadable, Incoming], [Incoming, Unreadable])


def test_after_a_look_that_found_nothing_but_what_cannot_be_read_no_years_of_history_come() -> None:
    with site(notifications=[[{"type": "mention"}]]) as channel:
        _, cursor = all_of(channel)

    assert "@" not in json.loads(cursor or "")


def test_a_visibility_that_nobody_knows_is_private() -> None:
    with site(notifications=[[notification("9", status("8", visibility="local"))]]) as channel:
        (one,) = heard(all_of(channel)[0])

    assert one.visibility is Visibility.PRIVATE


def test_of_an_account_that_was_never_read_a_week_is_taken() -> None:
    old = status("6", created_at="2020-01-01T00:00:00.000Z")
    pages = [[notification("9", status("8")), {**notification("7", old), "created_at": old["created_at"]}]]
    with site(notifications=pages) as channel:
        assert [one.external_id for one in heard(all_of(channel)[0])] == ["8"]


def test_a_post_from_elsewhere_that_comes_late_is_not_missed() -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    newest, late = (str(moment << 16) for moment in (now, now - 30 * 60 * 1000))
    with site(timeline=[[status(newest), status(late)]], hashtags=("toko",)) as channel:
        items, _ = all_of(channel, json.dumps({"#toko": newest}))

    assert late in {one.external_id for one in heard(items)}


def test_records_that_are_too_many_for_one_answer_are_asked_for_in_smaller_ones() -> None:
    big = [notification(str(20 + n), status(str(n), content="x" * 90_000)) for n in range(15)]

    def page(handler: Handler) -> list[Any]:
        asked = parse_qs(urlsplit(handler.path).query)
        known = [one for one in big if int(one["id"]) < int(asked.get("max_id", ["99"])[0])]
        return known[::-1][: int(asked["limit"][0])]

    with site(notifications=page) as channel:
        assert len(heard(all_of(channel)[0])) == 15


# What goes out


def test_the_author_is_mentioned_before_the_approved_text_and_nothing_else_is_added(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, world())
    text = "Mohon maaf, Kak.\nKami cek *hari ini* ya & kabari."

    sent = channel.reply(outgoing(channel, target, text))

    assert source_of(mock, sent) == f"@alice {text}"


@pytest.mark.parametrize("text", ["Halo @alice, kami cek.", "Halo @Alice@mock.local, kami cek."])
def test_an_author_whom_the_text_names_is_not_mentioned_twice(mock: ServerAccounts, text: str) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, world())

    assert source_of(mock, channel.reply(outgoing(channel, target, text))) == text


def test_an_author_on_another_server_is_mentioned_with_it(mock: ServerAccounts) -> None:
    post = mock.post("dave", f"@toko {fresh()}")
    channel = mock.ours(None, world())

    sent = channel.reply(outgoing(channel, mock.target(post), "Kami cek. Salam, @dave"))

    assert source_of(mock, sent) == "@dave@remote.example Kami cek. Salam, @dave"
    assert mock.call("toko", "GET", f"statuses/{sent.platform_id}")["mentions"][0]["acct"] == "dave@remote.example"


def test_the_key_of_the_delivery_is_the_servers(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    with wire_to(mock.url) as wire:
        channel = mock.ours(wire.url, world())
        out = outgoing(channel, target, "Kami cek.")
        first, second = channel.reply(out), channel.reply(out)

    keys = [one.headers.get("Idempotency-Key") for one in wire.passed if one.method == "POST"]
    assert keys == [out.key, out.key]
    assert first == second


@pytest.mark.parametrize(
    ("theirs", "setting", "ours"),
    [("public", "public", "public"), ("public", "unlisted", "unlisted"), ("unlisted", "public", "unlisted")],
)
def test_an_answer_is_no_more_public_than_the_post(mock: ServerAccounts, theirs: str, setting: str, ours: str) -> None:
    post = mock.post("alice", f"@toko {fresh()}", visibility=theirs)
    channel = mock.ours(None, world(), visibility=setting)

    sent = channel.reply(outgoing(channel, mock.target(post), "Kami cek."))

    assert mock.call("toko", "GET", f"statuses/{sent.platform_id}")["visibility"] == ours


@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_a_post_for_some_is_not_answered_before_all(mock: ServerAccounts, visibility: str) -> None:
    post = mock.post("alice", f"@toko {fresh()}", visibility=visibility)
    channel = mock.ours(None, world())

    with pytest.raises(Never, match="answer it privately") as caught:
        channel.reply(outgoing(channel, mock.target(post), "Kami cek."))

    assert caught.value.kind == "not_allowed"


def test_the_answer_keeps_the_content_warning(mock: ServerAccounts) -> None:
    post = mock.post("alice", f"@toko {fresh()}", spoiler_text="luka")
    channel = mock.ours(None, world())

    sent = channel.reply(outgoing(channel, mock.target(post), "Kami cek."))

    assert mock.call("toko", "GET", f"statuses/{sent.platform_id}")["spoiler_text"] == "luka"


def test_a_private_answer_is_direct_and_for_nobody_else(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, world())

    sent = channel.message_privately(outgoing(channel, target, "Nomor pesanannya?", private=True))

    post = mock.call("toko", "GET", f"statuses/{sent.platform_id}")
    assert (post["visibility"], [one["acct"] for one in post["mentions"]]) == ("direct", ["alice"])
    assert post["in_reply_to_id"] == target.external_id


def test_a_private_answer_that_names_somebody_else_stays_here(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, replace(world(), is_ours=lambda who: who == "toko.id"))

    for named in ("@bob", "@@bob"):  # Mastodon's own pattern (Account::MENTION_RE) lets a sign stand before it.
        with pytest.raises(Never, match="@bob"):
            channel.message_privately(outgoing(channel, target, f"Tanya {named} saja.", private=True))
    assert channel.message_privately(outgoing(channel, target, "DM @toko.id atau cs@bob.example.", private=True))


def test_our_handle_elsewhere_may_be_a_strangers_here_who_gets_nothing_private(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, replace(world(), is_ours=lambda who: who == "bob"))

    with pytest.raises(Never, match="@bob"):
        channel.message_privately(outgoing(channel, target, "Kami ada di Instagram, @bob.", private=True))


def test_a_private_answer_reaches_its_author_also_where_the_post_is_gone(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    mock.customer_removes(target)
    channel = mock.ours(None, world())
    out = outgoing(channel, target, fresh("Boleh kirim nomor pesanannya?"), private=True)

    sent = channel.message_privately(out)

    assert channel.find_own(out) == sent


def test_the_same_words_to_somebody_else_are_not_taken_for_an_answer(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    post = mock.post("bob", f"@toko {fresh()}")
    other = Target(external_id=post["id"], author_id=post["account"]["id"], author_handle="bob")
    mock.customer_removes(target)
    mock.call("bob", "DELETE", f"statuses/{post['id']}")
    channel = mock.ours(None, world())
    out = outgoing(channel, target, fresh("Pengiriman terganggu; kami kabari besok."), private=True)
    channel.message_privately(out)

    assert channel.find_own(replace(out, target=other)) is None


def test_somebody_who_blocked_us_is_told_from_somebody_who_took_it_down(mock: ServerAccounts) -> None:
    post = mock.post("bob", f"@toko {fresh()}")
    us = mock.call("toko", "GET", "accounts/verify_credentials")["id"]
    channel = mock.ours(None, world())
    mock.call("bob", "POST", f"accounts/{us}/block")
    try:
        with pytest.raises(Never) as private:
            channel.message_privately(outgoing(channel, mock.target(post), "Halo", private=True))
        mock.call("bob", "DELETE", f"statuses/{post['id']}")
        with pytest.raises(Never) as public:
            channel.reply(outgoing(channel, mock.target(post), "Halo"))
    finally:
        mock.call("bob", "POST", f"accounts/{us}/unblock")

    assert (private.value.kind, public.value.kind) == ("blocked", "blocked")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 493, True),
        ("a" * 494, False),
        ("👨‍👩‍👧" * 60, True),
        ("https://toko.example/" + "a" * 600, True),
        ("@bob@sangat-panjang.example " * 80, True),
    ],
)
def test_the_mention_counts_and_what_does_not_fit_is_not_sent(text: str, fits: bool) -> None:
    posted = status("30")
    with site(status=status("8"), posted=posted) as channel:
        out = outgoing(channel, Target(external_id="8", author_id="2"), text)
        if fits:
            assert channel.reply(out).platform_id == "30"
        else:
            with pytest.raises(Never, match="1 characters too long") as caught:
                channel.reply(out)
            assert caught.value.kind == "too_long"


def test_a_long_content_warning_gives_way_to_the_approved_text() -> None:
    bodies: list[dict[str, str]] = []
    with site(status=status("8", spoiler_text="w" * 400), posted=status("30"), bodies=bodies) as channel:
        channel.reply(outgoing(channel, Target(external_id="8"), "a" * 400))

    (body,) = bodies
    assert body["status"] == "@alice " + "a" * 400
    assert len(body["status"]) + len(body["spoiler_text"]) == 500


def test_our_text_is_told_from_one_that_differs_in_a_sign(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    channel = mock.ours(None, world())
    out = outgoing(channel, target, "Kami cek hari ini.")
    sent = channel.reply(out)

    assert channel.find_own(out) == sent
    assert channel.find_own(replace(out, text="Kami cek hari ini!")) is None
    assert channel.find_own(replace(out, visibility=Visibility.PRIVATE)) is None


def test_what_a_customer_repeats_of_our_words_is_not_taken_for_ours(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    text = fresh("Kami cek hari ini.")
    mock.post("bob", f"@alice {text}", in_reply_to_id=target.external_id)
    channel = mock.ours(None, world())

    assert channel.find_own(outgoing(channel, target, text)) is None


def test_below_a_crowd_our_own_posts_are_looked_through_instead(mock: ServerAccounts) -> None:
    target = mock.customer_writes(fresh())
    with wire_to(mock.url) as wire:
        channel = mock.ours(wire.url, world())
        out = outgoing(channel, target, fresh("Kami cek."))
        sent = channel.reply(out)
        wire.breaks(Huge(), where=lambda path: path.endswith("/context"))

        assert channel.find_own(out) == sent


def test_a_source_that_is_not_told_is_made_up_for_by_what_readers_see() -> None:
    ours = status(
        "30", content='<p><a class="mention">@<span>alice</span></a> Kami cek&nbsp;<b>ya</b>.</p>', account=TOKO
    )
    with site(context=[ours | {"in_reply_to_id": "8"}]) as channel:
        out = outgoing(channel, Target(external_id="8"), "Kami cek ya.")
        found = channel.find_own(out)

    assert found is not None
    assert found.platform_id == "30"


# What may go wrong


def test_a_limit_is_waited_for_until_the_servers_own_reset(mock: ServerAccounts) -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=120)).isoformat()
    with wire_to(mock.url) as wire:
        channel = mock.ours(wire.url, world())
        _, cursor = all_of(channel)
        wire.breaks(Status(429, (("X-RateLimit-Limit", "300"), ("X-RateLimit-Reset", reset))))
        with pytest.raises(TryAgain) as caught:
            all_of(channel, cursor)

    assert caught.value.after == pytest.approx(120, abs=15)


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        ({"type": "ratelimit"}, TryAgain),
        ({"type": "status", "status": 503}, TryAgain),
        ({"type": "malformed"}, TryAgain),
        ({"type": "malformed", "truncate": False}, TryAgain),
        (
            {"type": "status", "status": 403, "body": {"error": "This action is outside the authorized scopes"}},
            LockedOut,
        ),
        ({"type": "status", "status": 403, "body": {"error": "Your login is currently disabled"}}, LockedOut),
    ],
)
def test_nothing_is_lost_by_the_servers_own_faults(mock: ServerAccounts, effect: dict[str, Any], error: type) -> None:
    channel = mock.ours(None, world())
    _, cursor = all_of(channel)
    target = mock.customer_writes(fresh())
    with faulty(mock, "GET", "/api/v1/notifications", effect), pytest.raises(error):
        all_of(channel, cursor)

    items, _ = all_of(channel, cursor)

    assert [one.external_id for one in heard(items)] == [target.external_id]


@pytest.mark.parametrize(
    ("status_code", "said", "error", "kind"),
    [
        (422, "Validation failed: Text character limit of 500 exceeded", Never, "too_long"),
        (404, "The post you are trying to reply to does not appear to exist.", Never, "gone"),
        (403, "This action is not allowed", Never, "not_allowed"),
        (403, "This action is outside the authorized scopes", LockedOut, None),
        (422, "Validation failed: Text can't be blank", Never, "other"),
        (500, "An unexpected error occurred", Unknown, None),
    ],
)
def test_what_the_server_says_of_a_post_is_understood(
    mock: ServerAccounts, status_code: int, said: str, error: type, kind: str | None
) -> None:
    channel = mock.ours(None, world())
    out = outgoing(channel, mock.customer_writes(fresh()), "Kami cek.")
    effect = {"type": "status", "status": status_code, "body": {"error": said}}

    with faulty(mock, "POST", "/api/v1/statuses", effect), pytest.raises(error) as caught:
        channel.reply(out)

    assert getattr(caught.value, "kind", None) == kind


def test_an_account_that_throws_strangers_mentions_away_is_told_so(mock: ServerAccounts) -> None:
    mock.call("toko", "PATCH", "notifications/policy", json={"for_new_accounts": "drop"})
    try:
        found = mock.ours(None, world()).check()
    finally:
        mock.call("toko", "PATCH", "notifications/policy", json={"for_new_accounts": "accept"})

    assert found.ok
    assert "new accounts" in found.said
    assert found.mend


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (["read"], "write:statuses"),
        (["profile", "write", "read:notifications", "read:search"], "read:statuses"),
        ("read:accounts read:notifications write:statuses read:statuses", "read:search"),
        (["read", "write"], None),
    ],
)
def test_a_scope_that_the_token_lacks_is_named(scopes: Any, missing: str | None) -> None:
    with site(scopes=scopes, notifications=[[]], searches=("Toko Kita",)) as channel:
        found = channel.check()

    assert found.ok is (missing is None)
    assert missing is None or f"lacks {missing}" in found.said


def test_a_token_of_an_application_is_nobodys() -> None:
    with site(us=(422, {"error": "This method requires an authenticated user"})) as channel:
        found = channel.check()

    assert not found.ok
    assert found.mend


@pytest.mark.parametrize("settings", [{"url": "mastodon.example"}, {"language": "Indonesia"}, {"visibility": "direct"}])
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MastodonSettings.model_validate({"token": "t", "url": "https://a.example", **settings})


# The published description of the API


def test_requests_and_answers_keep_to_the_published_description(mock: ServerAccounts, shared: Path) -> None:
    file = shared / "specs" / "mastodon" / "schema.json"
    if not file.is_file():
        pytest.skip("Mastodon's schema does not lie beside this checkout")
    told = json.loads(file.read_text(encoding="utf-8"))
    told["servers"] = [{"url": mock.url}]
    # mastodon-mock tells the day of somebody's last post with its time.
    for name in ("Account", "CredentialAccount"):
        told["components"]["schemas"][name]["properties"]["last_status_at"] = {}
    # Its own defaults break its own rules here and there; only what is asked and answered is checked.
    spec = OpenAPI.from_dict(told, config=Config(spec_validator_cls=None))
    channel = mock.ours(None, world(), hashtags=("tokokita",), searches=("Toko Kita",), language="id")
    passed: list[requests.Response] = []

    def kept(answer: requests.Response, **_: Any) -> None:
        assert answer.content
        passed.append(answer)

    channel.session.hooks["response"].append(kept)

    target = mock.customer_writes(fresh())
    other = mock.customer_writes(fresh())
    channel.check()
    all_of(channel)
    all_of(channel, json.dumps({"@": "1"}))
    out = outgoing(channel, target, "Kami cek.")
    channel.reply(out)
    channel.message_privately(outgoing(channel, target, "Nomor pesanannya?", private=True))
    channel.find_own(out)
    list(channel.look_at(ids_of(target, other)))
    list(channel.posts_of(Target(author_handle="alice"), datetime.now(UTC) - timedelta(hours=1)))

    assert len({urlsplit(answer.url).path.strip("/0123456789") for answer in passed}) >= 10
    wrong = {
        f"{answer.request.method} {answer.url}": wrong_in(spec, answer) + unknown_in(told["paths"], answer)
        for answer in passed
    }
    assert {where: found for where, found in wrong.items() if found} == {}


# snac, which takes HTML, numbers anew what is edited, and lists the newest first


@pytest.mark.slow
def test_on_snac_nothing_between_the_cursor_and_the_newest_is_left_out(snac: SnacAccounts) -> None:
    channel = snac.ours(None, world())
    first = snac.customer_writes(fresh())
    _, cursor = until_they_came(channel, None, {first.external_id})
    last = notified(snac)
    posted = {snac.customer_writes(fresh()).external_id for _ in range(45)}
    assert until(lambda: len(notified(snac) - last) >= 45, 60)

    items, _ = all_of(channel, cursor)

    assert posted <= {one.external_id for one in heard(items)}


@pytest.mark.slow
def test_on_snac_marks_stay_what_they_are(snac: SnacAccounts) -> None:
    target = snac.customer_writes(fresh())
    channel = snac.ours(None, world())
    until_they_came(channel, None, {target.external_id})
    text = (
        "*tebal* _miring_ __garis__ ~~coret~~ `kode` [teks](https://toko.example/?a=1&b=2) :-) <3 <b>x</b>\n"
        "# judul\n> kutipan\n---\ncs@toko.example, #paket_saya https://toko.example/a_b?c=1&d=2"
    )
    out = outgoing(channel, target, text)

    sent = channel.reply(out)

    assert until(lambda: text in snac.standing(target), 30), snac.standing(target)
    assert channel.find_own(out) == sent
    assert [tag["name"] for tag in snac.call("toko", "GET", f"statuses/{sent.platform_id}")["tags"]] != []


@pytest.mark.slow
def test_on_snac_a_mention_that_was_passed_on_still_comes(snac: SnacAccounts) -> None:
    channel = snac.ours(None, world())
    target = snac.customer_writes(fresh())
    until_they_came(channel, None, {target.external_id})
    snac.call("toko", "POST", f"statuses/{target.external_id}/reblog")

    items, _ = all_of(snac.ours(None, world()))

    assert target.external_id in {one.external_id for one in heard(items)}
