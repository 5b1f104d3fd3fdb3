"""What stands around a message: who its author is to us, and what happened between us before.

None of it is read from the words of the message; the desk looks it up, and policy only weighs it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from db.words import IncidentState
from policy.reading import Rules

OPEN_INCIDENT = frozenset({IncidentState.SUSPECTED, IncidentState.DECLARED})


@dataclass(frozen=True)
class Circumstances:
    """What is known around a message; nothing of it holds where nobody knows.

    `complaints_before` are those that the same person opened within policy's window before this one. `answer_late`: the
    answer promised for this complaint is past its time. `reopened`: how often this complaint came back after we called
    it solved, this message counted. `incident`: the state of the open incident that it belongs to, with its name in
    `incident_reference`. `tier` is what the customer is to the company, as the company's own records call it.
    """

    media_account: bool = False
    complaints_before: int = 0
    answer_late: bool = False
    reopened: int = 0
    tier: str | None = None
    incident: IncidentState | None = None
    incident_reference: str | None = None

    @property
    def promise_broken(self) -> bool:
        """Whether we did not do what we said: no answer in time, or solved and yet not."""
        return self.answer_late or self.reopened > 0


NOTHING_KNOWN = Circumstances()


class CircumstanceCondition(Rules):
    """Conditions on what stands around a message; all that are given must hold."""

    media_account: bool | None = None
    complaints_before_from: int | None = Field(default=None, ge=1)
    promise_broken: bool | None = None
    tier: tuple[str, ...] = ()
    """Any one of these."""
    incident: tuple[IncidentState, ...] = ()
    """Any one of these; only open ones."""

    @field_validator("incident")
    @classmethod
    def _open(cls, states: tuple[IncidentState, ...]) -> tuple[IncidentState, ...]:
        if set(states) - OPEN_INCIDENT:
            raise ValueError("only an open incident counts: suspected, declared")
        return states

    def stands_so(self, around: Circumstances) -> bool:
        """Whether the conditions on the circumstances hold."""
        return (
            (self.media_account is None or around.media_account is self.media_account)
            and (self.complaints_before_from is None or around.complaints_before >= self.complaints_before_from)
            and (self.promise_broken is None or around.promise_broken is self.promise_broken)
            and (not self.tier or plain_tier(around.tier) in {plain_tier(tier) for tier in self.tier})
            and (not self.incident or around.incident in self.incident)
        )


def plain_tier(tier: str | None) -> str:
    """A tier as it is compared: without regard to case and outer blanks."""
    return (tier or "").strip().casefold()


@dataclass(frozen=True)
class MediaAccounts:
    """Who publishes for a living, by `@handle` or by domain."""

    handles: frozenset[str]
    domains: frozenset[str]

    @classmethod
    def of(cls, written: Iterable[str]) -> "MediaAccounts":
        """As policy lists them: with `@` a handle, else a domain and all under it."""
        known = [one.strip().casefold() for one in written]
        return cls(
            frozenset(one.removeprefix("@") for one in known if one.startswith("@")),
            frozenset(one.removeprefix("www.") for one in known if one and not one.startswith("@")),
        )

    def has(self, *, handle: str | None = None, email: str | None = None, url: str | None = None) -> bool:
        """Whether an author is among them.

        A domain is found in a handle that is or ends in one (Bluesky, Mastodon), in the e-mail address, and in the
        address of the post itself (a newspaper's feed).
        """
        account = (handle or "").strip().casefold().removeprefix("@")
        if account in self.handles:
            return True
        hosts = {account.rpartition("@")[2], (email or "").strip().casefold().rpartition("@")[2], _host(url)}
        return any(host == domain or host.endswith(f".{domain}") for host in hosts if host for domain in self.domains)


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").casefold()
    except ValueError:
        return ""
