"""Which stages a desk has: all of prefect.yaml, and `slack` only where there is a Slack."""

from desk.settings import Settings
from desk.up.deploy_file import deployment_file, is_wanted, read_deployments, stages_of

ALWAYS = ["intake", "respond", "deliver", "watch"]


def settings(**given: str) -> Settings:
    return Settings(_env_file=None, **given)


def test_without_a_bot_token_nobody_is_on_duty_at_slack(monkeypatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    monkeypatch.delenv("TANGGAP_SLACK_BOT_TOKEN", raising=False)

    assert stages_of(read_deployments(deployment_file()), settings()) == ALWAYS


def test_with_a_bot_token_slack_is_a_stage_like_the_others() -> None:
    found = stages_of(read_deployments(deployment_file()), settings(slack_bot_token="xoxb-1"))

    assert found == [*ALWAYS, "slack"]


def test_every_other_deployment_is_always_wanted() -> None:
    wanted = [one["name"] for one in read_deployments(deployment_file()) if is_wanted(one, settings())]

    assert {"review", "follow-up", "report", "maintain", *ALWAYS} <= set(wanted)
