"""The channels that the settings name, and those that carry nothing out into the world."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import Certainty, Channel, Never, Outgoing, Target, TryAgain
from integrations.channels.file import FileChannel
from integrations.channels.manual import ManualChannel
from integrations.channels.registry import (
    Channels,
    NoAdapter,
    adapter_named,
    build_channels,
    problems,
    read_account,
    unfinished,
)
from integrations.channels.sandbox import SandboxChannel

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Settings:
    adapter: str
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"default": {}})
    private: bool = False
    private_talk: bool = True
    reply_window: timedelta | None = None


def built(home, environment=None, **rules: Settings) -> Channels:
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    return build_channels(rules, home, engine, clock=SetClock(NOW), environment=environment or {})


def answer(**changes) -> Outgoing:
    fields = {
        "key": "dl-7",
        "text": "Terima kasih.",
        "visibility": Visibility.PUBLIC,
        "kind": DeliveryKind.REPLY,
        "channel": "x",
        "account": "default",
        "reference": "TG-1042",
        "target": Target(external_id="x-1"),
    }
    return Outgoing(**{**fields, **changes})


def test_every_channel_and_account_is_made(tmp_path):
    channels = built(
        tmp_path,
        {"TANGGAP_WEBHOOK_SECRET": "k"},
        file=Settings("file"),
        web=Settings("web"),
        x=Settings("manual", {"a": {}, "b": {}}),
        webhook=Settings("webhook", {"default": {"certainty": "read_back", "url": "http://a.example"}}),
    )

    assert [(channel.name, channel.account, channel.manual, channel.certainty.value) for channel in channels.all()] == [
        ("file", "default", False, "read_back"),
        ("web", "default", False, "idempotent"),
        ("webhook", "default", False, "read_back"),
        ("x", "a", True, "neither"),
        ("x", "b", True, "neither"),
    ]
    assert channels.unset() == []


def test_a_channel_that_the_settings_call_private_is_private_in_the_drop_folder(tmp_path):
    channels = built(tmp_path, file=Settings("file"), forum=Settings("manual", private=True))
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "inbox" / "a.jsonl"
    path.write_text('{"channel": "forum", "external_id": "1", "text": "Halo", "posted_at": "2026-03-02T09:00:00Z"}\n')
    os.utime(path, (1_000_000_000, 1_000_000_000))

    (page,) = channels.get("file").fetch(None)

    assert [item.visibility for item in page.items] == [Visibility.PRIVATE]


def test_an_account_that_only_a_record_named_has_its_channels_settings(tmp_path):
    channels = built(tmp_path, youtube=Settings("manual", private_talk=False))

    made = channels.get("youtube", "second")

    assert (made.account, made.can_reply(Target(), Visibility.PRIVATE, NOW).ok) == ("second", False)
    assert channels.get("youtube", "second") is made


def test_a_person_posts_on_a_channel_that_nobody_knows(tmp_path):
    assert built(tmp_path).get("myspace", "default").manual


def test_a_person_posts_what_a_webhook_without_an_address_would(tmp_path):
    assert built(tmp_path, webhook=Settings("webhook")).get("webhook").manual


@pytest.mark.parametrize(
    ("given", "environment", "missing"),
    [
        ({"url": "http://a.example"}, {}, "environment variable with its secret"),
        ({"url": "http://a.example", "secret_env": "KEY"}, {"TANGGAP_WEBHOOK_SECRET": "k"}, "with its secret"),
        ({"url": "a.example"}, {"TANGGAP_WEBHOOK_SECRET": "k"}, "is no address"),
        ({"address": "http://a.example"}, {}, "`address` is not known"),
    ],
)
def test_a_webhook_that_lacks_something_says_what_it_is(tmp_path, given, environment, missing):
    channels = built(tmp_path, environment, webhook=Settings("webhook", {"default": given}))

    (channel,) = channels.unset()
    assert missing in channel.can_reply(Target(), Visibility.PUBLIC, NOW).why
    with pytest.raises(TryAgain, match=missing):
        channels.get("webhook").reply(answer())


def test_an_account_of_its_own_has_a_secret_of_its_own(tmp_path):
    forum = Settings(
        "webhook", {"toko-2": {"url": "http://a.example"}, "lain": {"url": "http://b.example", "secret_env": "K"}}
    )

    channels = built(tmp_path, {"TANGGAP_FORUM_TOKO_2_SECRET": "a", "K": "b"}, forum=forum)

    assert channels.unset() == []
    assert [channel.account for channel in channels.all()] == ["lain", "toko-2"]


def test_an_adapter_that_does_not_exist_stops_its_channel_only(tmp_path):
    channels = built(tmp_path, x=Settings("carrier_pigeon"), file=Settings("file"))

    (channel,) = channels.unset()
    assert "carrier_pigeon" in channel.missing
    assert isinstance(channels.get("file"), FileChannel)
    with pytest.raises(NoAdapter, match="carrier_pigeon"):
        adapter_named("carrier_pigeon")


def test_what_a_person_posts_is_never_sent():
    channel = ManualChannel("x")

    with pytest.raises(Never, match="tanggap posted TG-1042 URL"):
        channel.reply(answer())
    assert channel.find_own(answer()) is None


def test_a_sandbox_posts_once_for_a_key():
    channel = SandboxChannel("x", clock=SetClock(NOW))

    first = channel.reply(answer())

    assert channel.reply(answer()) == first == channel.find_own(answer())
    assert [posted.out.text for posted in channel.posts.values()] == ["Terima kasih."]


def test_nothing_is_said_in_public_below_a_removed_post():
    channel = SandboxChannel("x", clock=SetClock(NOW))

    channel.removed("x-1")

    assert (
        channel.can_reply(Target(external_id="x-1"), Visibility.PUBLIC, NOW).why == "the post was removed by its author"
    )
    assert channel.can_reply(Target(external_id="x-1"), Visibility.PRIVATE, NOW).ok
    with pytest.raises(Never):
        channel.reply(answer())


def test_a_target_comes_back_from_its_row_as_it_was():
    target = Target(external_id="x-1", email="a@b.example", last_heard_at=NOW)

    assert Target.from_json({**target.as_json(), "unknown": 1}) == target


def test_every_channel_is_one(tmp_path):
    made: list[Channel] = built(tmp_path, file=Settings("file"), web=Settings("web"), x=Settings("manual")).all()

    assert all(
        isinstance(channel.certainty, Certainty) for channel in [*made, SandboxChannel("x", clock=SetClock(NOW))]
    )


def test_a_database_that_is_away_is_tried_again(tmp_path):
    channel = built(tmp_path, web=Settings("web")).get("web")

    with pytest.raises(TryAgain, match="database cannot be reached"):
        channel.reply(answer())
    with pytest.raises(TryAgain, match="database cannot be reached"):
        channel.find_own(answer())


@pytest.mark.parametrize(
    ("adapter", "given", "environment", "said"),
    [
        ("telegram", {"username": "toko_bot"}, {"TOKEN": "abc"}, "TANGGAP_TELEGRAM_TOKEN: this is no token of a bot"),
        (
            "x",
            {},
            dict.fromkeys(("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET"), "abc"),
            "accounts: default: the access token does not begin with our account's number",
        ),
        (
            "mastodon",
            {"url": "here"},
            {"TOKEN": "abc"},
            "in channels.yaml, accounts: default: `url` `here` is no address",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place_and_never_its_secret(adapter, given, environment, said):
    named = {f"TANGGAP_{adapter.upper()}_{field}": value for field, value in environment.items()}

    told = read_account(adapter_named(adapter), adapter, "default", given, named)

    assert said in str(told)
    assert "abc" not in str(told)


def test_rules_are_checked_without_their_secrets():
    x = Settings("x", accounts={"default": {}})
    odd = Settings("x", accounts={"default": {"user_id": "kita"}})

    assert list(problems({"x": x})) == []
    assert [said for _, said in problems({"x": odd})] == [
        "x is not set up: in channels.yaml, accounts: default: `user_id` is our account's number (docs/channels.md)"
    ]


def test_accounts_that_lack_something_are_named_before_anything_is_started():
    rules = {
        "mastodon": Settings("mastodon", accounts={"default": {"url": "https://a.example"}, "toko": {}}),
        "merpati": Settings("merpati"),
        "x": Settings("manual"),
    }

    told = list(unfinished(rules, {"TANGGAP_MASTODON_TOKEN": "abc", "TANGGAP_MASTODON_TOKO_TOKEN": "def"}))

    assert [said.partition(":")[0] for said in told] == ["mastodon/toko is not set up", "merpati"]
    assert "`url` is missing" in told[0]
    assert "there is no adapter `merpati`" in told[1]
