"""`tanggap channels`: how each account fares, and which adapters there are."""

from dataclasses import replace

import pytest
from command_line import CommandLine
from factories import Fickle, Life

from db.tables import ChannelState, Way
from integrations.channels.base import LockedOut, TryAgain
from integrations.channels.manual import ManualChannel
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.channels.unset import UnsetChannel
from tasks.circuits import failed, resting, worked
from tasks.metering import Meter


@pytest.fixture
def life(desk, clock) -> Life:
    return Life(desk, clock)


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    command = CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)
    monkeypatch.setenv("COLUMNS", "240")
    return command


def at(tanggap: CommandLine, life: Life) -> CommandLine:
    return tanggap.at(life.desk)


def line(tanggap: CommandLine, channel: str, account: str = "default") -> dict:
    (found,) = [
        one for one in tanggap("channels", "--json").json if (one["channel"], one["account"]) == (channel, account)
    ]
    return found


def row(tanggap: CommandLine, name: str) -> str:
    (found,) = [shown for shown in tanggap("channels").out.splitlines() if name in shown.split()]
    return found


def test_every_account_is_listed(tanggap, life):
    listed = tanggap("channels", "--json").json

    assert [one["channel"] for one in listed] == sorted(life.desk.policy.channels.known)
    assert {one["account"] for one in listed} == {"default"}


def test_what_came_in_and_what_waits_is_counted(tanggap, life):
    life.approved(handle="satu")
    life.later(hours=25)
    life.comes("hal lain lagi", handle="dua")

    found = line(tanggap, "instagram")

    assert (found["heard"], found["waiting"]) == (1, 1)
    assert found["last_heard_at"].startswith("2026-03-03T03:00")


def test_an_account_that_is_well_says_so(tanggap, life):
    worked(life.desk, "instagram", "default", Way.IN)

    assert "well" in row(tanggap, "instagram")


def test_what_fails_is_said_with_its_reason(tanggap, life):
    failed(life.desk, "instagram", "default", Way.PUBLIC, LockedOut("the token has expired"))
    life.later(hours=2)

    found = line(tanggap, "instagram")

    (way,) = found["ways"]
    assert (way["way"], way["why"]) == ("public", "the token has expired")
    assert way["down_since"].startswith("2026-03-02T02:00")
    said = row(tanggap, "instagram")
    assert "not let in since" in said
    assert "the token has expired" in said
    assert "Mended it? `tanggap channels --try ACCOUNT`" in tanggap("channels").out


def test_why_we_are_not_let_in_is_said_once_for_all_ways(tanggap, life):
    for way in Way:
        failed(life.desk, "instagram", "default", way, LockedOut("the token has expired"))

    assert row(tanggap, "instagram").count("the token has expired") == 1


def test_a_way_that_fails_is_said_with_its_reason(tanggap, life):
    for _ in range(5):
        failed(life.desk, "instagram", "default", Way.PUBLIC, TryAgain("it answered 503"))

    said = row(tanggap, "instagram")

    assert "answering in public fails since" in said
    assert "it answered 503" in said


def test_what_has_only_been_asked_to_wait_for_long_says_so(tanggap, life):
    failed(life.desk, "instagram", "default", Way.IN, TryAgain("429: too many requests", after=7200))
    assert "rests for" in row(tanggap, "instagram")

    life.later(minutes=61)

    said = row(tanggap, "instagram")
    assert "reading has only been asked to wait since" in said
    assert "429: too many requests" in said


def test_what_rests_is_said_with_its_seconds(tanggap, life):
    failed(life.desk, "instagram", "default", Way.PRIVATE, TryAgain("429", after=100))

    said = row(tanggap, "instagram")

    assert "writing privately rests for 1" in said
    assert "fails" not in said


def test_a_rest_that_is_over_is_not_said(tanggap, life):
    failed(life.desk, "instagram", "default", Way.PRIVATE, TryAgain("429", after=100))
    life.later(seconds=111)

    assert "rests" not in row(tanggap, "instagram")


def test_silence_is_said(tanggap, life):
    worked(life.desk, "instagram", "default", Way.IN)
    with life.desk.transaction() as session:
        session.get_one(ChannelState, ("instagram", "default", Way.IN)).quiet_since = life.now()

    assert "far quieter than usual" in row(tanggap, "instagram")


def test_this_months_cost_is_added_up(tanggap, life):
    meter = Meter(life.desk.engine, life.clock, "x", "default", (), {"post": 0.015, "read": 0.005})
    meter.spend("post", 200)
    meter.spend("read", 1_000)
    meter.spend("look", 3)

    found = line(tanggap, "x")

    assert (found["cost_micros"], found["done"]) == (8_000_000, {"look": 3, "post": 200, "read": 1_000})
    assert "$8.00" in row(tanggap, "x")
    life.later(days=31)
    assert line(tanggap, "x")["cost_micros"] == 0


def test_each_items_cost_is_shown_the_dearest_first(tanggap, life):
    meter = Meter(life.desk.engine, life.clock, "x", "default", (), {"post_with_url": 0.20, "mention_read": 0.001})
    meter.spend_once("mention_read", ["post:1", "post:2"])
    meter.spend("post_with_url", 3)
    meter.spend("look", 4)

    listed = tanggap("channels", "--costs", "--json").json
    said = tanggap("channels", "--costs").out

    assert [(one["what"], one["count"], one["cost_micros"]) for one in listed] == [
        ("post_with_url", 3, 600_000),
        ("mention_read", 2, 2_000),
        ("look", 4, 0),
    ]
    assert [shown.split() for shown in said.splitlines() if "look" in shown] == [["x", "look", "4", "no", "price"]]
    assert "$0.602 by the prices" in said


def test_an_earlier_month_can_be_looked_at(tanggap, life):
    Meter(life.desk.engine, life.clock, "x", "default", (), {"post": 0.015}).spend("post", 2)
    then = f"{life.clock.now():%Y-%m}"
    life.later(days=31)

    assert "$0.030 by the prices" in tanggap("channels", "--month", then).out
    assert "Nothing that may cost money" in tanggap("channels", "--costs").out


def test_what_is_no_month_is_refused(tanggap):
    refused = tanggap("channels", "--month", "November")

    assert refused.code == 1
    assert "2026-11" in refused.err


def test_an_account_without_its_settings_says_what_is_missing(tanggap, life):
    life.with_channel(UnsetChannel("x", "default", "set TANGGAP_X_TOKEN"))
    tanggap = at(tanggap, life)

    assert line(tanggap, "x")["missing"] == "set TANGGAP_X_TOKEN"
    assert "set TANGGAP_X_TOKEN" in row(tanggap, "x")


def test_where_a_person_posts_it_is_said(tanggap, life):
    life.with_channel(ManualChannel("x"))

    listed = at(tanggap, life)("channels").out.splitlines()

    assert listed[-1] == "A person posts what was approved on x."
    assert not any(shown.startswith("x ") for shown in listed)


def test_where_a_person_posts_what_waits_is_shown(tanggap, life):
    life.with_channel(ManualChannel("instagram"))
    life.comes("Blender saya rusak, tolong diganti.")

    assert "a person posts there" in row(at(tanggap, life), "instagram")


def test_an_account_that_was_never_read_does_not_say_that_it_is_well(tanggap, life):
    x = SandboxChannel("x", clock=life.clock)
    x.listens = True
    life.with_channel(x)
    assert "not read yet" in row(at(tanggap, life), "x")

    worked(life.desk, "x", "default", Way.IN)

    assert "well, read 09:00" in row(at(tanggap, life), "x")


def test_several_accounts_of_one_channel_are_told_apart(tanggap, life, clock):
    channels = {("x", name): SandboxChannel("x", name, clock=clock) for name in ("default", "toko")}
    life.desk = replace(life.desk, channels=Channels(channels))
    failed(life.desk, "x", "toko", Way.PUBLIC, LockedOut("expired"))
    tanggap = at(tanggap, life)

    assert "expired" in row(tanggap, "x/toko")
    assert "expired" not in row(tanggap, "x")


def test_a_person_who_mended_it_has_it_tried_at_once(tanggap, life):
    failed(life.desk, "instagram", "default", Way.PUBLIC, LockedOut("expired"))
    failed(life.desk, "x", "default", Way.PUBLIC, LockedOut("expired"))

    tried = tanggap("channels", "--try", "instagram")

    assert tried.out.startswith("instagram is tried at once")
    assert resting(life.desk, "instagram", "default", Way.PUBLIC) is None
    assert resting(life.desk, "x", "default", Way.PUBLIC) is not None


@pytest.mark.parametrize("name", ["carrier_pigeon", "x/lain", ""])
def test_an_account_that_is_not_there_cannot_be_tried(tanggap, name):
    ran = tanggap("channels", "--try", name)

    assert ran.code == 1
    assert "There is no account" in ran.err


def test_the_adapters_say_what_they_need(tanggap):
    listed = {one["adapter"]: one for one in tanggap("channels", "--adapters", "--json").json}

    assert {"file", "web", "manual", "sandbox", "webhook"} <= set(listed)
    assert "secret" in listed["webhook"]["secrets"]
    assert "url" in listed["webhook"]["needs"] + listed["webhook"]["may_have"]
    assert "webhook" in tanggap("channels", "--adapters").out


def test_a_text_that_waits_for_a_person_is_counted_as_waiting(tanggap, life):
    life.with_channel(Fickle())
    life.in_review()
    life.with_channel(ManualChannel("instagram"))
    for review in life.open_reviews("TG-1001"):
        life.decide("TG-1001", review.gate)

    assert line(at(tanggap, life), "instagram")["waiting"] == 1


class _Templates(SandboxChannel):
    """A platform whose approved templates are those that a test names."""

    approved: tuple[str, ...] = ()

    def is_template(self, text: str) -> bool | None:
        return any(word in text for word in self.approved)


@pytest.mark.parametrize(
    ("approved", "asked"), [((), ["`en`", "`id`"]), (("TG-1042), tetapi",), ["`en`"]), (("number TG-1042", "Halo"), [])]
)
def test_the_doctor_says_in_which_language_nobody_can_be_asked_to_write_back(tanggap, life, approved, asked):
    channel = _Templates("whatsapp", clock=life.clock)
    channel.approved = approved
    life.with_channel(channel)

    found = at(tanggap, life)("doctor", "--json").json["findings"]

    warned = [one for one in found if one["what"] == "channel whatsapp" and one["level"] == "warning"]
    assert sorted(language for one in warned for language in ("`id`", "`en`") if language in one["said"]) == asked
    assert all("{number}" in one["mend"] for one in warned)
