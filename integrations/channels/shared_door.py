"""One call of a platform that several of our accounts hear: who takes what of it, and what the platform is answered.

Meta gives each app one address for all that its accounts are told, and X for all that its app serves: the call names
whose each record is, and each account takes its own. Where a platform does not say whose a record is, the first account
that believes the call takes it, so that nothing is taken twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from integrations.channels.base import Heard
from integrations.record import Arrived, Bounced, Item, LeftOut, Removed, Unreadable

COME_AGAIN = "an account that this may be for is not set up yet: call again later"


@dataclass(frozen=True, slots=True)
class SharedOut:
    """What the accounts take of a call, and the answer to all of it."""

    shares: Mapping[str, tuple[Item, ...]]
    """By account."""
    nobodys: tuple[Unreadable, ...]
    """One for each account that the call names and that none of ours is; the words that were for it are not kept."""
    answer: Heard


def share_out(channel: str, heard: Mapping[str, Heard]) -> SharedOut:
    """Who takes what of a call. `heard`: how each account heard it, the most important first; at least one.

    An account that is not set up cannot tell what is its own: where something is left that may be, the platform is
    asked to come again (503). A call that no account believes is refused (401, or as all of them say).
    """
    believing = {account: one for account, one in heard.items() if one.refused is None}
    if not believing:
        return SharedOut({}, (), _refusal(list(heard.values())))
    taken: set[bytes] = set()
    shares = {}
    for account, one in believing.items():
        shares[account] = tuple(item for item in one.items if not (_is_anothers(item) or _is_taken(item, taken)))
        taken |= {item.raw for item in shares[account] if item.raw}
    nobodys = _nobodys(channel, heard)
    if nobodys and any(one.refused is not None and _unset(one) for one in heard.values()):
        return SharedOut(shares, (), Heard.refuse(COME_AGAIN, HTTPStatus.SERVICE_UNAVAILABLE))
    answering = next((account for account, share in shares.items() if share), next(iter(believing)))
    return SharedOut(shares, nobodys, believing[answering])


def _is_anothers(item: Item) -> bool:
    return isinstance(item, LeftOut) and item.whose is not None


def _is_taken(item: Item, taken: set[bytes]) -> bool:
    # What is told of words that are here already finds them by their id, with the one account that has them.
    return item.raw in taken and not isinstance(item, Removed | Bounced | Arrived)


def _unset(heard: Heard) -> bool:
    return heard.status == HTTPStatus.SERVICE_UNAVAILABLE


def _nobodys(channel: str, heard: Mapping[str, Heard]) -> tuple[Unreadable, ...]:
    """What every account that believes the call says is another's.

    The words themselves are not kept: they may be written to a part of the company that the desk is not for.
    """
    named = [
        {item.whose: item.reason for item in one.items if isinstance(item, LeftOut) and item.whose is not None}
        for one in heard.values()
        if one.refused is None
    ]
    doubting = " and ".join(account for account, one in heard.items() if one.refused is not None)
    doubt = f" (or is the secret of {doubting} wrong? it did not believe the call)" if doubting else ""
    return tuple(
        Unreadable(f"{channel} call", named[0][whose] + doubt, whose.encode("utf-8", "replace"), channel)
        for whose in sorted(set(named[0]).intersection(*named[1:]))
    )


def _refusal(heard: list[Heard]) -> Heard:
    if len({(one.refused, one.status) for one in heard}) == 1:
        return heard[0]
    statuses = {one.status for one in heard}
    if HTTPStatus.SERVICE_UNAVAILABLE in statuses:
        return Heard.refuse(COME_AGAIN, HTTPStatus.SERVICE_UNAVAILABLE)
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.UNAUTHORIZED
    return Heard.refuse("; ".join(sorted({one.refused or "" for one in heard})), status)
