"""An Instagram account, against a stand-in that holds every request against Meta's own lists (graph_server.py)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graph_server import APP, INSTAGRAM, PAGE, SECRET, TOKEN, VERIFY, GraphServer, graph_server
from pydantic import SecretStr

from db.words import Visibility
from integrations.channels.base import Asked, LockedOut, Never, Target, TryAgain
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.conformance.suite import all_of, heard, outgoing, world
from integrations.channels.graph_inbox import WORDLESS
from integrations.channels.instagram import InstagramChannel, InstagramSettings
from integrations.channels.world import World
from integrations.record import Incoming, LeftOut, Removed, Unreadable

BUDI = "6000000000000001"
NOW = 1772445600


def channel(server: GraphServer, given: World | None = None, **changes: Any) -> InstagramChannel:
    settings: dict[str, Any] = {
        "token": SecretStr(TOKEN),
        "app_secret": SecretStr(SECRET),
        "verify_token": SecretStr(VERIFY),
        "app_id": APP,
        "page_id": PAGE,
        "instagram_id": INSTAGRAM,
        "username": "kopisenja",
        "api": f"{server.url}/v25.0",
    }
    return InstagramChannel("instagram", "default", InstagramSettings(**settings | changes), given or world())


@pytest.fixture
def server() -> Iterator[GraphServer]:
    with graph_server() as running:
        yield running


def change(field: str = "comments", **value: Any) -> dict[str, Any]:
    return {"field": field, "value": value}


def comment(key: str = "1790", text: Any = "Kopi saya dingin", sender: str = BUDI, **more: Any) -> dict[str, Any]:
    told = {"from": {"id": sender, "username": "budi"}, "media": {"id": "1780", "media_product_type": "FEED"}}
    return change(id=key, text=text, **told, **more)


def batch(*changes: dict[str, Any], messaging: list[Any] | None = None, account: str = INSTAGRAM) -> dict[str, Any]:
    return {
        "object": "instagram",
        "entry": [{"id": account, "time": NOW, "changes": list(changes), "messaging": messaging or []}],
    }


def message(mid: str = "aWd1", sender: str = BUDI, **fields: Any) -> dict[str, Any]:
    told = {"sender": {"id": sender}, "recipient": {"id": INSTAGRAM}, "timestamp": NOW * 1000}
    return {**told, "message": {"mid": mid, **fields}}


def target(place: str, heard_at: datetime | None = None, **more: Any) -> Target:
    return Target(external_id=place, author_id=BUDI, last_heard_at=heard_at or datetime.now(UTC), **more)


class InstagramSide(Counterpart):
    """Nobody edits a comment there; who answers our reply stands below the first comment, which has its own tests."""

    private_intake = True
    removes = True

    def __init__(self, server: GraphServer) -> None:
        self.server = server
        self.url = server.url

    def channel(self, url: str, world: World) -> InstagramChannel:
        return channel(self.server, world, api=f"{url}/v25.0")

    def locked_out(self, url: str, world: World) -> InstagramChannel:
        return channel(self.server, world, api=f"{url}/v25.0", token=SecretStr("EAAexpired"))

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if in_reply_to is not None:
            raise NotImplementedError
        if private:
            return target(f"message:{self.server.writes_message(BUDI, text, platform='instagram')}")
        return target(f"comment:{self.server.comments_on_media(self.server.media, text, BUDI, 'budi')}")

    def customer_removes(self, target: Target) -> None:
        self.server.removes((target.external_id or "").partition(":")[2])

    def we_write(self, text: str) -> bool:
        return bool(self.server.comments_on_media(self.server.media, text, INSTAGRAM, "kopisenja"))

    def gone(self) -> Target:
        key = self.server.comments_on_media(self.server.media, "hilang", BUDI, "budi")
        self.server.removes(key)
        return target(f"comment:{key}")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        if private:
            said = self.server.nodes[f"t_instagram_{BUDI}"]["_messages"]
            return [one["message"] for one in said if one["from"]["id"] == INSTAGRAM]
        key = (target.external_id or "").partition(":")[2]
        below = [one for one in self.server.nodes.values() if one.get("parent_id") == key]
        return [one["text"] for one in below if one["from"]["id"] == INSTAGRAM]

    def called(self, text: str) -> Asked:
        return self.server.signs(batch(comment(text=text)))


@pytest.mark.slow
class TestInstagram(Conformance):
    @pytest.fixture
    def other(self, server: GraphServer) -> Counterpart:
        return InstagramSide(server)


# Webhooks


def test_a_batch_brings_comments_answers_and_messages(server: GraphServer) -> None:
    picture = [{"type": "image", "payload": {"url": "https://cdn.example/1"}}]
    body = batch(
        comment("1790"),
        comment("1791", "Sama", parent_id="1790"),
        messaging=[message("aWd1", text="Halo"), message("aWd2", attachments=picture, reply_to={"mid": "aWd0"})],
    )

    found = heard(channel(server).hear(server.signs(body)).items)

    assert [(one.external_id, one.text, one.in_reply_to) for one in found] == [
        ("comment:1790", "Kopi saya dingin", None),
        ("comment:1791", "Sama", "comment:1790"),
        ("message:aWd1", "Halo", None),
        ("message:aWd2", WORDLESS, "message:aWd0"),
    ]
    assert [one.visibility for one in found] == [Visibility.PUBLIC] * 2 + [Visibility.PRIVATE] * 2
    assert found[0].author is not None
    assert (found[0].author.id, found[0].author.handle) == (BUDI, "budi")
    assert {one.posted_at for one in found} == {datetime.fromtimestamp(NOW, UTC)}


def test_an_answer_to_our_story_notes_the_story(server: GraphServer) -> None:
    story = {"story": {"url": "https://cdn.example/s", "id": "1799"}}

    (one,) = heard(channel(server).hear(server.signs(batch(messaging=[message(text="Bohong!", reply_to=story)]))).items)

    assert (one.text, one.in_reply_to) == ("Bohong!", None)
    assert [attachment.type for attachment in one.attachments] == ["story"]


def test_messages_in_the_form_of_changes_are_read_as_well(server: GraphServer) -> None:
    body = batch(change("messages", **message("aWd7", text="Halo")))

    assert [one.external_id for one in heard(channel(server).hear(server.signs(body)).items)] == ["message:aWd7"]


@pytest.mark.parametrize(
    "ours",
    [
        comment(sender=INSTAGRAM),
        comment(sender="5", **{"user": {"id": INSTAGRAM}}),
        message(sender=INSTAGRAM, text="Kami cek", is_echo=True),
    ],
)
def test_our_own_words_are_left_out(server: GraphServer, ours: dict[str, Any]) -> None:
    body = batch(ours) if "field" in ours else batch(messaging=[ours])

    assert [type(item) for item in channel(server).hear(server.signs(body)).items] == [LeftOut]


def test_a_handle_of_ours_by_policy_is_ours(server: GraphServer) -> None:
    given = replace(world(), is_ours=lambda who: who == "budi")

    items = channel(server, given).hear(server.signs(batch(comment()))).items

    assert [type(item) for item in items] == [LeftOut]


def test_a_message_taken_back_is_told(server: GraphServer) -> None:
    (item,) = channel(server).hear(server.signs(batch(messaging=[message("aWd3", is_deleted=True)]))).items

    assert isinstance(item, Removed)
    assert item.external_id == "message:aWd3"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (comment(text={"a": 1}), "text"),
        (change(text="x"), "id"),
        (change("mentions"), "media_id"),
        ({"field": "comments"}, "value"),
    ],
)
def test_one_bad_change_is_put_aside_with_its_reason_and_the_rest_goes_on(
    server: GraphServer, broken: dict[str, Any], field: str
) -> None:
    first, second = channel(server).hear(server.signs(batch(broken, comment("1792")))).items

    assert isinstance(first, Unreadable)
    assert field in first.reason
    assert isinstance(second, Incoming)


def test_a_batch_of_another_kind_is_left_out(server: GraphServer) -> None:
    items = channel(server).hear(server.signs(batch(comment()) | {"object": "page"})).items

    assert [type(item) for item in items] == [LeftOut]


# Mentions


def mentioned(server: GraphServer) -> tuple[str, str]:
    """Somebody else's post, and a comment below it that mentions us."""
    media = server.posts_media("@kopisenja kopinya dingin", by="6009", username="sari")
    return media, server.comments_on_media(media, "@kopisenja setuju", BUDI, "budi")


def test_a_mention_is_kept_by_its_ids_and_gets_its_words_in_the_next_round(server: GraphServer) -> None:
    media, key = mentioned(server)
    ours = channel(server)
    _, cursor = all_of(ours)
    body = batch(change("mentions", media_id=media), change("mentions", media_id=media, comment_id=key))

    told = heard(ours.hear(server.signs(body)).items)
    items, cursor = all_of(ours, cursor)

    caption, below = f"mention:{media}", f"mention:{media}:{key}"
    assert [one.external_id for one in told] == [caption, below]
    assert all(one.text.startswith("[We are mentioned") and one.addressed for one in told)
    assert {one.external_id: one.text for one in heard(items)} == {
        caption: "@kopisenja kopinya dingin",
        below: "@kopisenja setuju",
    }
    assert heard(all_of(ours, cursor)[0]) == []


def test_a_mention_that_another_machine_heard_of_gets_its_words_by_a_look(server: GraphServer) -> None:
    media, key = mentioned(server)

    seen = list(channel(server).look_at([f"mention:{media}", f"mention:{media}:{key}"]))

    assert [one.text for one in seen] == ["@kopisenja kopinya dingin", "@kopisenja setuju"]


def test_a_mention_that_is_not_for_us_to_see_is_not_said_to_be_gone(server: GraphServer) -> None:
    assert list(channel(server).look_at(["mention:1:2", "mention:1"])) == []


def test_a_mention_whose_words_are_not_shown_stops_nothing(server: GraphServer) -> None:
    ours = channel(server)
    ours.hear(server.signs(batch(change("mentions", media_id="1", comment_id="2"))))
    server.comments_on_media(server.media, "Dingin", BUDI, "budi")

    assert [one.text for one in heard(all_of(ours)[0])] == ["Dingin"]


def test_a_mention_with_an_id_of_another_shape_makes_no_file(server: GraphServer) -> None:
    given = world()
    channel(server, given).hear(server.signs(batch(change("mentions", media_id="../../1", comment_id="2"))))

    assert list(Path(given.home).rglob("*")) == []


@pytest.mark.parametrize("in_caption", [True, False])
def test_a_mention_is_answered_where_it_stands(server: GraphServer, in_caption: bool) -> None:
    media, key = mentioned(server)
    place = f"mention:{media}" if in_caption else f"mention:{media}:{key}"
    ours = channel(server)
    out = outgoing(ours, target(place), "Kami mohon maaf")
    assert ours.find_own(out) is None

    sent = ours.reply(out)

    answer = server.nodes[sent.platform_id.removeprefix("comment:")]
    assert (answer["text"], answer.get("parent_id")) == ("Kami mohon maaf", None if in_caption else key)
    found = ours.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id


def test_whoever_only_mentioned_us_gets_no_private_message(server: GraphServer) -> None:
    ours = channel(server)

    assert not ours.can_reply(target("mention:1:2"), Visibility.PRIVATE, datetime.now(UTC)).ok
    with pytest.raises(Never) as refused:
        ours.message_privately(outgoing(ours, target("mention:1:2"), "Halo", private=True))

    assert refused.value.kind == "not_allowed"


# Asking


def test_asking_brings_comments_with_their_answers_and_addresses(server: GraphServer) -> None:
    first = server.comments_on_media(server.media, "Dingin", BUDI, "budi")
    ours = server.comments_on_media(first, "Maaf, Kak", INSTAGRAM, "kopisenja")
    second = server.comments_on_media(ours, "Oke", BUDI, "budi")
    said = server.writes_message(BUDI, "Halo", platform="instagram")
    link = server.nodes[server.media]["permalink"]

    items, _ = all_of(channel(server))

    found = {one.external_id: one for one in heard(items)}
    assert set(found) == {f"comment:{first}", f"comment:{second}", f"message:{said}"}
    assert found[f"comment:{second}"].in_reply_to == f"comment:{first}"
    assert found[f"comment:{first}"].url == f"{link}c/{first}/"
    assert found[f"comment:{second}"].url == f"{link}c/{first}/r/{second}/"
    assert [type(item) for item in items if not isinstance(item, Incoming)] == [LeftOut]


def test_a_thread_with_many_answers_is_read_to_its_end(server: GraphServer) -> None:
    first = server.comments_on_media(server.media, "Dingin", BUDI, "budi")
    for number in range(70):
        server.comments_on_media(first, f"nomor {number}", "6002", "sari")

    assert len(heard(all_of(channel(server))[0])) == 71


def test_media_without_a_new_comment_are_not_read_again(server: GraphServer) -> None:
    ours = channel(server)
    server.comments_on_media(server.media, "Dingin", BUDI, "budi")
    _, cursor = all_of(ours)
    server.asked.clear()

    all_of(ours, cursor)

    assert [path.rpartition("/")[2] for _, path, _ in server.asked] == ["media", "conversations"]


def test_a_hidden_comment_comes_with_a_warning_and_takes_no_public_answer(server: GraphServer) -> None:
    key = server.comments_on_media(server.media, "Dingin", BUDI, "budi", hidden=True)
    ours = channel(server)

    (one,) = heard(all_of(ours)[0])
    with pytest.raises(Never) as refused:
        ours.reply(outgoing(ours, target(f"comment:{key}"), "Halo"))

    assert one.warnings
    assert refused.value.kind == "not_allowed"


# Answering


def test_an_answer_to_an_answer_stands_in_its_thread_and_is_found_there(server: GraphServer) -> None:
    first = server.comments_on_media(server.media, "Dingin", "6002", "sari")
    second = server.comments_on_media(first, "Saya juga", BUDI, "budi")
    ours = channel(server)
    link = server.nodes[server.media]["permalink"]
    aim = target(f"comment:{second}", thread=f"comment:{first}", url=f"{link}c/{first}/r/{second}/")
    out = outgoing(ours, aim, "Kami cek")

    sent = ours.reply(out)

    key = sent.platform_id.removeprefix("comment:")
    assert server.nodes[key]["parent_id"] == first
    assert sent.url == f"{link}c/{first}/r/{key}/"
    found = ours.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id


def test_what_a_customer_says_to_our_answer_joins_the_first_comment(server: GraphServer) -> None:
    first = server.comments_on_media(server.media, "Dingin", BUDI, "budi")
    ours = channel(server)
    sent = ours.reply(outgoing(ours, target(f"comment:{first}"), "Maaf, Kak"))
    server.comments_on_media(sent.platform_id.removeprefix("comment:"), "Oke", BUDI, "budi")

    found = {one.text: one for one in heard(all_of(ours)[0])}

    assert set(found) == {"Dingin", "Oke"}
    assert found["Oke"].in_reply_to == found["Dingin"].external_id


def test_a_second_private_answer_to_a_comment_waits_for_its_authors_word(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC)
    answered, said = (replace(target(place), written_to=True) for place in ("comment:1790", "message:m_1"))

    spent = ours.can_reply(answered, Visibility.PRIVATE, now)

    assert not spent.ok
    assert spent.until is not None
    assert spent.until <= now
    assert ours.can_reply(answered, Visibility.PUBLIC, now).ok
    assert ours.can_reply(said, Visibility.PRIVATE, now).ok


def test_a_comment_is_answered_privately_once_within_seven_days(server: GraphServer) -> None:
    key = server.comments_on_media(server.media, "Dingin", BUDI, "budi")
    ours, now = channel(server), datetime.now(UTC)
    out = outgoing(ours, target(f"comment:{key}"), "Kami kirim rinciannya", private=True)
    assert ours.can_reply(out.target, Visibility.PRIVATE, now).until == (out.target.last_heard_at or now) + timedelta(7)

    sent = ours.message_privately(out)
    with pytest.raises(Never) as refused:
        ours.message_privately(out)

    assert server.asked[-1][2]["recipient"] == {"comment_id": key}
    assert refused.value.kind == "not_allowed"
    found = ours.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id


def test_a_message_counts_in_bytes(server: GraphServer) -> None:
    ours = channel(server)
    out = outgoing(
        ours, target(f"message:{server.writes_message(BUDI, 'x', platform='instagram')}"), "🙏" * 251, private=True
    )

    with pytest.raises(Never) as refused:
        ours.message_privately(out)
    ours.message_privately(replace(out, text="🙏" * 250))

    assert refused.value.kind == "too_long"


def test_a_message_after_a_day_needs_the_human_agent(server: GraphServer) -> None:
    at = datetime.now(UTC) - timedelta(days=2)
    aim = target(f"message:{server.writes_message(BUDI, 'x', platform='instagram', at=at)}", at)
    with_it, without = channel(server, human_agent=True), channel(server)
    server.human_agent = True

    assert with_it.can_reply(aim, Visibility.PRIVATE, datetime.now(UTC)).ok
    assert not without.can_reply(aim, Visibility.PRIVATE, datetime.now(UTC)).ok
    assert with_it.message_privately(outgoing(with_it, aim, "Halo", private=True)).platform_id.startswith("message:aWd")


def test_whoever_blocks_us_is_told_apart(server: GraphServer) -> None:
    said = server.writes_message(BUDI, "x", platform="instagram")
    server.nodes[f"t_instagram_{BUDI}"]["_blocked"] = True
    ours = channel(server)

    with pytest.raises(Never) as refused:
        ours.message_privately(outgoing(ours, target(f"message:{said}"), "Halo", private=True))

    assert refused.value.kind == "blocked"


def test_an_answer_that_is_a_message_is_no_public_one(server: GraphServer) -> None:
    ours = channel(server)

    with pytest.raises(Never):
        ours.reply(outgoing(ours, target("message:aWd1"), "Halo"))


def test_a_thread_that_cannot_be_read_leaves_it_open_whether_the_text_stands(server: GraphServer) -> None:
    ours = channel(server)
    server.plan(10, status=403)

    with pytest.raises(TryAgain):
        ours.find_own(outgoing(ours, target("comment:1790"), "Halo"))


# The token


def test_the_check_tells_who_we_are_and_which_rights_are_missing(server: GraphServer) -> None:
    good = channel(server).check()
    server.scopes.remove("instagram_manage_comments")
    lacking = channel(server).check()

    assert (good.ok, good.said) == (True, "Instagram account @kopisenja")
    assert not lacking.ok
    assert "instagram_manage_comments" in lacking.said


def test_a_token_that_ended_locks_us_out(server: GraphServer) -> None:
    ours = channel(server, token=SecretStr("EAAold"))

    with pytest.raises(LockedOut):
        all_of(ours)
