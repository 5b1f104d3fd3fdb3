"""The tests that every adapter passes. Inherit them, with a fixture `other` that gives a `Counterpart`."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from unittest import SkipTest
from uuid import uuid4

from pydantic import SecretStr

from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    Asked,
    Certainty,
    Channel,
    ChannelError,
    LockedOut,
    Never,
    Outgoing,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance.counterpart import Counterpart
from integrations.channels.conformance.wire import (
    Cut,
    Fault,
    Garbage,
    Huge,
    Redirect,
    Silent,
    Status,
    Truncated,
    Wire,
    wire_to,
)
from integrations.channels.world import World
from integrations.http import Patience
from integrations.record import Incoming, LeftOut, Removed, Unreadable

AN_HOUR = timedelta(hours=1)
WORDS = "Halo, paket saya belum sampai sejak Senin 😡 — tolong dicek ya & <segera>! العربية"
_numbers = itertools.count(1)

BEFORE_IT_WAS_TAKEN: dict[str, Fault] = {
    "401": Status(401),
    "403": Status(403),
    "404": Status(404),
    "409": Status(409),
    "429 with Retry-After": Status(429, (("Retry-After", "7"),)),
    "429 without": Status(429),
    "500": Status(500),
    "503": Status(503),
    "silence": Silent(taken=False),
    "a cut line": Cut(taken=False),
}
AFTER_IT_WAS_TAKEN: dict[str, Fault] = {
    "silence": Silent(taken=True),
    "a cut line": Cut(taken=True),
    "half an answer": Truncated(),
    "another answer": Garbage(),
    "a list of nothing": Garbage(b"[]"),
    "nothing": Garbage(b"null"),
    "JSON of another shape": Garbage(b'{"id": {}, "data": "no", "items": [null, 7, []], "result": true}'),
}
WHILE_IT_IS_READ: dict[str, Fault] = {
    **BEFORE_IT_WAS_TAKEN,
    **{f"{name} (taken)": fault for name, fault in AFTER_IT_WAS_TAKEN.items()},
    "a list of what is nothing": Garbage(b'[null, 7, "x", [], {}]'),
    "JSON without end": Garbage(b"[" * 100_000),
    "an answer without end": Huge(),
}


class TickingClock:
    """The real time, off by so much."""

    def __init__(self, off: timedelta = timedelta(0)) -> None:
        self.off = off

    def now(self) -> datetime:
        """The time that this machine believes in."""
        return datetime.now(UTC) + self.off


def world(off: timedelta = timedelta(0), read: float = 20.0) -> World:
    """A world for an adapter in a test; `read`: seconds of silence until it gives up."""
    patience = Patience(connect=5, read=read, tries=2, back_off=0.05, wait_at_most=0.2)
    return World(clock=TickingClock(off), home=Path(gettempdir()) / f"channel-{uuid4()}", patience=patience)


def outgoing(channel: Channel, target: Target, text: str, *, private: bool = False) -> Outgoing:
    """A text on its way out, with a key of its own."""
    number = next(_numbers)
    return Outgoing(
        key=f"TG-{1000 + number}:reply:{number}-{time.time_ns()}",
        text=text,
        visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
        kind=DeliveryKind.REPLY,
        channel=channel.name,
        account=channel.account,
        reference=f"TG-{1000 + number}",
        target=target,
        subject=None,
    )


def send(channel: Channel, out: Outgoing) -> Sent:
    """Where it belongs."""
    return channel.reply(out) if out.visibility is Visibility.PUBLIC else channel.message_privately(out)


def fresh(text: str = "paket saya belum sampai") -> str:
    """Words that nobody said before."""
    return f"{text} #{next(_numbers)}{time.time_ns() % 10**9}"


def all_of(channel: Channel, cursor: str | None = None) -> tuple[list[object], str | None]:
    """Everything since the cursor, and the last cursor."""
    items: list[object] = []
    for page in channel.fetch(cursor):
        items += page.items
        cursor = page.cursor
    return items, cursor


def heard(items: Sequence[object]) -> list[Incoming]:
    """The messages among them."""
    return [item for item in items if isinstance(item, Incoming)]


def shows_no_secret(channel: Channel, error: ChannelError) -> None:
    """What is said to people holds no secret of the account's settings."""
    settings = getattr(channel, "settings", None)
    for secret in vars(settings).values() if settings is not None else ():
        assert not (isinstance(secret, SecretStr) and secret.get_secret_value() in str(error)), "it tells a secret"


def until(found: Callable[[], bool], seconds: float) -> bool:
    """Look again and again."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def refused(*kinds: type[ChannelError]) -> Iterator[list[ChannelError]]:
    """What is done inside raises one of these; the error is put into the list."""
    raised: list[ChannelError] = []
    try:
        yield raised
    except kinds as error:
        raised.append(error)
        assert str(error).strip(), "an error says something to a person"
    else:
        raise AssertionError(f"nothing was raised; one of {', '.join(kind.__name__ for kind in kinds)} was due")


class Conformance:
    """What every adapter keeps to. `other` is a fixture of the heir's."""

    # Reading

    def test_what_a_customer_writes_comes_in_once_with_all_that_the_desk_needs(self, other: Counterpart) -> None:
        channel = _reading(other)
        _, cursor = all_of(channel)
        text = fresh(WORDS)
        target = other.customer_writes(text)

        one, cursor = _comes(other, channel, cursor, target)

        assert one.text.strip() == text
        assert (one.channel, one.account) == (channel.name, channel.account)
        assert one.posted_at.tzinfo is not None
        assert one.posted_at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - one.posted_at) < timedelta(hours=14)
        assert one.raw
        assert one.place
        assert heard(all_of(channel, cursor)[0]) == []

    def test_many_come_oldest_first_and_none_is_missing(self, other: Counterpart) -> None:
        channel = _reading(other)
        _, cursor = all_of(channel)
        targets = [other.customer_writes(fresh()) for _ in range(5)]

        found: list[Incoming] = []

        def complete() -> bool:
            nonlocal cursor
            items, cursor = all_of(channel, cursor)
            found.extend(heard(items))
            return {one.external_id for one in found} >= {target.external_id for target in targets}

        assert until(complete, other.seconds_to_show)
        places = [one.external_id for one in found]
        assert sorted(set(places)) == sorted(places), "one came twice"
        if other.keeps_order:
            times = [one.posted_at for one in found]
            assert times == sorted(times)

    def test_a_cursor_that_nobody_can_read_begins_anew(self, other: Counterpart) -> None:
        channel = _reading(other)
        target = other.customer_writes(fresh())

        _comes(other, channel, "\u0000 no cursor of ours {", target)

    def test_our_own_posts_are_no_complaints(self, other: Counterpart) -> None:
        channel = _reading(other)
        _, cursor = all_of(channel)
        text = fresh("Diskon 20 persen untuk semua pelanggan")
        if not other.we_write(text):
            raise SkipTest("our account posts nothing by itself there")
        later = other.customer_writes(fresh())

        items, _ = _until_it_comes(other, channel, cursor, later)

        assert [one for one in heard(items) if text in one.text] == []

    def test_an_edit_comes_under_the_same_name(self, other: Counterpart) -> None:
        channel = _reading(other)
        if not other.edits:
            raise SkipTest("nobody edits there")
        _, cursor = all_of(channel)
        target = other.customer_writes(fresh())
        _, cursor = _comes(other, channel, cursor, target)
        changed = fresh("maaf, maksud saya pesanan kedua")
        other.customer_edits(target, changed)

        def shown() -> bool:
            nonlocal cursor
            items, cursor = all_of(channel, cursor)
            by_fetch = [one for one in heard(items) if one.external_id == target.external_id and changed in one.text]
            by_look = [one for one in channel.look_at([target.external_id or ""]) if changed in (one.text or "")]
            return bool(by_fetch or by_look)

        assert until(shown, other.seconds_to_show)

    def test_what_is_taken_down_is_told(self, other: Counterpart) -> None:
        channel = _reading(other)
        if not other.removes:
            raise SkipTest("nothing is taken down there")
        _, cursor = all_of(channel)
        target = other.customer_writes(fresh())
        _, cursor = _comes(other, channel, cursor, target)
        other.customer_removes(target)

        def told() -> bool:
            nonlocal cursor
            items, cursor = all_of(channel, cursor)
            by_fetch = [one for one in items if isinstance(one, Removed) and one.external_id == target.external_id]
            by_look = [one for one in channel.look_at([target.external_id or ""]) if not one.there]
            return bool(by_fetch or by_look)

        assert until(told, other.seconds_to_show)

    def test_what_somebody_writes_privately_is_private(self, other: Counterpart) -> None:
        channel = _reading(other)
        if not other.private_intake:
            raise SkipTest("nobody writes privately there")
        _, cursor = all_of(channel)
        target = other.customer_writes(fresh(), private=True)

        one, _ = _comes(other, channel, cursor, target)

        assert one.visibility is Visibility.PRIVATE

    # Answering

    def test_an_answer_stands_there_exactly_once_and_word_for_word(self, other: Counterpart) -> None:
        channel, target = _answering(other)
        text = _short(other, fresh("Kami mohon maaf & sedang memeriksanya 🙏 <hari ini>."))

        sent = channel.reply(outgoing(channel, target, text))

        assert sent.platform_id
        assert _stand(other, target, [text])

    def test_a_private_answer_reaches_its_customer_word_for_word(self, other: Counterpart) -> None:
        channel, target = _answering(other, private=True)
        text = _short(other, fresh("Kami kirim rinciannya di sini 🙏."))

        sent = channel.message_privately(outgoing(channel, target, text, private=True))

        assert sent.platform_id
        assert _stand(other, target, [text], private=True)

    def test_our_answer_is_no_new_complaint_and_what_they_answer_to_it_names_it(self, other: Counterpart) -> None:
        channel, target = _answering(other)
        if not other.reads:
            raise SkipTest("the adapter cannot be asked what is new")
        _, cursor = all_of(channel)
        text = _short(other, fresh("Kami sedang memeriksanya."))
        sent = channel.reply(outgoing(channel, target, text))
        try:
            answer = other.customer_writes(fresh("terima kasih, saya tunggu"), in_reply_to=sent.platform_id)
        except NotImplementedError:
            raise SkipTest("the counterpart's customer does not answer") from None

        items, _ = _until_it_comes(other, channel, cursor, answer)

        said = {one.external_id: one for one in heard(items)}
        assert sent.platform_id not in said
        # Where nobody can answer one comment among others, they answer what began it.
        assert said[answer.external_id or ""].in_reply_to in (sent.platform_id, target.external_id)

    def test_after_a_try_that_nobody_heard_of_it_stands_once(self, other: Counterpart) -> None:
        _unheard(other, private=False)

    def test_after_a_private_try_that_nobody_heard_of_it_stands_once(self, other: Counterpart) -> None:
        _unheard(other, private=True)

    def test_after_a_try_that_did_not_arrive_it_can_still_be_sent_once(self, other: Counterpart) -> None:
        _lost(other, private=False)

    def test_after_a_private_try_that_did_not_arrive_it_can_still_be_sent_once(self, other: Counterpart) -> None:
        _lost(other, private=True)

    def test_what_the_platform_refuses_is_told_apart_and_nothing_stands_there(self, other: Counterpart) -> None:
        _not_taken(other, private=False)

    def test_what_it_refuses_privately_is_told_apart_and_nothing_stands_there(self, other: Counterpart) -> None:
        _not_taken(other, private=True)

    def test_a_redirect_of_an_answer_is_not_followed(self, other: Counterpart) -> None:
        _, target = _answering(other)
        _over_http(other)
        with wire_to(other.url) as wire, wire_to(other.url) as elsewhere:
            channel = _patient(other, wire)
            _ready(channel, target)
            before = elsewhere.count()
            wire.breaks(Redirect(f"{elsewhere.url}/elsewhere"), method="POST", times=20)
            with refused(ChannelError):
                channel.reply(outgoing(channel, target, _short(other, fresh("Kami periksa."))))

            assert elsewhere.count() == before

    def test_what_is_no_longer_there_cannot_be_answered(self, other: Counterpart) -> None:
        channel, _ = _answering(other)
        target = other.gone()
        if target is None:
            raise SkipTest("the counterpart cannot tell that something is gone")

        with refused(Never) as raised:
            channel.reply(outgoing(channel, target, _short(other, fresh("Kami periksa."))))

        assert isinstance(raised[0], Never)
        assert raised[0].kind in ("gone", "blocked", "not_allowed")

    def test_it_finds_its_own_text_and_no_other(self, other: Counterpart) -> None:
        _finds_own(other, private=False)

    def test_it_finds_its_own_private_text_and_no_other(self, other: Counterpart) -> None:
        _finds_own(other, private=True)

    def test_the_same_key_posts_nothing_twice(self, other: Counterpart) -> None:
        channel, target = _answering(other)
        if channel.certainty is not Certainty.IDEMPOTENT:
            raise SkipTest(f"its certainty is {channel.certainty.value}")
        out = outgoing(channel, target, _short(other, fresh("Kami sedang memeriksanya.")))

        first, second = channel.reply(out), channel.reply(out)

        assert first.platform_id == second.platform_id
        assert _stand(other, target, [out.text], once=True)

    # The wire, the clock, the credentials

    def test_nothing_is_lost_when_reading_fails(self, other: Counterpart) -> None:
        _reading(other)
        _over_http(other)
        with wire_to(other.url) as wire:
            channel = _patient(other, wire)
            _, cursor = all_of(channel)
            for name, fault in WHILE_IT_IS_READ.items():
                target = other.customer_writes(fresh())
                wire.breaks(fault, times=50)
                seen, cursor, error = _as_far_as_it_goes(channel, cursor)
                if name == "401" and error is not None:
                    assert isinstance(error, LockedOut), f"{name}: {error!r}"
                if name == "429 with Retry-After" and error is not None:
                    assert isinstance(error, TryAgain), f"{name}: {error!r}"
                    assert error.after == 7, f"{name}: waits {error.after} s"
                wire.mend()
                if target.external_id not in {one.external_id for one in seen}:
                    _, cursor = _comes(other, channel, cursor, target)

    def test_nothing_is_lost_when_reading_fails_half_way(self, other: Counterpart) -> None:
        _reading(other)
        _over_http(other)
        with wire_to(other.url) as wire:
            channel = _patient(other, wire)
            _, cursor = all_of(channel)
            for answered, name in itertools.product((1, 2, 3), ("500", "a cut line", "another answer (taken)")):
                targets = [other.customer_writes(fresh()) for _ in range(2)]
                wire.breaks(WHILE_IT_IS_READ[name], times=50, after=answered)
                seen, cursor, _ = _as_far_as_it_goes(channel, cursor)
                wire.mend()
                for target in targets:
                    if target.external_id not in {one.external_id for one in seen}:
                        items, cursor = _until_it_comes(other, channel, cursor, target)
                        seen += heard(items)

    def test_a_redirect_of_a_question_does_not_carry_our_credentials_away(self, other: Counterpart) -> None:
        _reading(other)
        _over_http(other)
        with wire_to(other.url) as wire, wire_to(other.url) as elsewhere:
            channel = _patient(other, wire)
            wire.breaks(Redirect(f"{elsewhere.url}/elsewhere"), times=50)
            try:
                all_of(channel)
            except ChannelError as error:
                assert str(error).strip()

            assert elsewhere.passed == [], "it asks wherever it is sent, and addresses may hold secrets, too"

    def test_a_clock_that_is_off_by_an_hour_loses_nothing(self, other: Counterpart) -> None:
        _reading(other)
        for off in (AN_HOUR, -AN_HOUR):
            channel = other.channel(other.url, world(off))
            _, cursor = all_of(channel)
            target = other.customer_writes(fresh())
            _comes(other, channel, cursor, target)

    def test_a_clock_that_is_off_by_an_hour_finds_its_own_text(self, other: Counterpart) -> None:
        channel, target = _answering(other)
        if channel.certainty is not Certainty.READ_BACK:
            raise SkipTest(f"its certainty is {channel.certainty.value}")
        for off in (AN_HOUR, -AN_HOUR):
            channel = other.channel(other.url, world(off))
            out = outgoing(channel, target, _short(other, fresh("Kami sedang memeriksanya.")))
            sent = channel.reply(out)

            def found(by: Channel = channel, out: Outgoing = out, sent: Sent = sent) -> bool:
                own = by.find_own(out)
                return own is not None and own.platform_id == sent.platform_id

            assert until(found, other.seconds_to_show), f"off by {off}"

    def test_wrong_credentials_are_said_so(self, other: Counterpart) -> None:
        channel = other.locked_out(other.url, world())
        if channel is None:
            raise SkipTest("the counterpart takes any credentials")

        try:
            found = channel.check()
            assert not found.ok
            assert found.said
        except LockedOut:
            pass
        if other.reads:
            with refused(LockedOut):
                all_of(channel)

    def test_good_credentials_are_said_so(self, other: Counterpart) -> None:
        found = other.channel(other.url, world()).check()

        assert found.ok, found.said
        assert found.said

    # The platform's calls

    def test_a_call_brings_the_message_and_the_same_one_again(self, other: Counterpart) -> None:
        channel, asked, text = _called(other)

        first, again = channel.hear(asked), channel.hear(asked)

        assert 200 <= first.status < 300, first.refused
        assert [one.text for one in heard(first.items)] == [text]
        assert [one.external_id for one in heard(first.items)] == [one.external_id for one in heard(again.items)]

    def test_a_forged_call_brings_nothing(self, other: Counterpart) -> None:
        channel, asked, _ = _called(other)
        forged = [
            replace(asked, body=asked.body + b" "),
            replace(asked, headers={name: _turned(value) for name, value in asked.headers.items()}),
            replace(asked, headers={}),
        ]

        for call in forged:
            answer = channel.hear(call)
            assert answer.items == ()
            assert answer.status in (400, 401, 403), answer
            assert answer.refused


def _unheard(other: Counterpart, *, private: bool) -> None:
    _, target = _answering(other, private=private)
    _over_http(other)
    for name, fault in AFTER_IT_WAS_TAKEN.items():
        with wire_to(other.url) as wire:
            channel = _patient(other, wire)
            out = outgoing(channel, target, _short(other, fresh("Kami periksa hari ini.")), private=private)
            _ready(channel, target, out.visibility)
            wire.breaks(fault, method="POST", times=1)
            sent = _sent_or_unknown(channel, out, name)
            wire.mend()
            if sent is None:
                sent = _found_out(other, channel, out, arrived=True)
            if sent is not None:
                assert sent.platform_id not in ("", "{}", "None", "no"), f"{name}: it made up {sent.platform_id!r}"
            assert _stand(other, target, [out.text], private=private, once=True), f"after {name}"


def _lost(other: Counterpart, *, private: bool) -> None:
    _, target = _answering(other, private=private)
    _over_http(other)
    for name in ("a cut line", "silence"):
        with wire_to(other.url) as wire:
            channel = _patient(other, wire)
            out = outgoing(channel, target, _short(other, fresh("Kami periksa hari ini.")), private=private)
            _ready(channel, target, out.visibility)
            wire.breaks(BEFORE_IT_WAS_TAKEN[name], method="POST", times=1)
            sent = _sent_or_unknown(channel, out, name)
            wire.mend()
            if sent is None and channel.certainty is not Certainty.NEITHER:
                sent = _found_out(other, channel, out, arrived=False) or send(channel, out)
            wanted = [] if sent is None else [out.text]
            assert _stand(other, target, wanted, private=private, once=True, never=out.text), f"after {name}"


def _not_taken(other: Counterpart, *, private: bool) -> None:
    _, target = _answering(other, private=private)
    _over_http(other)
    for name in ("401", "403", "404", "409", "429 with Retry-After", "429 without", "500", "503"):
        with wire_to(other.url) as wire:
            channel = _patient(other, wire)
            out = outgoing(channel, target, _short(other, fresh("Kami periksa hari ini.")), private=private)
            _ready(channel, target, out.visibility)
            wire.breaks(BEFORE_IT_WAS_TAKEN[name], method="POST", times=20)
            with refused(ChannelError) as raised:
                send(channel, out)
            wire.mend()
            error = raised[0]
            if name == "401":
                assert isinstance(error, LockedOut), f"{name}: {error!r}"
            elif name.startswith("429"):
                assert isinstance(error, TryAgain), f"{name}: {error!r}"
                assert not isinstance(error, LockedOut), f"{name}: {error!r}"
                assert name != "429 with Retry-After" or error.after == 7, f"{name}: waits {error.after} s"
            elif name in ("500", "503"):
                # Nobody knows whether it was taken. To send it again is safe only where the platform has our key.
                safe = Unknown | TryAgain if channel.certainty is Certainty.IDEMPOTENT else Unknown
                assert isinstance(error, safe), f"{name}: {error!r}"
            else:
                assert isinstance(error, Never | TryAgain), f"{name}: {error!r}"
                assert not isinstance(error, LockedOut) or name == "403", f"{name}: {error!r}"
            shows_no_secret(channel, error)
            assert _stand(other, target, [], private=private, never=out.text), f"after {name}"


def _finds_own(other: Counterpart, *, private: bool) -> None:
    channel, target = _answering(other, private=private)
    if channel.certainty is not Certainty.READ_BACK:
        raise SkipTest(f"its certainty is {channel.certainty.value}")
    text = _short(other, fresh("Kami mohon maaf & sedang memeriksanya 🙏 <hari ini>."))
    out = outgoing(channel, target, text, private=private)
    assert channel.find_own(out) is None
    other.customer_writes(text, private=private and other.private_intake)
    assert channel.find_own(out) is None, "it takes a customer's words for its own"
    sent = send(channel, out)

    assert until(lambda: channel.find_own(out) is not None, other.seconds_to_show)
    found = channel.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id
    assert channel.find_own(replace(out, text=out.text + " Sekarang.", key=out.key + "-2")) is None
    if not private:  # Privately, one customer is one talk, whatever message is answered.
        _, elsewhere = _answering(other)
        assert channel.find_own(outgoing(channel, elsewhere, text)) is None, "it takes what stands elsewhere for this"


def _reading(other: Counterpart) -> Channel:
    if not other.reads:
        raise SkipTest("the adapter cannot be asked what is new")
    return other.channel(other.url, world())


def _over_http(other: Counterpart) -> None:
    if not other.speaks_http:
        raise SkipTest("it does not speak HTTP; the adapter has tests of its own for a broken line")


def _patient(other: Counterpart, wire: Wire) -> Channel:
    return other.channel(wire.url, world(read=3.0))


def _ready(channel: Channel, target: Target, visibility: Visibility = Visibility.PUBLIC) -> None:
    """Sessions are begun before the wire breaks, so that it is the answer that breaks."""
    channel.check()
    channel.can_reply(target, visibility, datetime.now(UTC))


def _answering(other: Counterpart, *, private: bool = False) -> tuple[Channel, Target]:
    if not (other.answers_privately if private else other.answers_publicly):
        raise SkipTest(f"nothing is answered {'privately' if private else 'publicly'} there")
    channel = other.channel(other.url, world())
    target = other.customer_writes(fresh(), private=private and other.private_intake)
    return channel, replace(target, last_heard_at=target.last_heard_at or datetime.now(UTC))


def _called(other: Counterpart) -> tuple[Channel, Asked, str]:
    text = fresh()
    asked = other.called(text)
    if asked is None:
        raise SkipTest("the platform does not call us")
    return other.channel(other.url, world()), asked, text


def _turned(value: str) -> str:
    """Another value of the same kind."""
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def _short(other: Counterpart, text: str) -> str:
    assert len(text) <= other.longest, "the suite's text is too long there"
    return text


def _comes(other: Counterpart, channel: Channel, cursor: str | None, target: Target) -> tuple[Incoming, str | None]:
    """The message once it is shown, with the cursor behind it; it comes once."""
    items, cursor = _until_it_comes(other, channel, cursor, target)
    found = [one for one in heard(items) if one.external_id == target.external_id]
    assert len(found) == 1, f"{target.external_id} came {len(found)} times"
    return found[0], cursor


def _as_far_as_it_goes(channel: Channel, cursor: str | None) -> tuple[list[Incoming], str | None, ChannelError | None]:
    """What is heard before something breaks, the cursor that is stored by then, and what is said of it."""
    seen: list[Incoming] = []
    try:
        for page in channel.fetch(cursor):
            seen += heard(page.items)
            assert not [one for one in page.items if isinstance(one, Unreadable) and not one.raw]
            cursor = page.cursor
    except ChannelError as error:
        assert str(error).strip()
        shows_no_secret(channel, error)
        return seen, cursor, error
    return seen, cursor, None


def _until_it_comes(
    other: Counterpart, channel: Channel, cursor: str | None, target: Target
) -> tuple[list[object], str | None]:
    every: list[object] = []
    said: ChannelError | None = None

    def came() -> bool:
        nonlocal cursor, said
        try:
            for page in channel.fetch(cursor):
                every.extend(page.items)
                cursor = page.cursor
        except TryAgain as error:
            said = error  # a busy platform is asked again
        return target.external_id in {one.external_id for one in heard(every)}

    if not until(came, other.seconds_to_show):
        aside = [one for one in every if isinstance(one, LeftOut | Unreadable)]
        raise AssertionError(f"{target.external_id} did not come; put aside: {aside}; it said {said!r}")
    return every, cursor


def _stand(
    other: Counterpart,
    target: Target,
    wanted: Sequence[str],
    *,
    private: bool = False,
    once: bool = False,
    never: str | None = None,
) -> bool:
    """Whether what should stand there does, once where that matters; and what should not does not."""
    if not other.shows_answers:
        return True

    def found() -> bool:
        return all(text in other.standing(target, private=private) for text in wanted)

    if not until(found, other.seconds_to_show):
        return False
    there = other.standing(target, private=private)
    if once and any(there.count(text) != 1 for text in wanted):
        return False
    return never is None or never in wanted or never not in there


def _sent_or_unknown(channel: Channel, out: Outgoing, name: str) -> Sent | None:
    """The text was taken, or may have been: anything but `sent` or `unknown` would be a lie."""
    try:
        return send(channel, out)
    except Unknown:
        return None
    except ChannelError as error:
        raise AssertionError(f"{name}: it may have arrived, and the adapter says {error!r}") from error


def _found_out(other: Counterpart, channel: Channel, out: Outgoing, *, arrived: bool) -> Sent | None:
    """What the outbox does next, by the adapter's certainty."""
    match channel.certainty:
        case Certainty.READ_BACK:
            if arrived:
                assert until(lambda: channel.find_own(out) is not None, other.seconds_to_show), "it is not found there"
            return channel.find_own(out)
        case Certainty.IDEMPOTENT:
            return send(channel, out)
    return None
