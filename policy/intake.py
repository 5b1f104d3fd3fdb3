"""One complaint or two: when a message belongs to a complaint that is there already.

Same identity and near-identical text within a window: one complaint. The same person on another channel (same e-mail
address, phone or customer number, or a person said so) about the same thing (same order or ticket number, or
near-identical text): merged. Any other likeness is only suggested (`policy.same_person`), and a number alone never
merges two people.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from pydantic import Field, field_validator

from policy.durations import Wall
from policy.reading import Contradiction, Rules

_LONGEST_REPEATED = 30
"""Characters of an order number that we repeat to its customer."""
_LONGEST_COMPARED = 20_000
"""Characters of a text that are compared; beyond, likeness changes no more."""

_DATE = re.compile(r"(?:19|20)\d\d|\d{1,2}[-/.]\d{1,2}[-/.](?:\d\d){1,2}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")


class Likeness(StrEnum):
    """What two messages are to each other."""

    SAME = "same"
    """One complaint, more messages."""
    MERGE = "merge"
    """The later complaint is merged into the first."""
    SUGGEST = "suggest"
    """A person may look."""
    NONE = "none"


@dataclass(frozen=True)
class Match:
    """A likeness and what it rests on."""

    likeness: Likeness
    because: str


@dataclass(frozen=True)
class Told:
    """A message as far as it can be recognised.

    `identity` is its author on its channel (the platform's id, else the handle). E-mail addresses, phones and customer
    numbers are the person's own, as given by the channel or the form, never as found in a text: anybody can write
    somebody else's number. `person` is who a person said that they are. `numbers` are order and ticket numbers; None:
    they are read from the text.
    """

    text: str
    channel: str
    at: datetime
    account: str = "default"
    identity: str | None = None
    person: str | None = None
    emails: frozenset[str] = field(default_factory=frozenset)
    phones: frozenset[str] = field(default_factory=frozenset)
    customer_numbers: frozenset[str] = field(default_factory=frozenset)
    numbers: frozenset[str] | None = None


class Numbers(Rules):
    """How an order or ticket number is recognised: words that stand before one, and prefixes that are part of it."""

    after: tuple[str, ...]
    prefixes: tuple[str, ...]
    least_digits: int = Field(default=4, ge=1)

    @field_validator("after", "prefixes")
    @classmethod
    def _said(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word.strip() for word in words):
            raise ValueError("an empty word would make every number an order number")
        return words

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        rest = r"[A-Z0-9]*(?:[-/.][A-Z0-9]+)*"
        words, prefixes = _either(self.after), _either(self.prefixes)
        joint = r" ?(?:saya|my)? ?(?:adalah|is|no|nomor|number|nr)?[.:# ]{0,3}"
        told = rf"(?<!\w)(?:{words})(?:ku|nya)?{joint}(?P<told>[A-Z0-9]{rest})(?!\w)"
        marked = rf"(?<!\w)(?P<marked>(?:{prefixes})[-/#]?\d{rest})(?!\w)"
        return re.compile(f"{marked}|{told}", re.IGNORECASE)


class Alike(StrEnum):
    """In what two accounts are alike."""

    SAME_EMAIL = "same_email"
    SAME_PHONE = "same_phone"
    SAME_ACCOUNT = "same_account"
    """The same name or number on one platform, as two of our accounts there were told it."""
    SAME_HANDLE = "same_handle"
    SAME_NAME = "same_name"
    SAME_NUMBER = "same_number"
    SAME_TEXT = "same_text"


STRONG = frozenset({Alike.SAME_EMAIL, Alike.SAME_PHONE, Alike.SAME_ACCOUNT})
"""What suggests one person by itself."""
POINTS = {
    Alike.SAME_EMAIL: 5,
    Alike.SAME_PHONE: 5,
    Alike.SAME_ACCOUNT: 5,
    Alike.SAME_HANDLE: 2,
    Alike.SAME_NAME: 2,
    Alike.SAME_TEXT: 2,
    Alike.SAME_NUMBER: 1,
}


class OnePerson(Rules):
    """When two accounts are suggested to be one person's. Only a person joins them (`tanggap same`)."""

    within: Wall = timedelta(days=90)
    """What they wrote is compared that long."""
    suggested_from: int = Field(default=3, ge=1)
    at_most: int = Field(default=3, ge=1)
    """Suggestions that wait for a person, for one account: what is like everybody is like nobody."""
    points: dict[Alike, int] = Field(default_factory=lambda: dict(POINTS))

    @field_validator("points")
    @classmethod
    def _all_of_them(cls, points: dict[Alike, int]) -> dict[Alike, int]:
        if any(count < 0 for count in points.values()):
            raise ValueError("points count for one person, never against; use 0 for what says nothing")
        return POINTS | points


class Intake(Rules):
    """When two messages are one complaint."""

    same_within: Wall
    """Same identity, near-identical text: so far apart at most."""
    merge_within: Wall
    """Same person on another channel about the same thing: so far apart at most."""
    near_identical: float = Field(gt=0.5, le=1)
    """The likeness of texts (0 to 1) from which they count as near-identical."""
    least_words: int = Field(ge=1)
    """Shorter texts merge nothing across channels by likeness: everybody writes `halo kak`."""
    numbers: Numbers
    same_person: OnePerson = OnePerson()

    def contradictions(self) -> Iterator[Contradiction]:
        """A window that is narrower across channels than on one; a likeness of strangers that suggests them alone."""
        if self.merge_within < self.same_within:
            yield (
                ("merge_within",),
                "a person is recognised for a shorter time across channels than on one; make `merge_within` at least "
                "as long as `same_within`",
            )
        for alike, points in self.same_person.points.items():
            if alike not in STRONG and points >= self.same_person.suggested_from:
                message = f"`{alike}` alone would suggest strangers; give it fewer points than `suggested_from`"
                yield ("same_person", "points", alike.value), message


def same_thing(a: Told, b: Told, rules: Intake) -> Match:
    """What two messages are to each other; the order of the two does not matter.

    Messages of one thread belong together without asking here.
    """
    apart = abs(a.at - b.at)
    shared_numbers = _numbers(a, rules) & _numbers(b, rules)
    other_things = bool(_numbers(a, rules)) and bool(_numbers(b, rules)) and not shared_numbers
    same_identity = a.identity is not None and (a.channel, a.account, a.identity) == (b.channel, b.account, b.identity)
    contact = _shared_contact(a, b)
    alike = similarity(a.text, b.text) >= rules.near_identical
    if same_identity and alike and not other_things and apart <= rules.same_within:
        return Match(Likeness.SAME, "the same person wrote nearly the same text")
    if contact is not None and a.channel != b.channel and apart <= rules.merge_within:
        if shared_numbers:
            return Match(Likeness.MERGE, f"same {contact} and same number {min(shared_numbers)}")
        long_enough = min(_words(a.text), _words(b.text)) >= rules.least_words
        if alike and long_enough and not other_things:
            return Match(Likeness.MERGE, f"same {contact} and nearly the same text")
    if shared_numbers:
        return Match(Likeness.SUGGEST, f"both name {min(shared_numbers)}")
    if alike and _words(a.text) >= rules.least_words and not other_things:
        return Match(Likeness.SUGGEST, "nearly the same text")
    return Match(Likeness.NONE, "nothing in common")


def id_of_its_own(external_id: str, hashed: str, known: Collection[str] | None, came: Collection[str]) -> str:
    """Under which id a message is kept where senders choose the ids: RFC 5322 wants them unique, nobody sees to it.

    `known`: by which names and addresses it is known who wrote what is kept under this id, None where nothing is.
    `came`: the same of who wrote this message. Another author's is a message of its own, named by the hash of what
    came, so that a repeat of it is known; it never edits somebody else's words.
    """
    if known is None or not (known or came):
        return external_id
    one = {name.strip().casefold() for name in known} & {name.strip().casefold() for name in came}
    return external_id if one else hashed


def find_numbers(text: str, rules: Numbers) -> frozenset[str]:
    """The order and ticket numbers in a text, in capitals and without their separators; years and dates are none."""
    return frozenset(number for _, number in _numbers_in(text, rules))


def first_number(text: str, rules: Numbers) -> str:
    """The first of them as its customer wrote it, in capitals; empty where there is none short enough to repeat."""
    return next((written.upper() for written, _ in _numbers_in(text, rules) if len(written) <= _LONGEST_REPEATED), "")


def _numbers_in(text: str, rules: Numbers) -> Iterator[tuple[str, str]]:
    for match in rules._pattern.finditer(" ".join(unicodedata.normalize("NFKC", text).split())):
        written = match["marked"] or match["told"]
        number = re.sub(r"[^A-Z0-9]", "", written.upper())
        if sum(sign.isdigit() for sign in number) >= rules.least_digits and not _DATE.fullmatch(written):
            yield written, number


def similarity(a: str, b: str) -> float:
    """How alike two texts are, 0 to 1: what they share of their three-letter pieces, or of their word pairs if more.

    Case, punctuation, accents and stretched letters ("lamaaa") count for nothing.
    """
    first, second = plain(a), plain(b)
    if first == second:
        return 1.0 if first else 0.0
    return max(_shared(_letters(first), _letters(second)), _shared(_pairs(first), _pairs(second)))


def plain(text: str) -> str:
    """A text as it is compared: folded to lower-case words with single spaces."""
    folded = unicodedata.normalize("NFKD", text[:_LONGEST_COMPARED]).casefold()
    spelled = "".join(sign for sign in folded if not unicodedata.combining(sign))
    words = re.sub(r"[^\w]+|_", " ", spelled)
    return re.sub(r"([^\W\d])\1{2,}", r"\1", words).strip()


def _either(words: tuple[str, ...]) -> str:
    """A pattern for any of the words, the longest first; for none, one that never matches."""
    longest_first = sorted((" ".join(word.split()) for word in words), key=len, reverse=True)
    return "|".join(map(re.escape, longest_first)) or r"(?!)"


def _words(text: str) -> int:
    return len(plain(text).split())


def _letters(text: str) -> frozenset[str]:
    padded = f"  {text} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def _pairs(text: str) -> frozenset[str]:
    words = text.split()
    return frozenset(" ".join(words[at : at + 2]) for at in range(len(words) - 1))


def _shared(first: frozenset[str], second: frozenset[str]) -> float:
    """Dice's coefficient: twice what is shared, of all there is."""
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else 0.0


def _numbers(told: Told, rules: Intake) -> frozenset[str]:
    return told.numbers if told.numbers is not None else find_numbers(told.text, rules.numbers)


def _shared_contact(a: Told, b: Told) -> str | None:
    """How we know that both are of one person."""
    if a.person is not None and a.person == b.person:
        return "person"
    if {email.strip().casefold() for email in a.emails} & {email.strip().casefold() for email in b.emails}:
        return "e-mail address"
    if set(filter(None, map(plain_phone, a.phones))) & set(filter(None, map(plain_phone, b.phones))):
        return "phone number"
    if a.customer_numbers & b.customer_numbers:
        return "customer number"
    return None


def plain_phone(written: str) -> str:
    """Digits alone, +62 and 0062 as the 0 that people dial in Indonesia."""
    digits = re.sub(r"\D", "", written).removeprefix("00")
    return "0" + digits[2:].removeprefix("0") if digits.startswith("62") else digits
