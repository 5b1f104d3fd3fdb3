"""`tanggap doctor` on Slack, and `tanggap slack`: what is wrong there is named, with what would mend it."""

import pytest
from command_line import CommandLine, Ran
from factories import Life
from gateway_site import listening
from slack_life import show
from slack_server import CHANNELS, OVER_HTTP, SIGNING_SECRET, TEAM, USERS

from db.words import Gate
from desk.settings import Settings
from policy.slack import GateInSlack, SlackRules

pytest_plugins = ("lives", "slack_fixtures")


@pytest.fixture
def tanggap(slack_life, faulty, monkeypatch, capsys, tmp_path) -> CommandLine:
    """The command line of a desk whose tokens lead to the test's Slack, over Socket Mode."""
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"TANGGAP_{name}", raising=False)
    monkeypatch.setenv("TANGGAP_SLACK_BOT_TOKEN", OVER_HTTP.bot_token)
    monkeypatch.setenv("TANGGAP_SLACK_APP_TOKEN", OVER_HTTP.app_token)
    monkeypatch.setenv("TANGGAP_SLACK_API_URL", faulty.api_url)
    return CommandLine(monkeypatch, capsys, tmp_path).at(slack_life.desk)


def about_slack(ran: Ran) -> list[dict]:
    return [one for one in ran.json["findings"] if one["what"].startswith("slack")]


def unwell(ran: Ran) -> dict[str, str]:
    """What is said of what is not well, by what it is about; with how to mend it."""
    return {one["what"]: f"{one['said']} → {one['mend']}" for one in about_slack(ran) if one["level"] != "ok"}


def with_rules(life: Life, **changes: object) -> None:
    life.with_policy(slack=life.desk.policy.slack.model_copy(update=changes))


# doctor


def test_without_tokens_slack_is_simply_not_set_up(tanggap, monkeypatch):
    monkeypatch.delenv("TANGGAP_SLACK_BOT_TOKEN")
    monkeypatch.delenv("TANGGAP_SLACK_APP_TOKEN")

    (only,) = about_slack(tanggap("doctor", "--json"))

    assert (only["level"], only["said"]) == ("ok", "not set up: reviews wait in `tanggap inbox`")


def test_what_is_well_is_said_too(tanggap):
    ran = tanggap("doctor", "--json")

    assert unwell(ran) == {}
    said = "\n".join(one["said"] for one in about_slack(ran))
    assert TEAM in said
    assert "#review-pr" in said
    assert "Socket Mode opens" in said
    assert f"{len(USERS)} people" in said


def test_without_a_way_back_for_decisions_a_warning_is_due(tanggap, monkeypatch):
    monkeypatch.delenv("TANGGAP_SLACK_APP_TOKEN")

    assert "decisions cannot come back" in unwell(tanggap("doctor", "--json"))["slack"]


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked"])
def test_a_token_that_slack_refuses_is_named(error, tanggap, faulty):
    faulty.refuse("auth.test", error, times=None)

    ran = tanggap("doctor", "--json")

    assert ran.code == 1
    assert error in unwell(ran)["slack"]
    assert "TANGGAP_SLACK_BOT_TOKEN" in unwell(ran)["slack"]


def test_scopes_that_the_app_lacks_are_named(tanggap, faulty):
    faulty.scopes -= {"usergroups:read", "im:write"}

    assert "lacks the scopes im:write, usergroups:read" in unwell(tanggap("doctor", "--json"))["slack"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"is_archived": True}, "is archived"),
        ({"is_member": False}, "/invite @tanggap"),
        ({"is_ext_shared": True}, "shared with another company"),
    ],
)
def test_a_channel_that_cannot_be_used_is_named_with_its_gate(how, said, tanggap, faulty):
    faulty.channels[CHANNELS["legal"]] = how

    assert said in unwell(tanggap("doctor", "--json"))["slack legal"]


def test_a_channel_that_does_not_exist_is_named(tanggap, slack_life):
    gates = {**slack_life.desk.policy.slack.gates, Gate.PR: GateInSlack(channel="C0NOWHERE")}
    with_rules(slack_life, gates=gates)
    tanggap.at(slack_life.desk)

    assert "C0NOWHERE" in unwell(tanggap("doctor", "--json"))["slack pr"]


def test_gates_without_a_channel_and_people_without_an_id_are_named(tanggap, slack_life):
    slack_life.with_policy(slack=SlackRules(gates={Gate.CS: GateInSlack(channel=CHANNELS["cs"])}))
    tanggap.at(slack_life.desk)

    found = unwell(tanggap("doctor", "--json"))

    assert "no channel for pr, legal, executive" in found["slack"]
    assert "cs-lead" in found["slack people"]


def test_a_group_that_cannot_be_read_is_named(tanggap, slack_life, faulty):
    gates = {
        **slack_life.desk.policy.slack.gates,
        Gate.PR: GateInSlack(channel=CHANNELS["pr"], group="S0REVIEW"),
    }
    with_rules(slack_life, gates=gates)
    tanggap.at(slack_life.desk)
    faulty.refuse("usergroups.users.list", "no_such_subteam", times=None)

    assert "S0REVIEW" in unwell(tanggap("doctor", "--json"))["slack pr"]


def test_people_who_cannot_decide_in_slack_are_named(tanggap, faulty):
    faulty.users[USERS["pr-sari"]] = {"deleted": True}
    faulty.users[USERS["pr-budi"]] = {"is_restricted": True}

    said = unwell(tanggap("doctor", "--json"))["slack people"]

    assert "pr-sari" in said
    assert "pr-budi" in said
    assert "legal-ani" not in said


def test_socket_mode_that_does_not_open_is_broken(tanggap, faulty):
    faulty.refuse("apps.connections.open", "not_allowed_token_type", times=None)

    assert "connections:write" in unwell(tanggap("doctor", "--json"))["slack"]


def test_a_signed_click_that_gets_through_is_proved(tanggap, slack_life, faulty, monkeypatch, tmp_path):
    monkeypatch.delenv("TANGGAP_SLACK_APP_TOKEN")
    monkeypatch.setenv("TANGGAP_SLACK_SIGNING_SECRET", SIGNING_SECRET)
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        slack_bot_token=OVER_HTTP.bot_token,
        slack_signing_secret=SIGNING_SECRET,
        slack_api_url=faulty.api_url,
    )
    with listening(slack_life.desk, settings=settings) as url:
        monkeypatch.setenv("TANGGAP_PUBLIC_URL", url)
        well = tanggap("doctor", "--json")
        monkeypatch.setenv("TANGGAP_SLACK_SIGNING_SECRET", "another secret")
        refused = tanggap("doctor", "--json")

    (click,) = [one for one in about_slack(well) if one["what"] == "slack clicks"]
    assert click["level"] == "ok"
    assert "another signing secret" in unwell(refused)["slack clicks"]


def test_a_click_that_does_not_get_through_is_broken(tanggap, monkeypatch):
    monkeypatch.delenv("TANGGAP_SLACK_APP_TOKEN")
    monkeypatch.setenv("TANGGAP_SLACK_SIGNING_SECRET", SIGNING_SECRET)
    monkeypatch.setenv("TANGGAP_PUBLIC_URL", "http://127.0.0.1:9")

    assert "does not get to http://127.0.0.1:9/slack/events" in unwell(tanggap("doctor", "--json"))["slack clicks"]


def test_cards_that_cannot_be_shown_are_counted_with_their_error(tanggap, slack_life, slack, faulty):
    slack_life.in_review()
    faulty.refuse("chat.postMessage", "is_archived", times=None, channel=CHANNELS["cs"])
    show(slack_life, slack)

    assert "is_archived in C0CS" in unwell(tanggap("doctor", "--json"))["slack cards"]


def test_a_backlog_is_told_with_its_age(tanggap, slack_life):
    slack_life.in_review()
    slack_life.later(minutes=20)

    said = unwell(tanggap("doctor", "--json"))["slack cards"]

    assert "1 card and 0 notices still to be shown, the oldest for 20 minutes" in said


# slack


def test_channels_and_people_are_listed_with_their_ids(tanggap):
    found = tanggap("slack", "--json").json

    channels = {one["id"]: one for one in found["channels"]}
    people = {one["id"]: one for one in found["people"]}
    assert channels[CHANNELS["pr"]]["gates"] == ["pr"]
    assert channels[CHANNELS["pr"]]["member"]
    assert people[USERS["pr-sari"]]["person"] == "pr-sari"
    assert OVER_HTTP.bot not in people


def test_the_lists_are_tables_for_people(tanggap):
    ran = tanggap("slack")

    assert ran.code == 0
    assert CHANNELS["legal"] in ran.out
    assert USERS["legal-ani"] in ran.out


def test_without_a_token_it_says_what_to_set(tanggap, monkeypatch):
    monkeypatch.delenv("TANGGAP_SLACK_BOT_TOKEN")

    ran = tanggap("slack")

    assert ran.code == 1
    assert "TANGGAP_SLACK_BOT_TOKEN" in ran.err
