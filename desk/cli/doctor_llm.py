"""The language model's part of `tanggap doctor`: is it there, has it that name, and do words travel unread to it."""

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from desk.cli.findings import Finding, Findings, Level

if TYPE_CHECKING:
    from desk.settings import Settings
    from policy.loading import Policy
    from tasks.desk import Desk

SECONDS = 5.0


def llm_itself(settings: "Settings", policy: "Policy | None") -> Findings:
    """Address, key and name, asked of its server without a question that costs anything."""
    from dataclasses import replace

    from desk.opening import language_model
    from integrations.llm.errors import Away, LlmTrouble

    if policy is None:
        return
    rules = policy.llm
    llm = language_model(settings, policy)
    if llm is None:
        yield Finding("language model", Level.GOOD, "none is used (llm.yaml)")
        return
    if travels_unencrypted(rules.endpoint):
        yield Finding(
            "language model",
            Level.WARNING,
            "what customers write goes to it unencrypted, and so does its key",
            "Write an endpoint that begins with https:// in llm.yaml.",
        )
    try:
        known = replace(llm, seconds=min(SECONDS, llm.seconds)).models()
    except Away as trouble:
        mend = "Start it, or correct `endpoint` in llm.yaml. Drafts stay as the desk composes them meanwhile."
        yield Finding("language model", Level.WARNING, f"{rules.endpoint}: {trouble}", mend)
        return
    except LlmTrouble as trouble:
        mend = "Correct `endpoint` and `model` in llm.yaml, or the key: TANGGAP_LLM_KEY."
        yield Finding("language model", Level.BROKEN, f"{rules.endpoint}: {trouble}", mend)
        return
    if known and rules.model not in known:
        names = ", ".join(sorted(known)[:5])
        mend = f"Correct `model` in llm.yaml. There are: {names}{' …' if len(known) > 5 else ''}."
        yield Finding("language model", Level.BROKEN, f"{rules.endpoint} has no model {rules.model}", mend)
        return
    yield Finding("language model", Level.GOOD, f"{rules.model} at {rules.endpoint}, for {', '.join(rules.uses)}")


def llm_and_desk(desk: "Desk") -> Findings:
    """What the ledger tells."""
    from tasks.llm_listing import ledger

    if not desk.policy.llm.wanted:
        return
    found = ledger(desk, days=1)
    money = f"{found.spent_today:,.2f} of {found.daily_budget:,.2f} {found.currency} spent today"
    if found.closed == "budget":
        mend = "Drafts stay as the desk composes them until midnight; `daily_budget` in llm.yaml raises it."
        yield Finding("language model's budget", Level.WARNING, money, mend)
    elif found.closed == "paused":
        mend = "It is asked again by itself; `tanggap llm` says why calls failed."
        yield Finding("language model's calls", Level.WARNING, "the last ones all failed", mend)
    else:
        yield Finding("language model's budget", Level.GOOD, money)


def travels_unencrypted(endpoint: str) -> bool:
    """Whether words would travel unencrypted beyond this machine and its own network."""
    parts = urlsplit(endpoint)
    if parts.scheme == "https" or parts.hostname in (None, "localhost"):
        return False
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return "." in (parts.hostname or "")
    return not (address.is_loopback or address.is_private)
