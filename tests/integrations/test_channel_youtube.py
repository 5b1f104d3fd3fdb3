"""YouTube against a small stand-in, each request and answer held against Google's own documents."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google_server import OURS, Google, Refusal, google, no_prism, through_prism
from pydantic import ValidationError

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import Channel, LockedOut, Never, Outgoing, Sent, Target, TryAgain, Unknown
from integrations.channels.conformance import Conformance, Counterpart, Status
from integrations.channels.conformance.wire import wire_to
from integrations.channels.world import World
from integrations.channels.youtube import YouTubeChannel
from integrations.channels.youtube_reading import YouTubeSettings
from integrations.http import Patience
from integrations.record import Incoming, LeftOut, Unreadable

NOON = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""11:00 in California."""
PATHS = tuple(f"/youtube/v3/{name}" for name in ("commentThreads", "comments", "channels", "search", "videos"))
PATIENCE = Patience(connect=5, read=10, tries=2, back_off=0.01, wait_at_most=0.1, sleep=lambda seconds: None)


@dataclass
class Ledger:
    """Counts what is asked for."""

    used: list[tuple[str, int]] = field(default_factory=list)

    def take(self, what: str, amount: int = 1) -> None:
        self.used.append((what, amount))

    def spend(self, what: str, count: int = 1) -> None:
        raise AssertionError("YouTube takes no money")

    def units(self) -> int:
        return sum(amount for what, amount in self.used if what == "units")


class Scarce(Ledger):
    """Has nothing left for reading."""

    def take(self, what: str, amount: int = 1) -> None:
        if what == "reading":
            raise TryAgain("used up", 60)
        super().take(what, amount)


@pytest.fixture(scope="module")
def running() -> Iterator[Google]:
    with google() as server:
        yield server


@pytest.fixture
def server(running: Google) -> Iterator[Google]:
    running.reset()
    yield running
    assert running.mistakes == []


@pytest.fixture(scope="module")
def checked(running: Google, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address, behind prism where it can be."""
    if no_prism():
        yield running.url
        return
    with through_prism(running.url, "youtube.v3", PATHS, tmp_path_factory.mktemp("prism")) as url:
        yield url


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


def channel(server: Google, clock: SetClock, ledger: Ledger | None = None, **changes: Any) -> YouTubeChannel:
    world = World(
        clock=clock, home=Path("/nowhere"), meter=ledger or Ledger(), patience=PATIENCE, is_ours="tokobackup".__eq__
    )
    settings = YouTubeSettings.model_validate(server.youtube_settings(server.url, **changes))
    return YouTubeChannel("youtube", "default", settings, world)


def answer(text: str = "Kami periksa, Kak.", **target: Any) -> Outgoing:
    return Outgoing(
        key="TG-1:reply:1",
        text=text,
        visibility=Visibility.PUBLIC,
        kind=DeliveryKind.REPLY,
        channel="youtube",
        account="default",
        reference="TG-1",
        target=Target(**target),
    )


def fetched(one: YouTubeChannel, cursor: str | None = None) -> tuple[list[Any], str | None]:
    items: list[Any] = []
    for page in one.fetch(cursor):
        assert len(page.items) <= 200
        items += page.items
        cursor = page.cursor
    return items, cursor


def came(items: list[Any]) -> list[str]:
    return [item.external_id for item in items if isinstance(item, Incoming)]


def paths(server: Google) -> list[str]:
    return [got.path.removeprefix("/youtube/v3/") for got in server.got]


class YouTubeCounterpart(Counterpart):
    """The stand-in behind prism."""

    answers_privately = False
    edits = True
    removes = True

    def __init__(self, server: Google, url: str) -> None:
        self._server, self.url = server, url

    def channel(self, url: str, world: World) -> Channel:
        settings = YouTubeSettings.model_validate(self._server.youtube_settings(url))
        return YouTubeChannel("youtube", "default", settings, world)

    def locked_out(self, url: str, world: World) -> Channel | None:
        given = self._server.youtube_settings(url, refresh_token="1//basi")
        return YouTubeChannel("youtube", "default", YouTubeSettings.model_validate(given), world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        below = in_reply_to.partition(".")[0] if in_reply_to else None
        number = self._server.youtube.writes(text, below=below)
        url = f"https://www.youtube.com/watch?v=vidToko0001&lc={number}"
        return Target(external_id=number, author_id="UCbudi000000000000000000", thread=below or number, url=url)

    def customer_edits(self, target: Target, text: str) -> None:
        self._server.youtube.edits(str(target.external_id), text)

    def customer_removes(self, target: Target) -> None:
        self._server.youtube.removes(str(target.external_id))

    def we_write(self, text: str) -> bool:
        self._server.youtube.writes(text, by=OURS, name="@toko")
        return True

    def gone(self) -> Target | None:
        return Target(external_id="UgzhilangAaABAg", thread="UgzhilangAaABAg")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        return self._server.youtube.below(str(target.thread).partition(".")[0])


@pytest.mark.slow
class TestYouTube(Conformance):
    @pytest.fixture
    def other(self, server: Google, checked: str) -> Counterpart:
        return YouTubeCounterpart(server, checked)


def test_every_kind_of_request_passes_prism_over_googles_own_document(server: Google, checked: str, clock: SetClock):
    why = no_prism()
    if why:
        pytest.skip(why)
    number = server.youtube.writes("Paket saya mana?")
    video = server.youtube.publishes("Kecewa")
    one = channel(server, clock, api=checked, search=["toko belanja"])

    assert one.check().ok
    assert came(fetched(one)[0]) == [number, f"video:{video}"]
    sent = one.reply(answer(external_id=number))
    assert one.find_own(answer(external_id=number)) == sent
    assert [seen.external_id for seen in one.look_at([number])] == [number]
    assert set(paths(server)) == {"channels", "commentThreads", "comments", "search", "videos"}


# What comes in


def test_a_comment_has_its_author_its_place_and_its_words(server: Google, clock: SetClock):
    number = server.youtube.writes("Rusak &amp; telat &lt;3 hari&gt;", name="@budi")

    (item,), _ = fetched(channel(server, clock))

    assert (item.text, item.addressed, item.visibility) == ("Rusak & telat <3 hari>", True, Visibility.PUBLIC)
    assert (item.author.id, item.author.handle, item.author.name) == ("UCbudi000000000000000000", "budi", "@budi")
    assert item.url == f"https://www.youtube.com/watch?v=vidToko0001&lc={number}"
    assert (item.metrics.likes, item.metrics.replies, item.in_reply_to) == (0, 0, None)
    assert json.loads(item.raw)["id"] == number


def test_words_as_they_were_typed_are_not_decoded(server: Google, clock: SetClock):
    server.youtube.writes("x", name="@budi")
    server.spoils = lambda got, said: json.loads(json.dumps(said).replace('"textDisplay"', '"textOriginal"'))
    server.youtube.writes("tertulis &amp; di layar")

    items, _ = fetched(channel(server, clock))

    assert items[1].text == "tertulis &amp; di layar"


def test_many_pages_come_oldest_first_and_nothing_older_than_a_week(server: Google, clock: SetClock):
    now = datetime.now(UTC)
    server.youtube.writes("tahun lalu", at=now - timedelta(days=300))
    every = [server.youtube.writes(f"{n}", at=now - timedelta(hours=99 - n)) for n in range(55)]

    items, cursor = fetched(channel(server, clock))

    assert came(items) == every
    assert paths(server).count("commentThreads") == 3
    server.got.clear()
    assert came(fetched(channel(server, clock), cursor)[0]) == []
    assert paths(server) == ["commentThreads"]


def test_replies_beyond_those_that_come_along_are_asked_for(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?")
    replies = [server.youtube.writes(f"saya juga {n}", below=top, by=f"UCx{n:021d}") for n in range(30)]

    items, _ = fetched(channel(server, clock))

    assert sorted(came(items)) == sorted([top, *replies])
    assert {item.in_reply_to for item in items if item.external_id != top} == {top}


def test_a_thread_is_not_listed_again_until_it_grows(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?")
    for n in range(9):
        server.youtube.writes(f"saya juga {n}", below=top)
    one = channel(server, clock)
    _, cursor = fetched(one)
    server.got.clear()

    _, cursor = fetched(one, cursor)
    assert paths(server) == ["commentThreads"]
    late = server.youtube.writes("masih belum", below=top, at=datetime.now(UTC) + timedelta(seconds=2))

    assert came(fetched(one, cursor)[0]) == [late]


def test_a_new_reply_in_an_old_thread_comes_with_the_longer_look(server: Google, clock: SetClock):
    now = datetime.now(UTC)
    old = server.youtube.writes("Paket saya mana?", at=now - timedelta(days=5))
    for n in range(45):
        server.youtube.writes(f"{n}", at=now - timedelta(hours=50 - n))
    one = channel(server, clock)
    _, cursor = fetched(one)
    late = server.youtube.writes("masih belum datang", below=old, at=now + timedelta(seconds=2))
    edited = next(iter(server.youtube.comments))
    server.youtube.edits(edited, "Paket saya mana? Sudah seminggu!", at=now + timedelta(seconds=3))

    assert came(fetched(one, cursor)[0]) == []
    clock.set(clock.now() + timedelta(minutes=31))
    items, _ = fetched(one, cursor)

    assert came(items)[-2:] == [late, edited]
    assert items[-1].text == "Paket saya mana? Sudah seminggu!"


def test_a_comment_that_youtube_held_back_comes_once_it_is_shown(server: Google, clock: SetClock):
    now = datetime.now(UTC)
    server.youtube.writes("satu", at=now)
    one = channel(server, clock)
    _, cursor = fetched(one)
    held = server.youtube.writes("dua", at=now - timedelta(hours=3))
    clock.set(clock.now() + timedelta(minutes=31))

    assert held in came(fetched(one, cursor)[0])


@pytest.mark.parametrize("whole", [True, False])
def test_a_look_that_breaks_off_goes_on_where_it_was_stored(server: Google, clock: SetClock, whole: bool):
    now = datetime.now(UTC)
    one = channel(server, clock)
    cursor = None if whole else fetched(one)[1]
    every = [server.youtube.writes(f"{n}", at=now - timedelta(seconds=900 - n // 3)) for n in range(450)]
    server.youtube.page = 50
    pages = one.fetch(cursor)
    first = next(pages)
    pages.close()

    rest, _ = fetched(one, first.cursor)

    assert set(came(list(first.items))) | set(came(rest)) == set(every)
    assert whole or not set(came(list(first.items))) & set(came(rest))


@pytest.mark.parametrize("whole", [True, False])
def test_a_flood_that_does_not_fit_into_memory_comes_in_rounds(
    server: Google, clock: SetClock, monkeypatch: pytest.MonkeyPatch, whole: bool
):
    monkeypatch.setattr("integrations.channels.newest_first.MOST", 40)
    now = datetime.now(UTC)
    before = None if whole else fetched(channel(server, clock))[1]
    every = [server.youtube.writes(f"{n}", at=now - timedelta(seconds=900 - n)) for n in range(150)]
    # The newest of all stands below the oldest: it must not make the desk believe that it has all between.
    late = server.youtube.writes("masih belum", below=every[0], at=now + timedelta(seconds=1))

    items, cursor = fetched(channel(server, clock), before)

    assert [name for name in dict.fromkeys(came(items)) if name != late] == every
    assert late in came(items)
    assert came(fetched(channel(server, clock), cursor)[0]) == []


def test_a_reply_to_our_answer_names_it_and_a_strangers_names_the_thread(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?", at=datetime.now(UTC) - timedelta(minutes=5))
    one = channel(server, clock)
    sent = one.reply(answer(external_id=top))
    theirs = server.youtube.writes("terima kasih", below=top)
    stranger = server.youtube.writes("punya saya juga", below=top, by="UCdewi000000000000000000", name="@dewi")

    items, _ = fetched(one)

    answers = {item.external_id: item.in_reply_to for item in items if isinstance(item, Incoming)}
    assert answers == {top: None, theirs: sent.platform_id, stranger: top}


def test_our_own_comments_are_left_out(server: Google, clock: SetClock):
    server.youtube.writes("Promo!", by=OURS, name="@toko")
    server.youtube.writes("Promo lagi!", by="UClain000000000000000000", name="@tokobackup")
    server.youtube.writes("   ")

    items, _ = fetched(channel(server, clock))

    assert [type(item) for item in items] == [LeftOut] * 3


def test_one_bad_record_is_put_aside_once_and_the_rest_comes(server: Google, clock: SetClock):
    bad = server.youtube.writes("a")
    broken = server.youtube.writes("b")
    good = server.youtube.writes("c")

    def spoil(got: Any, said: Any) -> Any:
        for thread in said["items"]:
            if thread["id"] == bad:
                thread["snippet"]["topLevelComment"]["snippet"]["publishedAt"] = "kemarin"
            if thread["id"] == broken:
                thread["snippet"] = "?"
        return {**said, "items": [*said["items"], None]}

    server.spoils = spoil
    one = channel(server, clock)

    items, cursor = fetched(one)

    aside = [item for item in items if isinstance(item, Unreadable)]
    assert came(items) == [good]
    assert len(aside) == 3
    assert any("publishedat" in item.reason.lower() for item in aside)
    assert all(item.raw and "kemarin" not in item.reason for item in aside)
    assert fetched(one, cursor)[0] == []


def test_an_answer_that_is_too_long_is_asked_for_in_smaller_pieces(server: Google, clock: SetClock):
    server.youtube.page = 100
    every = [server.youtube.writes("panjang " * 4000 + str(n)) for n in range(60)]

    items, _ = fetched(channel(server, clock))

    assert sorted(came(items)) == sorted(every)
    assert [got.params["maxResults"] for got in server.got][:2] == ["50", "12"]


# Videos about us


def test_videos_about_us_are_searched_for_now_and_then(server: Google, clock: SetClock):
    video = server.youtube.publishes("Toko Belanja & saya: kecewa", "Ceritanya panjang sekali, simak sampai akhir.")
    server.youtube.publishes("Promo kami", by=OURS)
    ledger = Ledger()
    one = channel(server, clock, ledger, search=["toko belanja"])

    items, cursor = fetched(one)

    (item,) = [item for item in items if isinstance(item, Incoming)]
    assert (item.external_id, item.addressed) == (f"video:{video}", None)
    assert item.text == "Toko Belanja & saya: kecewa\nCeritanya panjang sekali, simak sampai akhir."
    assert (item.metrics.views, item.author.id) == (12000, "UCcitra00000000000000000")
    assert [item.reason for item in items if isinstance(item, LeftOut)] == ["our own video"]
    assert ledger.used.count(("search", 1)) == 1
    assert ledger.used.count(("units", 100)) == 1
    server.got.clear()
    _, cursor = fetched(one, cursor)
    assert "search" not in paths(server)
    clock.set(clock.now() + timedelta(hours=6, minutes=1))
    fetched(one, cursor)
    assert "search" in paths(server)


def test_a_search_without_quota_is_put_off_and_comments_go_on_coming(server: Google, clock: SetClock):
    server.refuses = lambda got: Refusal(403, "quotaExceeded") if got.path.endswith("search") else None
    number = server.youtube.writes("Paket saya mana?")
    one = channel(server, clock, search=["toko belanja"])

    items, cursor = fetched(one)
    assert came(items) == [number]
    server.got.clear()
    fetched(one, cursor)

    assert "search" not in paths(server)


def test_a_video_is_answered_by_a_person(server: Google, clock: SetClock):
    one = channel(server, clock)
    target = Target(external_id="video:abc", url="https://www.youtube.com/watch?v=abc")

    assert not one.can_reply(target, Visibility.PUBLIC, clock.now()).ok
    with pytest.raises(Never) as raised:
        one.reply(answer(external_id="video:abc"))
    assert raised.value.kind == "not_allowed"
    assert server.got == []


# Answering


def test_what_is_kept_for_answers_is_not_read_away(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?")
    one = channel(server, clock, Scarce())

    with pytest.raises(TryAgain):
        fetched(one)
    sent = one.reply(answer("Kami cek, Kak.", external_id=top))

    assert (one.find_own(answer("Kami cek, Kak.", external_id=top)) or Sent("")).platform_id == sent.platform_id
    assert one.check().ok


def test_a_reply_to_a_reply_stands_in_its_thread_word_for_word(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?")
    reply = server.youtube.writes("punya saya juga", below=top)
    ledger = Ledger()
    one = channel(server, clock, ledger)

    sent = one.reply(answer("Halo Kak, <b>kami</b> cek & kabari.", external_id=reply, thread=top))

    (got,) = server.got
    assert got.body == {"snippet": {"parentId": top, "textOriginal": "Halo Kak, <b>kami</b> cek & kabari."}}
    assert sent.url == f"https://www.youtube.com/watch?v=vidToko0001&lc={sent.platform_id}"
    assert sent.at is not None
    assert ledger.used == [("units", 50)]


def test_nobody_is_written_to_privately(server: Google, clock: SetClock):
    one = channel(server, clock)

    assert not one.can_reply(Target(external_id="Ugz1"), Visibility.PRIVATE, clock.now()).ok
    with pytest.raises(Never):
        one.message_privately(answer(external_id="Ugz1"))
    assert server.got == []


def test_the_same_words_for_an_earlier_customer_of_the_thread_are_not_taken_for_this_answer(
    server: Google, clock: SetClock
):
    now = datetime.now(UTC)
    top = server.youtube.writes("Paket saya mana?", at=now - timedelta(hours=2))
    server.youtube.writes("Kami periksa, Kak.", by=OURS, below=top, at=now - timedelta(hours=1))
    server.youtube.writes("Kami periksa, Kak.", below=top, at=now)
    late = server.youtube.writes("saya juga", below=top, at=now)

    found = channel(server, clock).find_own(answer(external_id=late, thread=top, last_heard_at=now))

    assert found is None


@pytest.mark.parametrize(
    ("code", "reason", "error", "kind"),
    [
        (403, "commentsDisabled", Never, "not_allowed"),
        (400, "operationNotSupported", Never, "not_allowed"),
        (400, "parentCommentIsPrivate", Never, "not_allowed"),
        (400, "commentTextTooLong", Never, "too_long"),
        (404, "parentCommentNotFound", Never, "gone"),
        (403, "forbidden", Never, "not_allowed"),
        (400, "processingFailure", Unknown, None),
        (403, "ineligibleAccount", LockedOut, None),
        (403, "insufficientPermissions", LockedOut, None),
        (403, "accessNotConfigured", LockedOut, None),
        (403, "rateLimitExceeded", TryAgain, None),
        (500, "backendError", Unknown, None),
    ],
)
def test_what_youtube_refuses_is_told_apart(
    server: Google, clock: SetClock, code: int, reason: str, error: type[Exception], kind: str | None
):
    server.refuses = lambda got: Refusal(code, reason, "Budi's words")
    top = server.youtube.writes("Paket saya mana?")

    with pytest.raises(error) as raised:
        channel(server, clock).reply(answer(external_id=top))

    assert type(raised.value) is error
    assert getattr(raised.value, "kind", None) == kind
    assert "Budi" not in str(raised.value)
    assert server.youtube.below(top) == []


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (NOON, 13),  # 11:00 in California
        (datetime(2026, 3, 8, 9, 0, tzinfo=UTC), 22),  # 01:00, the night in which an hour is skipped
        (datetime(2026, 11, 1, 8, 0, tzinfo=UTC), 24),  # 01:00, an hour comes twice
    ],
)
def test_a_used_up_quota_waits_until_midnight_in_california(server: Google, now: datetime, hours: int):
    server.refuses = lambda got: Refusal(403, "quotaExceeded")

    with pytest.raises(TryAgain) as raised:
        channel(server, SetClock(now)).reply(answer(external_id="Ugz1"))

    assert raised.value.after == hours * 3600


# Looking


def test_a_comment_that_is_missing_once_is_asked_for_again(server: Google, clock: SetClock):
    there, gone = server.youtube.writes("satu"), server.youtube.writes("dua")
    server.youtube.removes(gone)
    flaky = iter([True, False])
    server.spoils = lambda got, said: {**said, "items": []} if next(flaky, False) else said

    seen = {one.external_id: one.there for one in channel(server, clock).look_at([there, gone])}

    assert seen == {there: True, gone: False}


def test_videos_are_looked_at_as_well(server: Google, clock: SetClock):
    video = server.youtube.publishes("Kecewa", "sekali")

    seen = {one.external_id: one for one in channel(server, clock).look_at([f"video:{video}", "video:vidHilang"])}

    assert seen[f"video:{video}"].metrics is not None
    assert seen[f"video:{video}"].metrics.views == 12000
    assert not seen["video:vidHilang"].there


def test_a_persons_later_comments_are_found_newest_first(server: Google, clock: SetClock):
    now = datetime.now(UTC)
    server.youtube.writes("kecewa", at=now - timedelta(days=3))
    first = server.youtube.writes("sudah beres", at=now - timedelta(hours=2))
    second = server.youtube.writes("terima kasih", below=first, at=now - timedelta(hours=1))
    server.youtube.writes("lain", by="UCdewi000000000000000000")

    found = channel(server, clock).posts_of(Target(author_id="UCbudi000000000000000000"), now - timedelta(days=1))

    assert [item.external_id for item in found] == [second, first]


# Credentials


def test_a_token_is_asked_for_once_and_used_again(server: Google, clock: SetClock):
    one = channel(server, clock)
    fetched(one)
    fetched(one)

    assert len(server.tokens) == 1


def test_a_token_that_is_no_longer_taken_is_renewed_at_once(server: Google, clock: SetClock):
    one = channel(server, clock)
    _, cursor = fetched(one)
    server.tokens.clear()
    number = server.youtube.writes("Paket saya mana?", at=datetime.now(UTC) + timedelta(seconds=2))

    assert came(fetched(one, cursor)[0]) == [number]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refresh_token": "1//basi"}, "invalid_grant"),
        ({"client_secret": "salah"}, "client secret"),
        ({"channel_id": "UClain000000000000000000"}, OURS),
    ],
)
def test_check_says_what_is_wrong_with_the_credentials(server: Google, clock: SetClock, changes: Any, said: str):
    found = channel(server, clock, **changes).check()

    assert not found.ok
    assert said in found.said
    assert found.mend
    assert all(secret not in f"{found}" for secret in ("1//basi", "salah", "rahasia-klien"))


def test_check_names_a_missing_scope(server: Google, clock: SetClock):
    server.refresh_tokens["1//segar"] = "https://www.googleapis.com/auth/youtube.readonly"

    found = channel(server, clock).check()

    assert not found.ok
    assert "youtube.force-ssl" in found.said


def test_check_says_who_we_are_and_when_the_token_ends(server: Google, clock: SetClock):
    server.token_extra = {"refresh_token_expires_in": 604800}

    found = channel(server, clock).check()

    assert (found.ok, "Toko" in found.said) == (True, True)
    assert found.expires == clock.now() + timedelta(days=7)


@pytest.mark.parametrize("code", [500, 503, 429])
def test_a_token_endpoint_that_fails_is_asked_again_later(server: Google, clock: SetClock, code: int):
    with wire_to(server.url) as wire:
        wire.breaks(Status(code), times=9)
        one = channel(server, clock, token_url=f"{wire.url}/token")

        with pytest.raises(TryAgain) as raised:
            one.reply(answer(external_id="Ugz1"))

        assert type(raised.value) is TryAgain
        assert wire.count() == 1


def test_our_secrets_do_not_travel_in_the_clear(server: Google):
    with pytest.raises(ValidationError, match="https"):
        YouTubeSettings.model_validate(server.youtube_settings("http://youtube.example"))


# The stand-in itself


def test_the_check_against_googles_document_sees_what_prism_lets_through(server: Google, clock: SetClock):
    if server.discovery is None:
        pytest.skip("Google's specifications do not lie beside this checkout")
    one = channel(server, clock)
    top = server.youtube.writes("Paket saya mana?")
    url = f"{server.url}/youtube/v3/comments"
    one.ask("POST", url, params={"part": "snippet"}, json={"snippet": {"parentId": top, "textOriginal": "a", "to": 1}})
    one.ask("GET", url, params={"parentId": top, "maxResults": 500, "sort": "new"})

    found = " ".join(server.mistakes)
    server.mistakes.clear()

    for said in ("unknown field body.snippet.to", "500 is out of bounds", "unknown parameter sort", "part is missing"):
        assert said in found


def test_a_target_is_aimed_at_its_thread_whatever_the_desk_names(server: Google, clock: SetClock):
    top = server.youtube.writes("Paket saya mana?")
    reply = server.youtube.writes("saya juga", below=top)
    one = channel(server, clock)

    for target in ({"external_id": reply}, {"external_id": top}, {"external_id": reply, "thread": f"{top}.9x"}):
        one.reply(replace(answer(), target=Target(**target)))

    assert {got.body["snippet"]["parentId"] for got in server.got} == {top}
