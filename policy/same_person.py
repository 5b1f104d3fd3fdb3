"""Whether two accounts may be one person's: what speaks for it, in tokens and points. It decides nothing.

A likeness is only ever suggested, since names, handles and numbers can be anybody's: whoever reads a complaint in
public can repeat its order number. Only a person joins two accounts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from policy.intake import Alike, Intake, plain, similarity

_LEAST_SIGNS = 5
_LEAST_LETTERS = 3
_EVERYBODY = frozenset(
    {
        "admin", "care", "contact", "customer", "customerservice", "facebookuser", "guest", "hello", "indonesia",
        "kontak", "layanan", "mail", "email", "noreply", "office", "official", "pelanggan", "sales", "support",
        "telegramuser", "username", "webmaster",
    }
)  # fmt: skip
"""Handles and mailboxes that tell nothing of who stands behind them."""


@dataclass(frozen=True)
class Said:
    """What somebody wrote, with the order and ticket numbers in it."""

    text: str
    at: datetime
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Account:
    """One account of somebody, as far as they can be recognised by it.

    `phone` is plain (`policy.intake.plain_phone`), and `said` the last they wrote.
    """

    channel: str
    account: str
    external_id: str
    handle: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """That two accounts may be one person's, and why."""

    points: int
    reasons: tuple[Alike, ...]
    """The strongest first."""


def suggest(a: Account, b: Account, rules: Intake) -> Suggestion | None:
    """What speaks for one person behind two accounts; None where it is too little. The order of the two is all one."""
    points = rules.same_person.points
    found = list(_who_they_are(a, b))
    if a.channel != b.channel:  # on one channel, two accounts are two on purpose
        found += _what_they_say(a, b, rules, sum(points[alike] for alike in found))
    total = sum(points[alike] for alike in found)
    if total < rules.same_person.suggested_from:
        return None
    return Suggestion(total, tuple(sorted(found, key=lambda alike: (-points[alike], list(Alike).index(alike)))))


def in_common(account: Account) -> Iterator[tuple[str, str]]:
    """What two accounts must have one of in common to be suggested: kind and value, as `suggest` compares them."""
    for kind, value in (
        ("email", (account.email or "").casefold()),
        ("phone", account.phone or ""),
        ("there", f"{account.channel} {account.external_id}"),
        ("handle", plain_handle(account.handle or account.email)),
        ("name", full_name(account.name)),
        *(("number", number) for said in account.said for number in said.numbers),
    ):
        if value:
            yield kind, value


def plain_handle(written: str | None) -> str:
    """A handle as platforms have it in common: without its server and its dots; of a mail address what stands before
    the @. Empty where it tells nothing of who stands behind it."""
    handle = (written or "").lstrip("@").partition("@")[0].replace(".bsky.social", "").lower()
    kept = re.sub(r"[._-]", "", handle)
    telling = len(kept) >= _LEAST_SIGNS and sum(sign.isalpha() for sign in kept) >= _LEAST_LETTERS
    return kept if telling and kept not in _EVERYBODY else ""


def full_name(written: str | None) -> str:
    """A name as it is compared; empty for one word alone, which thousands are called."""
    name = plain(written or "")
    return name if len(name.split()) > 1 else ""


def _who_they_are(a: Account, b: Account) -> Iterator[Alike]:
    if a.email and b.email and a.email.casefold() == b.email.casefold():
        yield Alike.SAME_EMAIL
    if a.phone and a.phone == b.phone:
        yield Alike.SAME_PHONE
    handles = plain_handle(a.handle or a.email), plain_handle(b.handle or b.email)
    if a.channel == b.channel:
        there = a.handle is not None and b.handle is not None and a.handle.casefold() == b.handle.casefold()
        if a.account != b.account and (a.external_id == b.external_id or there):
            yield Alike.SAME_ACCOUNT
        return
    if handles[0] and handles[0] == handles[1]:
        yield Alike.SAME_HANDLE
    if full_name(a.name) and full_name(a.name) == full_name(b.name):
        yield Alike.SAME_NAME


def _what_they_say(a: Account, b: Account, rules: Intake, so_far: int) -> Iterator[Alike]:
    """A shared number, and nearly the same text; the texts are compared only where that can make a difference."""
    pairs = [(one, other) for one in a.said for other in b.said if abs(one.at - other.at) <= rules.same_person.within]
    points = rules.same_person.points
    if any(one.numbers & other.numbers for one, other in pairs):
        yield Alike.SAME_NUMBER
        so_far += points[Alike.SAME_NUMBER]
    if so_far + points[Alike.SAME_TEXT] >= rules.same_person.suggested_from and any(
        _alike(one, other, rules) for one, other in pairs
    ):
        yield Alike.SAME_TEXT


def _alike(one: Said, other: Said, rules: Intake) -> bool:
    """Nearly the same text of some length; words about two orders are two people's, however alike."""
    if one.numbers and other.numbers and not one.numbers & other.numbers:
        return False
    long_enough = min(len(plain(one.text).split()), len(plain(other.text).split())) >= rules.least_words
    return long_enough and similarity(one.text, other.text) >= rules.near_identical
