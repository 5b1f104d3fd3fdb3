"""What `tanggap doctor` says of Slack: tokens, scopes, channels, people, and whether clicks get through."""

import json
import time
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from desk.cli.findings import Finding, Findings, Level
from policy.spelled import counted

if TYPE_CHECKING:
    from desk.settings import Settings
    from integrations.slack.client import Slack
    from policy.loading import Policy
    from policy.slack import SlackRules
    from tasks.desk import Desk

NEEDED = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "links:read",
        "links:write",
        "reactions:read",
        "usergroups:read",
        "users:read",
    }
)
"""The scopes of slack-manifest.yaml."""
INSTALL = "Add what is missing under OAuth & Permissions (slack-manifest.yaml has all), then install the app again."
PATIENCE = 5


def slack_itself(settings: "Settings", policy: "Policy | None") -> Findings:
    """What Slack says: who we are, what we may do, where we are, and who is who there."""
    missing = _missing_token(settings)
    if missing is not None:
        yield missing
        return
    from desk.opening import open_slack
    from integrations.slack.errors import SlackTrouble

    slack = open_slack(settings)
    assert slack is not None
    try:
        ours = slack.ourselves()
    except SlackTrouble as trouble:
        mend = "Copy the bot token anew from OAuth & Permissions into TANGGAP_SLACK_BOT_TOKEN."
        away = f"Look whether {settings.slack_api_url} can be reached from here."
        yield Finding("slack", Level.BROKEN, str(trouble), away if trouble.why == "unreachable" else mend)
        return
    yield Finding("slack", Level.GOOD, f"in the workspace {ours.team_name} ({ours.team}) as {ours.user}")
    lacking = NEEDED - ours.scopes if ours.scopes else frozenset()
    if lacking:
        yield Finding("slack", Level.BROKEN, f"the app lacks the scopes {', '.join(sorted(lacking))}", INSTALL)
    yield from _ways_in(settings)
    if policy is not None:
        yield from _channels(slack, policy.slack)
        yield from _groups(slack, policy.slack)
        yield from _people(slack, policy)


def _missing_token(settings: "Settings") -> Finding | None:
    tokens = (settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret)
    if all(token is None for token in tokens):
        return Finding("slack", Level.GOOD, "not set up: reviews wait in `tanggap inbox`")
    if settings.slack_bot_token is None:
        said = "some of its tokens are set, its bot token is not"
        return Finding("slack", Level.BROKEN, said, "Set TANGGAP_SLACK_BOT_TOKEN.")
    return None


def _ways_in(settings: "Settings") -> Findings:
    """How decisions come back: over a connection of ours, or to the gateway's address."""
    from integrations.slack.client import Slack
    from integrations.slack.errors import SlackTrouble

    if settings.slack_app_token is not None:
        try:
            Slack(settings.slack_app_token.get_secret_value(), settings.slack_api_url).open_socket()
        except SlackTrouble as trouble:
            mend = "Make an app-level token with the scope connections:write, and switch Socket Mode on."
            yield Finding("slack", Level.BROKEN, f"Socket Mode does not open: {trouble}", mend)
        else:
            yield Finding("slack", Level.GOOD, "Socket Mode opens")
    elif settings.slack_signing_secret is None:
        said = "cards can be posted, decisions cannot come back"
        mend = "Set TANGGAP_SLACK_APP_TOKEN, or TANGGAP_SLACK_SIGNING_SECRET for requests over HTTP."
        yield Finding("slack", Level.WARNING, said, mend)
    else:
        yield Finding("slack", Level.GOOD, f"Slack's requests are to come to {settings.gateway_url}/slack/events")


def _channels(slack: "Slack", rules: "SlackRules") -> Findings:
    from db.words import Gate
    from integrations.slack.errors import SlackTrouble

    without = [gate.value for gate in Gate if gate not in rules.gates]
    if without:
        said = f"no channel for {', '.join(without)}: their reviews wait in `tanggap inbox`"
        yield Finding("slack", Level.WARNING, said, "Name their channels in slack.yaml; `tanggap slack` lists them.")
    channels = [(gate.value, there.channel, "cards stand") for gate, there in rules.gates.items()]
    if rules.staff is not None:
        channels.append(("staff", rules.staff.channel, "changed facts are told"))
    for whose, channel, purpose in channels:
        what = f"slack {whose}"
        try:
            found = slack.channel(channel)
        except SlackTrouble as trouble:
            mend = "Correct it in slack.yaml (`tanggap slack` lists channels), or invite the app to it."
            yield Finding(what, Level.BROKEN, f"{channel}: {trouble}", mend)
            continue
        name = f"#{found.get('name') or channel}"
        if found.get("is_archived"):
            mend = "Take it out of the archive, or name another one in slack.yaml."
            yield Finding(what, Level.BROKEN, f"{name} is archived", mend)
        elif found.get("is_member") is False:
            yield Finding(what, Level.BROKEN, f"the app is not in {name}", "Write /invite @tanggap there.")
        elif found.get("is_ext_shared"):
            mend = "Use a channel of your own: complaints are nobody else's to read."
            yield Finding(what, Level.WARNING, f"{name} is shared with another company", mend)
        else:
            yield Finding(what, Level.GOOD, f"{purpose} in {name}")


def _groups(slack: "Slack", rules: "SlackRules") -> Findings:
    from integrations.slack.errors import SlackTrouble

    for gate, group in rules.groups().items():
        what = f"slack {gate.value}"
        try:
            members = slack.group(group)
        except SlackTrouble as trouble:
            mend = "Correct the group in slack.yaml, or give the app the scope usergroups:read."
            yield Finding(what, Level.BROKEN, f"nobody decides by the group {group}: {trouble}", mend)
        else:
            level = Level.GOOD if members else Level.WARNING
            yield Finding(what, level, f"the group {group} has {counted(len(members), 'member')}")


def _people(slack: "Slack", policy: "Policy") -> Findings:
    """Those who are called by name can be reached, and nobody stands for somebody who left."""
    from integrations.slack.errors import SlackTrouble
    from integrations.slack.workspace import Workspace

    rules = policy.slack
    called = dict.fromkeys(name for people in policy.people.gates.values() for name in people.escalation)
    unknown = [name for name in called if rules.user_of(name) is None]
    if unknown and rules.configured:
        said = f"who is called when time runs out has no Slack id: {', '.join(unknown)}"
        mend = "Write them under `people` in slack.yaml (`tanggap slack` lists ids); till then their gate is told."
        yield Finding("slack people", Level.WARNING, said, mend)
    workspace, unfit = Workspace(slack), []
    try:
        for name, user in rules.people.items():
            found = workspace.user(user)
            if found is None:
                unfit.append(f"{name} ({user} is nobody)")
            elif found.gone or found.bot or found.guest or found.stranger:
                how = "left" if found.gone else "is an app" if found.bot else "is a guest"
                unfit.append(f"{name} ({user} {how})")
    except SlackTrouble as trouble:
        yield Finding("slack people", Level.WARNING, f"they cannot be looked up: {trouble}")
        return
    if unfit:
        said = f"cannot decide in Slack: {', '.join(unfit)}"
        yield Finding("slack people", Level.WARNING, said, "Correct `people` in slack.yaml.")
    elif rules.people:
        yield Finding("slack people", Level.GOOD, f"{len(rules.people)} people are known there by name")


def slack_and_desk(settings: "Settings", desk: "Desk") -> Findings:
    """What the tables say of Slack: whether a click gets through to them, and what still waits to be shown."""
    if settings.slack_bot_token is None:
        return
    if settings.slack_app_token is None and settings.slack_signing_secret is not None:
        yield _self_test(settings, desk)
    yield from _backlog(desk)


def _self_test(settings: "Settings", desk: "Desk") -> Finding:
    """Click a button that nobody sees, signed as Slack signs, and look whether it was written down."""
    import requests
    from slack_sdk.signature import SignatureVerifier

    from db.tables import SlackReceipt

    assert settings.slack_signing_secret is not None
    where, nonce, stamp = f"{settings.gateway_url}/slack/events", f"self-test:{token_hex(12)}", str(int(time.time()))
    body = urlencode({"payload": json.dumps(_click(nonce))})
    verifier = SignatureVerifier(settings.slack_signing_secret.get_secret_value())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": verifier.generate_signature(timestamp=stamp, body=body) or "",
    }
    try:
        answer = requests.post(where, data=body.encode(), headers=headers, timeout=PATIENCE, allow_redirects=False)
    except requests.RequestException as error:
        reason = type(error).__name__
        return Finding("slack clicks", Level.BROKEN, f"a click does not get to {where} ({reason})", _reach(settings))
    if answer.status_code != 200:
        said = f"{where} refuses a signed click ({answer.status_code})"
        return Finding("slack clicks", Level.BROKEN, said, _why_refused(answer.status_code))
    with desk.transaction() as session:
        heard = session.get(SlackReceipt, nonce) is not None
    if not heard:
        said = f"{where} took a click that this desk never saw"
        mend = "Another desk answers there: give its address to that one, or correct TANGGAP_PUBLIC_URL."
        return Finding("slack clicks", Level.BROKEN, said, mend)
    return Finding("slack clicks", Level.GOOD, f"a signed click got through {where}")


def _click(nonce: str) -> dict[str, object]:
    action = {"type": "button", "action_id": "self_test", "block_id": "self_test", "value": nonce, "action_ts": "1.1"}
    return {
        "type": "block_actions",
        "user": {"id": "U0SELFTEST", "team_id": "T0SELFTEST"},
        "team": {"id": "T0SELFTEST"},
        "api_app_id": "A0SELFTEST",
        "token": "",
        "trigger_id": "1.1",
        "container": {"type": "message"},
        "actions": [action],
    }


def _reach(settings: "Settings") -> str:
    if settings.public_url is None:
        return "Start the gateway with `tanggap up`, and set TANGGAP_PUBLIC_URL to the address that Slack can reach."
    return f"Start the gateway with `tanggap up`, and let {settings.public_url} lead to it, for POST too."


def _why_refused(status: int) -> str:
    if status == 401:
        return "The gateway has another signing secret than this command: start it again after changing it."
    if status == 404:
        return "The gateway was started without Slack's signing secret, or with an app token: start it again."
    return "Something between here and the gateway refuses it: a firewall, a proxy that allows no POST."


def _backlog(desk: "Desk") -> Findings:
    from sqlalchemy import select
    from sqlmodel import col

    from db.tables import SlackCard
    from tasks.slack_backlog import backlog

    with desk.transaction() as session:
        waiting = backlog(session, desk)
        stuck = session.execute(
            select(SlackCard.channel, SlackCard.why, SlackCard.stuck_since)  # type: ignore[call-overload]
            .where(col(SlackCard.stuck_since).is_not(None), col(SlackCard.scrubbed_at).is_(None))
            .order_by(col(SlackCard.stuck_since).desc())
        ).all()
    said = f"{counted(waiting.cards, 'card')} and {counted(waiting.notices, 'notice')} still to be shown"
    minutes = (desk.now() - waiting.oldest).total_seconds() / 60 if waiting.oldest is not None else 0.0
    if stuck:
        channel, why, since = stuck[0]
        last = f"{len(stuck)} cannot, the last since {since:%Y-%m-%d %H:%M} UTC: {why} in {channel}"
        yield Finding("slack cards", Level.WARNING, f"{said}; {last}", "Mend that channel; they follow by themselves.")
    elif minutes > 5:
        mend = "The stage `slack` shows them while `tanggap up` runs; if it does, look into the logs."
        yield Finding("slack cards", Level.WARNING, f"{said}, the oldest for {counted(round(minutes), 'minute')}", mend)
    else:
        yield Finding("slack cards", Level.GOOD, said if waiting.total else "nothing waits to be shown")
