"""Google Play against a small stand-in, each request and answer held against Google's own documents."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google_server import APP, Google, Refusal, google, no_prism, through_prism

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import Channel, LockedOut, Never, Outgoing, Target, TryAgain, Unknown
from integrations.channels.conformance import Conformance, Counterpart, Cut, Garbage
from integrations.channels.conformance.wire import wire_to
from integrations.channels.google_play import GooglePlayChannel, GooglePlaySettings
from integrations.channels.world import World
from integrations.http import Patience
from integrations.record import Incoming, LeftOut, Unreadable
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from policy.loading import Policy

REVIEWS = "/androidpublisher/v3/applications/{packageName}/reviews"
PATHS = (REVIEWS, f"{REVIEWS}/{{reviewId}}", f"{REVIEWS}/{{reviewId}}:reply")
PATIENCE = Patience(connect=5, read=10, tries=2, back_off=0.01, wait_at_most=0.1, sleep=lambda seconds: None)


@dataclass
class Ledger:
    """Counts what is asked for."""

    used: list[tuple[str, int]] = field(default_factory=list)

    def take(self, what: str, amount: int = 1) -> None:
        self.used.append((what, amount))

    def spend(self, what: str, count: int = 1) -> None:
        raise AssertionError("Google Play takes no money")


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
    with through_prism(running.url, "androidpublisher.v3", PATHS, tmp_path_factory.mktemp("prism")) as url:
        yield url


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
def one(server: Google, clock: SetClock, tmp_path: Path) -> GooglePlayChannel:
    return channel(server, World(clock=clock, home=tmp_path / "play", patience=PATIENCE))


def channel(server: Google, world: World, **changes: Any) -> GooglePlayChannel:
    given = {"package_name": APP, "key": server.service_key(), "api": server.url} | changes
    return GooglePlayChannel("google_play", "default", GooglePlaySettings.model_validate(given), world)


def answer(text: str = "Kami perbaiki, Kak.", **target: Any) -> Outgoing:
    return Outgoing(
        key="TG-1:reply:1",
        text=text,
        visibility=Visibility.PUBLIC,
        kind=DeliveryKind.REPLY,
        channel="google_play",
        account="default",
        reference="TG-1",
        target=Target(**target),
    )


def fetched(one: GooglePlayChannel, cursor: str | None = None) -> tuple[list[Any], str | None]:
    items: list[Any] = []
    for page in one.fetch(cursor):
        assert len(page.items) <= 200
        items += page.items
        cursor = page.cursor
    return items, cursor


def came(items: list[Any]) -> list[str]:
    return [item.external_id for item in items if isinstance(item, Incoming)]


def posts(server: Google) -> int:
    return sum(got.method == "POST" for got in server.got)


class PlayCounterpart(Counterpart):
    """The stand-in behind prism. One home, as one account has."""

    answers_privately = False
    edits = True

    def __init__(self, server: Google, url: str, home: Path) -> None:
        self._server, self.url, self._home = server, url, home

    def channel(self, url: str, world: World) -> Channel:
        return channel(self._server, replace(world, home=self._home), api=url)

    def locked_out(self, url: str, world: World) -> Channel | None:
        stolen = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return channel(self._server, world, api=url, key=self._server.service_key(stolen))

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if in_reply_to is not None:
            raise NotImplementedError("a customer answers by changing the review")
        number = self._server.play.writes(text)
        return Target(external_id=number, author_id=number, thread=number)

    def customer_edits(self, target: Target, text: str) -> None:
        self._server.play.edits(str(target.external_id), text)

    def gone(self) -> Target | None:
        return Target(external_id="gp:hilang")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        return self._server.play.below(str(target.external_id))


@pytest.mark.slow
class TestGooglePlay(Conformance):
    @pytest.fixture
    def other(self, server: Google, checked: str, tmp_path: Path) -> Counterpart:
        return PlayCounterpart(server, checked, tmp_path / "play")


def test_every_kind_of_request_passes_prism_over_googles_own_document(
    server: Google, checked: str, clock: SetClock, tmp_path: Path
):
    why = no_prism()
    if why:
        pytest.skip(why)
    number = server.play.writes("Aplikasi error terus")
    one = channel(server, World(clock=clock, home=tmp_path), api=checked)

    assert one.check().ok
    assert came(fetched(one)[0]) == [number]
    sent = one.reply(answer(external_id=number))
    assert one.find_own(answer(external_id=number)) == sent
    assert [seen.external_id for seen in one.look_at([number])] == [number]
    assert [got.method for got in server.got] == ["GET", "GET", "GET", "POST", "GET", "GET"]


# What comes in


def test_a_review_has_its_stars_beside_its_words(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error &amp; lambat", stars=2)

    (item,), _ = fetched(one)

    assert (item.text, item.subject) == ("Aplikasi error &amp; lambat", "★★☆☆☆")
    assert (item.author.id, item.author.name, item.author.handle) == (number, "Bagus", None)
    assert item.url == f"https://play.google.com/store/apps/details?id={APP}&reviewId=gp%3A{number[3:]}"
    assert (item.addressed, item.visibility, item.metrics.likes, item.lang) == (True, Visibility.PUBLIC, 3, None)
    assert json.loads(item.raw)["comments"][0]["userComment"]["device"] == "a52q"


def test_the_title_of_an_old_review_is_no_part_of_its_words(server: Google, one: GooglePlayChannel):
    server.play.writes("Kecewa\tTidak bisa login", stars=1)
    server.play.writes("\tTidak bisa bayar", stars=3)

    items, _ = fetched(one)

    assert [(item.subject, item.text) for item in items] == [
        ("★☆☆☆☆ Kecewa", "Tidak bisa login"),
        ("★★★☆☆", "Tidak bisa bayar"),
    ]


def test_a_translated_review_comes_as_it_was_written(server: Google, one: GooglePlayChannel):
    number = server.play.writes("The app crashes")
    server.play.reviews[number]["user"]["originalText"] = "Aplikasinya mogok"

    assert [item.text for item in fetched(one)[0]] == ["Aplikasinya mogok"]


def test_stars_in_a_subject_move_no_assessment(policy: Policy, server: Google, one: GooglePlayChannel):
    server.play.writes("Aplikasi error terus sejak update, tidak bisa login sama sekali.", stars=1)
    server.play.writes("Bagus sekali, sangat membantu", stars=5)
    rules = RuleAssessor(policy.lexicon, policy.company, any_brand=True)

    for item in fetched(one)[0]:
        plain, starred = rules.assess(
            [
                Text(text=item.text, channel="google_play", addressed=True, subject=subject)
                for subject in (None, item.subject)
            ]
        )
        assert replace(starred, evidence=plain.evidence, confidence=plain.confidence) == plain


def test_pages_come_oldest_first_with_an_edit_under_the_same_name(
    server: Google, one: GooglePlayChannel, clock: SetClock
):
    now = datetime.now(UTC)
    server.play.page = 30
    server.play.writes("bulan lalu", at=now - timedelta(days=30))
    every = [server.play.writes(f"{n}", at=now - timedelta(hours=100 - n)) for n in range(100)]

    items, cursor = fetched(one)
    assert came(items) == every
    server.got.clear()
    assert fetched(one, cursor)[0] == []
    assert len(server.got) == 1

    server.play.edits(every[0], "Sudah beres, terima kasih", stars=5)
    (edited,), _ = fetched(one, cursor)
    assert (edited.external_id, edited.text) == (every[0], "Sudah beres, terima kasih")


def test_a_review_that_google_shows_late_comes_with_the_look_at_the_whole_week(
    server: Google, one: GooglePlayChannel, clock: SetClock
):
    now = datetime.now(UTC)
    server.play.writes("satu", at=now)
    _, cursor = fetched(one)
    late = server.play.writes("ditahan sehari", at=now - timedelta(days=1))

    assert fetched(one, cursor)[0] == []
    clock.set(clock.now() + timedelta(hours=6, minutes=1))

    assert late in came(fetched(one, cursor)[0])


def test_stars_without_words_and_bad_records_are_put_aside(server: Google, one: GooglePlayChannel):
    server.play.writes("  ", stars=1)
    good = server.play.writes("Aplikasi error")

    def spoil(got: Any, said: Any) -> Any:
        bad = [
            {"reviewId": "gp:1", "comments": [{"userComment": {"text": "x", "lastModified": {"seconds": "besok"}}}]},
            {"reviewId": "gp:2", "comments": []},
            {"reviewId": 7},
            "?",
        ]
        return {**said, "reviews": [*said["reviews"], *bad]}

    server.spoils = spoil

    items, cursor = fetched(one)

    assert came(items) == [good]
    assert [item.reason for item in items if isinstance(item, LeftOut)] == [
        "a review without a word of its author",
        "stars without words",
    ]
    aside = [item for item in items if isinstance(item, Unreadable)]
    assert len(aside) == 3
    assert all(item.raw and "besok" not in item.reason for item in aside)
    assert fetched(one, cursor)[0] == []


def test_an_app_without_reviews_is_quiet(server: Google, one: GooglePlayChannel):
    assert fetched(one)[0] == []


# Answering


def test_a_reply_of_a_colleague_is_never_replaced(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")
    server.play.answers(number, "Halo, ini Rina dari tim aplikasi.")

    with pytest.raises(Never) as raised:
        one.reply(answer(external_id=number))

    assert raised.value.kind == "not_allowed"
    assert "Play Console" in str(raised.value)
    assert "Rina" not in str(raised.value)
    assert server.play.below(number) == ["Halo, ini Rina dari tim aplikasi."]


def test_our_acknowledgement_is_replaced_by_our_answer(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")
    one.reply(answer("Kami terima, Kak.", external_id=number))

    one.reply(answer("Sudah beres di versi 4.2.", external_id=number))

    assert server.play.below(number) == ["Sudah beres di versi 4.2."]


def test_our_reply_that_a_colleague_changed_is_not_ours_any_more(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")
    one.reply(answer("Kami terima, Kak.", external_id=number))
    server.play.answers(number, "Kami terima, Kak. Salam, Rina")

    with pytest.raises(Never):
        one.reply(answer("Sudah beres.", external_id=number))


def test_a_text_of_ours_below_another_review_is_no_leave_to_replace_it_here(server: Google, one: GooglePlayChannel):
    first, second = server.play.writes("satu"), server.play.writes("dua")
    one.reply(answer("Kami terima, Kak.", external_id=first))
    server.play.answers(second, "Kami terima, Kak.")

    with pytest.raises(Never):
        one.reply(answer("Sudah beres.", external_id=second))


def test_what_stands_there_already_is_not_sent_again(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")
    first = one.reply(answer(external_id=number))
    again = one.reply(answer(external_id=number))

    assert first == again
    assert posts(server) == 1


@pytest.mark.parametrize("fault", [Cut(taken=True), Garbage()])
def test_after_a_doubtful_try_our_text_is_known_as_ours(
    server: Google, clock: SetClock, tmp_path: Path, fault: Cut | Garbage
):
    number = server.play.writes("Aplikasi error")
    with wire_to(server.url) as wire:
        one = channel(server, World(clock=clock, home=tmp_path, patience=PATIENCE), api=wire.url)
        wire.breaks(fault, method="POST")
        with pytest.raises(Unknown):
            one.reply(answer("Kami terima, Kak.", external_id=number))

        assert one.find_own(answer("Kami terima, Kak.", external_id=number)) is not None
        one.reply(answer("Sudah beres.", external_id=number))

    assert server.play.below(number) == ["Sudah beres."]


def test_nothing_is_sent_where_it_could_not_be_remembered(server: Google, clock: SetClock, tmp_path: Path):
    number = server.play.writes("Aplikasi error")
    (tmp_path / "play").write_text("in the way")
    one = channel(server, World(clock=clock, home=tmp_path / "play", patience=PATIENCE))

    with pytest.raises(TryAgain):
        one.reply(answer(external_id=number))

    assert posts(server) == 0


def test_no_words_of_ours_lie_in_the_folder(server: Google, one: GooglePlayChannel, tmp_path: Path):
    number = server.play.writes("Aplikasi error")
    one.reply(answer("Kami terima, Kak.", external_id=number))

    kept = "".join(f"{file.name}{file.read_text()}" for file in tmp_path.rglob("*") if file.is_file())
    assert kept
    assert "terima" not in kept
    assert number not in kept


@pytest.mark.parametrize(
    ("text", "kind"), [("a" * 351, "too_long"), ("Halo <b>Kak</b>", "other"), ('<a href="x">di sini</a>', "other")]
)
def test_what_would_not_stand_there_word_for_word_does_not_leave(
    server: Google, one: GooglePlayChannel, text: str, kind: str
):
    with pytest.raises(Never) as raised:
        one.reply(answer(text, external_id="gp:1"))

    assert raised.value.kind == kind
    assert server.got == []


def test_the_longest_reply_passes(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")

    one.reply(answer("😀" * 349 + "<", external_id=number))

    assert server.play.below(number) == ["😀" * 349 + "<"]


def test_nobody_is_written_to_privately(server: Google, one: GooglePlayChannel, clock: SetClock):
    assert not one.can_reply(Target(external_id="gp:1"), Visibility.PRIVATE, clock.now()).ok
    assert one.can_reply(Target(external_id="gp:1"), Visibility.PUBLIC, clock.now()).ok
    with pytest.raises(Never):
        one.message_privately(answer(external_id="gp:1"))


def test_reading_and_replying_are_counted_apart(server: Google, clock: SetClock, tmp_path: Path):
    number = server.play.writes("Aplikasi error")
    ledger = Ledger()
    one = channel(server, World(clock=clock, home=tmp_path, meter=ledger, patience=PATIENCE))

    fetched(one)
    one.reply(answer(external_id=number))

    assert ledger.used == [("read", 1), ("read", 1), ("reply", 1)]


@pytest.mark.parametrize(
    ("code", "reason", "status", "error"),
    [
        (403, "permissionDenied", "PERMISSION_DENIED", LockedOut),
        (403, "accessNotConfigured", "PERMISSION_DENIED", LockedOut),
        (429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", TryAgain),
        (403, "quotaExceeded", "RESOURCE_EXHAUSTED", TryAgain),
        (400, "badRequest", "INVALID_ARGUMENT", Never),
        (500, "backendError", "INTERNAL", Unknown),
    ],
)
def test_what_google_refuses_is_told_apart(
    server: Google, one: GooglePlayChannel, code: int, reason: str, status: str, error: type[Exception]
):
    number = server.play.writes("Aplikasi error")
    server.refuses = lambda got: Refusal(code, reason, "Bagus's words", status) if got.method == "POST" else None

    with pytest.raises(error) as raised:
        one.reply(answer(external_id=number))

    assert type(raised.value) is error
    assert "Bagus" not in str(raised.value)


def test_questions_wait_an_hour_for_their_quota(server: Google, one: GooglePlayChannel):
    server.refuses = lambda got: Refusal(429, "quotaExceeded")

    with pytest.raises(TryAgain) as raised:
        fetched(one)

    assert raised.value.after == 3600


# Looking


def test_many_reviews_are_looked_at_in_one_list(server: Google, one: GooglePlayChannel):
    every = [server.play.writes(f"{n}") for n in range(20)]

    seen = {look.external_id: look.text for look in one.look_at([*every, "gp:hilang"])}

    assert seen == {number: f"{n}" for n, number in enumerate(every)}
    assert len(server.got) == 1


def test_a_review_that_is_not_shown_is_not_called_taken_down(server: Google, one: GooglePlayChannel):
    number = server.play.writes("Aplikasi error")

    assert [look.external_id for look in one.look_at([number, "gp:hilang"])] == [number]


# Credentials


def test_the_assertion_is_signed_for_this_api_alone(server: Google, one: GooglePlayChannel):
    assert one.check().ok

    (claims,) = server.assertions
    assert claims["scope"] == "https://www.googleapis.com/auth/androidpublisher"


def test_check_names_the_account_and_the_app(one: GooglePlayChannel):
    found = one.check()

    assert "ulasan@toko.iam.gserviceaccount.com" in found.said
    assert APP in found.said


def test_a_key_in_base64_is_taken_as_well(server: Google, clock: SetClock, tmp_path: Path):
    key = base64.b64encode(server.service_key().encode()).decode()

    assert channel(server, World(clock=clock, home=tmp_path), key=key).check().ok


def test_a_missing_right_is_said_with_where_to_give_it(server: Google, one: GooglePlayChannel):
    server.play.allowed = False

    found = one.check()

    assert not found.ok
    assert "Reply to reviews" in found.said
    with pytest.raises(LockedOut):
        fetched(one)


@pytest.mark.parametrize("key", ["set", "{}", '{"type": "service_account"}', '{"token_uri": "http://jahat.example"}'])
def test_a_key_that_is_none_is_said_without_its_words(server: Google, clock: SetClock, tmp_path: Path, key: str):
    found = channel(server, World(clock=clock, home=tmp_path), key=key).check()

    assert not found.ok
    assert "JSON key" in found.said
    assert "jahat" not in found.said
    assert server.got == []


def test_an_unknown_app_is_said_so(server: Google, clock: SetClock, tmp_path: Path):
    found = channel(server, World(clock=clock, home=tmp_path, patience=PATIENCE), package_name="id.toko.lain").check()

    assert not found.ok
    assert "id.toko.lain" in found.said
