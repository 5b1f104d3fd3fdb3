"""What the shipped rules, docs/channels and .env.example say of the channels fits the adapters."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from integrations.channels.registry import OWN, adapter_named, adapter_names, problems, secrets_of, variable_for
from policy.channels import ChannelRules, Channels, Circuit, Coverage
from policy.reading import read_rules

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/channels"
SHIPPED = read_rules(ROOT / "policy/channels.yaml", Channels).channels
PLATFORMS = [name for name in adapter_names() if name not in OWN and (PAGES / f"{name}.md").exists()]


def page(name: str) -> str:
    """The page of a channel."""
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def examples(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The channels that a page writes down, each with all that channels.yaml says of it."""
    for block in re.findall(r"```yaml\n(.*?)```", page(name), re.DOTALL):
        written = yaml.safe_load(dedent(block))
        yield from written.get("channels", written).items()


def variables() -> Iterator[str]:
    """The environment variable of each secret that an account `default` may have."""
    for name in PLATFORMS:
        yield from (
            variable_for(name, "default", secret) for secret, _ in secrets_of(adapter_named(name).settings_type)
        )


def test_every_shipped_adapter_has_a_page() -> None:
    shipped = set(re.findall(r"^\| \[(\w+)\]\(channels/", (ROOT / "docs/channels.md").read_text(), re.MULTILINE))

    assert shipped == set(PLATFORMS)
    assert len(shipped) == len(list(PAGES.glob("*.md")))


def test_nothing_is_posted_on_a_platform_before_a_company_says_so() -> None:
    by_itself = {name for name, rules in SHIPPED.items() if rules.adapter not in ("manual", "file", "web")}

    assert by_itself == {"webhook"}
    assert SHIPPED["webhook"].accounts == {"default": {"certainty": "idempotent"}}


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_pages_example_can_be_used_as_it_stands(name: str) -> None:
    written = dict(examples(name))

    assert written
    assert list(problems({channel: ChannelRules.model_validate(rules) for channel, rules in written.items()})) == []


@pytest.mark.parametrize("name", [name for name in PLATFORMS if name != "webhook"])
def test_a_pages_example_has_the_limits_that_are_shipped(name: str) -> None:
    def but_for_accounts(rules: ChannelRules) -> Mapping[str, Any]:
        return rules.model_dump(exclude={"adapter", "accounts"})

    ((channel, written),) = examples(name)

    assert channel == name
    assert but_for_accounts(ChannelRules.model_validate(written)) == but_for_accounts(SHIPPED[name])


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_page_tells_every_setting(name: str) -> None:
    model = adapter_named(name).settings_type
    secrets = {secret for secret, _ in secrets_of(model)}
    told = page(name)

    untold = [field for field in model.model_fields if field not in secrets and not re.search(rf"\b{field}\b", told)]
    untold += [variable for secret in secrets if (variable := variable_for(name, "default", secret)) not in told]

    assert untold == []


def test_the_page_of_the_policy_tells_every_rule_of_a_channel() -> None:
    told = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    rules = [*ChannelRules.model_fields, *Circuit.model_fields, *Coverage.model_fields, *Channels.model_fields]

    assert [field for field in rules if f"`{field}`" not in told and field != "channels"] == []


def test_the_example_of_an_environment_has_every_secret_of_a_channel() -> None:
    told = re.findall(r"^#(TANGGAP_\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    channels = tuple(f"TANGGAP_{name.upper()}_" for name in PLATFORMS)

    assert sorted(name for name in told if name.startswith(channels)) == sorted(variables())
