"""Who we are: the names, numbers and addresses that are the company's own, so no personal data and no strangers'.

Written by people of other trades in a file of their own (`--company FILE`), so it is read leniently: one value where
a list is meant, and the usual other names for a field.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from policy.reading import PolicyError, Problem, Rules, line_of, read_yaml

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "names": ("name", "company", "brand", "brands"),
    "hotlines": ("hotline", "phone", "phones", "phone_numbers", "telephone", "telephones"),
    "emails": ("email", "e_mail", "e_mails", "e-mail", "e-mails", "email_address", "email_addresses", "mail"),
    "domains": ("domain", "website", "websites"),
    "handles": ("handle", "accounts"),
    "addresses": ("address",),
}
_LISTS = tuple(_ALIASES)
_CONTACTS = ("private_contact", "private_contact_elsewhere", "private_contact_web")
_CLITIC = r"(?:-?(?:nya|ku|mu|lah|kah|pun))?"
_PRIVATE = re.compile(
    r"\b(?:dm|japri|inbox|direct message|private(?:ly)? messages?|message us|in private|privately"
    r"|pesan (?:langsung|pribadi|privat)|jalur pribadi|secara (?:pribadi|privat)|e-?mail us|call us"
    r"|(?:lewat|melalui|via|by|ke) (?:dm|telepon|telpon|phone|e-?mail|surel|whatsapp|wa|chat))\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_NUMBER = re.compile(r"(?<![\w+])\+?\d[\d ().-]{3,20}\d(?!\w)")
_EDGE_BEFORE = r"(?<![\w@])"
_EDGE_AFTER = r"(?!\w)"


class Company(Rules):
    """What the company owns. An empty list means: nothing of that kind is known to be ours.

    Raises:
        ValueError: a field is no text and no list of texts.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    names: tuple[str, ...] = ()
    hotlines: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    private_contact: dict[str, str] = Field(default_factory=dict)
    """How a public reply invites to a private talk, as a part of a sentence in each language."""
    private_contact_elsewhere: dict[str, str] = Field(default_factory=dict)
    """The same where nobody can be written to privately: a video, a page of reviews. Empty: as everywhere."""
    private_contact_web: dict[str, str] = Field(default_factory=dict)
    """The same on the desk's own pages, where every report has a private one. Empty: as everywhere."""
    sample: bool = False
    """True in the shipped file: a made-up company, which `tanggap doctor` asks to replace."""

    @model_validator(mode="before")
    @classmethod
    def _lenient(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, str | list):
            return {"names": _texts(data)}
        if not isinstance(data, Mapping):
            return data
        if isinstance(data.get("company"), Mapping):
            data = data["company"]
        known = dict(data)
        for field, aliases in _ALIASES.items():
            values = [known.pop(name) for name in (field, *aliases) if name in known]
            found = [text for value in values for text in _texts(value)]
            if found:
                known[field] = tuple(dict.fromkeys(found))
        for field in _CONTACTS:
            contact = known.get(field)
            if isinstance(contact, str):
                known[field] = {"id": contact, "en": contact}
        return known

    @property
    def name(self) -> str:
        """What the company is called in a text; empty where it has no name."""
        return self.names[0] if self.names else ""

    def contact(self, language: str, *, channel: str | None = None, elsewhere: bool = False) -> str:
        """The part of a sentence that invites to a private talk; empty where the company gave none.

        `elsewhere`: the channel is one on which we cannot write privately to anybody.
        """
        here = self.private_contact_web if channel == "web" else self.private_contact_elsewhere if elsewhere else {}
        among = here or self.private_contact
        return among.get("en" if language == "en" else "id") or next(iter(among.values()), "")

    def owns_handle(self, handle: str) -> bool:
        """Whether this account is ours, with or without `@`; `@us@server` only where the server is named too."""
        return bool(handle) and _handle(handle) in self._handles

    def owns_email(self, email: str) -> bool:
        """Whether this is one of our e-mail addresses, or any at our domains and the domains under them."""
        address = email.strip().strip("<>").casefold()
        _, at, domain = address.rpartition("@")
        if not at:
            return False
        return address in self._emails or self.owns_domain(domain)

    def owns_domain(self, domain: str) -> bool:
        """Whether this domain is ours or stands under one of ours."""
        asked = _domain(domain)
        return any(asked == ours or asked.endswith(f".{ours}") for ours in self._domains)

    def owns_phone(self, phone: str) -> bool:
        """Whether this is one of our numbers, however it is written: +62 21 500, 021-500 and 021500 are equal."""
        digits = _phone(phone)
        return bool(digits) and digits in self._phones

    def strange_contacts(self) -> Iterator[tuple[str, str, str]]:
        """Addresses and numbers in our invitations that are not known as ours: guardrails block each text with one."""
        for field in _CONTACTS:
            for language, part in getattr(self, field).items():
                for found in _EMAIL.finditer(part):
                    if not self.owns_email(found.group()):
                        yield field, language, found.group()
                for found in _NUMBER.finditer(part):
                    if not self.owns_phone(found.group()):
                        yield field, language, found.group()

    def names_us(self, text: str) -> list[tuple[int, int]]:
        """Where the text names us: by name, handle, domain or e-mail address.

        Spans are code points of the text, half-open, in order, none inside another.
        """
        return _apart(found.span("us") for pattern in self._patterns for found in pattern.finditer(text))

    def invites_private(self, text: str) -> bool:
        """Whether the text invites to a private talk: it says so, or gives a number or e-mail address of ours."""
        if _PRIVATE.search(text) or any(part and part in text for part in self._contacts):
            return True
        return any(self.owns_email(found.group()) for found in _EMAIL.finditer(text)) or any(
            self.owns_phone(found.group()) for found in _NUMBER.finditer(text)
        )

    @property
    def _contacts(self) -> tuple[str, ...]:
        return tuple(part for field in _CONTACTS for part in getattr(self, field).values())

    @cached_property
    def _handles(self) -> frozenset[str]:
        return frozenset(_handle(handle) for handle in self.handles)

    @cached_property
    def _emails(self) -> frozenset[str]:
        return frozenset(email.strip().casefold() for email in self.emails)

    @cached_property
    def _domains(self) -> frozenset[str]:
        return frozenset(filter(None, (_domain(domain) for domain in self.domains)))

    @cached_property
    def _phones(self) -> frozenset[str]:
        return frozenset(filter(None, (_phone(phone) for phone in self.hotlines)))

    @cached_property
    def _called(self) -> re.Pattern[str] | None:
        if not self._handles:
            return None
        longest_first = sorted(self._handles, key=len, reverse=True)
        # Not followed by @: `@us@elsewhere.example` is somebody else's account on another server.
        return _any_of([re.escape(handle) for handle in longest_first], before=r"(?<![\w@.])@", after=r"(?![\w@]|\.\w)")

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        words = [_loosely(name) for name in self.names if any(sign.isalnum() for sign in name)]
        words += [re.escape(handle) for handle in self._handles if "@" not in handle and len(handle) > 3]
        exact = [re.escape(own) for own in (*self._emails, *self._domains)]
        patterns = []
        if words:
            words.sort(key=len, reverse=True)
            patterns.append(_any_of(words, before=_EDGE_BEFORE, after=_CLITIC + _EDGE_AFTER))
        if exact:
            exact.sort(key=len, reverse=True)
            patterns.append(_any_of(exact, before=r"(?<![\w.-])", after=r"(?![\w-])"))
        return (*patterns, self._called) if self._called is not None else tuple(patterns)


def read_company(file: Path) -> Company:
    """Read a company's file, YAML or JSON.

    Raises:
        PolicyError: it is missing, is no YAML, or a field holds what no list of texts can be made of.
    """
    data, lines = read_yaml(file, as_written=True)
    if data is not None and not isinstance(data, str | list | Mapping):
        raise PolicyError([Problem(file, 1, "must be settings like `names: [...]`")])
    try:
        return Company.model_validate(data)
    except ValidationError as error:
        raise PolicyError(
            Problem(
                file,
                line_of(found["loc"], lines),
                f"`{'.'.join(str(part) for part in found['loc']) or 'the file'}`: "
                f"{str(found['msg']).removeprefix('Value error, ')}",
            )
            for found in error.errors()
        ) from error


def _texts(value: Any) -> list[str]:
    """One text or many, as a list; numbers become text."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, bool):
        raise ValueError(f"`{value}` is no text; put it in quotes")
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, Mapping):  # by platform or place: {x: "@us", instagram: "@us.id"}
        return [text for item in value.values() for text in _texts(item)]
    raise ValueError(f"`{value}` is no text and no list of texts")


def _handle(written: str) -> str:
    return written.strip().rstrip("/").rpartition("/")[2].removeprefix("@").casefold()


def _domain(written: str) -> str:
    bare = re.sub(r"^[a-z]+://", "", written.strip().casefold())
    return re.split(r"[/:?#]", bare, maxsplit=1)[0].removeprefix("www.").strip(".")


def _phone(written: str) -> str:
    """Digits alone, Indonesia's prefix as the 0 that people dial there."""
    digits = re.sub(r"\D", "", written)
    international = written.strip().startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00")
    if digits.startswith("62") and (international or len(digits) >= 10):
        return "0" + digits[2:].removeprefix("0")
    return digits


def _loosely(name: str) -> str:
    """A name with any or no space, hyphen or dot between its words: `Toko Kita`, `TokoKita`, `toko-kita`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.strip().lstrip("@"))
    return r"[\s_.-]*".join(re.escape(word) for word in re.split(r"[\s_.-]+", apart) if word)


def _any_of(patterns: list[str], *, before: str, after: str) -> re.Pattern[str]:
    called = before.endswith("@")
    edge = before.removesuffix("@") if called else before
    sign = "@" if called else ""
    return re.compile(f"{edge}(?P<us>{sign}(?:{'|'.join(patterns)})){after}", re.IGNORECASE)


def _apart(spans: Any) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept
