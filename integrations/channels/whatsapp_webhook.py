"""Reads what WhatsApp tells our gateway: messages of every kind, edits, deletions, and texts that did not arrive.

Sources: the schema `WebhookPayload` of Meta's OpenAPI document for the Cloud API, and developers.facebook.com/
documentation/business-messaging/whatsapp/webhooks/reference (edit, revoke, errors), …/business-scoped-user-ids (people
who hide their number behind a username).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from db.words import Visibility
from integrations.channels.whatsapp_errors import why_not_delivered
from integrations.intake.fields import MAX_ID, wrong_text, wrong_time
from integrations.intake.text import clean, clean_line, has_control, shown
from integrations.record import Arrived, Attachment, Author, Bounced, Incoming, Item, LeftOut, Removed, Unreadable

MEDIA = {"image": "image", "video": "video", "audio": "audio", "document": "document", "sticker": "sticker"}
NOT_SHOWN = frozenset({"unsupported", "unknown", "ephemeral"})
"""Polls, view-once pictures, and at times edits: told of, never handed over."""
STOP = frozenset({"stop", "berhenti", "stop promosi", "stop promotions", "berhenti berlangganan", "unsubscribe"})
"""Words by which people ask not to be written to any more."""

_PHONE = re.compile(r"\+?\d{5,20}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose notices are read, and when."""

    channel: str
    account: str
    phone_number_id: str
    is_ours: Callable[[str], bool]
    now: datetime

    def read(self, body: bytes) -> Iterator[Item]:
        """One item for each message and each failed delivery of a call; what else it tells is left out, with why."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            yield Unreadable("webhook", "the call's body is no JSON", body, self.channel)
            return
        if not isinstance(told, dict) or told.get("object") != "whatsapp_business_account":
            about = shown(told.get("object")) if isinstance(told, dict) else "nothing"
            why = (
                f"it is about `{about}`, not about a WhatsApp business account: give that object its own address in the"
                " app's settings"
            )
            yield LeftOut("webhook", why, body, whose=f"object {about}")
            return
        for place, change in _changes(told):
            yield from self._change(place, change)

    def _change(self, place: str, change: object) -> Iterator[Item]:
        raw = _raw(change)
        value = change.get("value") if isinstance(change, dict) else None
        if not isinstance(change, dict) or not isinstance(value, dict):
            yield Unreadable(place, "the change is no object with a `value`", raw, self.channel)
            return
        if change.get("field") != "messages":
            yield LeftOut(place, _notice(change.get("field"), value), raw)
            return
        metadata = value.get("metadata")
        ours = metadata if isinstance(metadata, dict) else {}
        number = str(ours.get("phone_number_id"))
        for index, message in enumerate(_list(value, "messages"), 1):
            at = f"{place} message {index}"
            yield self._elsewhere(at, number, message) or self._message(at, message, value, ours)
        for index, status in enumerate(_list(value, "statuses"), 1):
            at = f"{place} status {index}"
            if isinstance(status, dict) and status.get("status") == "failed":
                yield self._elsewhere(at, number, status) or self._failed(at, status)
            elif isinstance(status, dict) and number == self.phone_number_id:
                yield from self._arrived(at, status)
        for error in _list(value, "errors"):
            yield LeftOut(place, f"an error of the account: {_said_of(error)}", _raw(error))

    def _elsewhere(self, place: str, number: str, record: object) -> LeftOut | None:
        if number == self.phone_number_id:
            return None
        return LeftOut.anothers(place, f"phone number id {shown(number)}", _raw(record))

    def _message(self, place: str, message: object, value: Mapping[str, Any], ours: Mapping[str, Any]) -> Item:
        raw = _raw(message)
        try:
            if not isinstance(message, dict):
                raise _WrongError("the message is no object")
            return self._read(place, message, value, ours, raw)
        except _WrongError as error:
            return Unreadable(place, str(error), raw, self.channel)

    def _read(
        self, place: str, message: Mapping[str, Any], value: Mapping[str, Any], ours: Mapping[str, Any], raw: bytes
    ) -> Item:
        kind = _text(message, "type")
        if kind == "reaction":
            return LeftOut(place, "a reaction, no message", raw)
        if kind == "system":
            return LeftOut(place, _system(message), raw)
        if kind == "request_welcome":
            return LeftOut(place, "somebody opened the chat and wrote nothing", raw)
        author = _author(message, value)
        if self._is_ours(author, ours):
            return LeftOut(place, "it is from our own number", raw)
        if message.get("group_id") is not None:
            raise _WrongError("it was written in a group, where the desk does not answer; answer it by hand")
        if kind == "revoke":
            removed = _identifier(_object(message, "revoke"), "original_message_id")
            return Removed(self.channel, removed, place, raw, self.account)
        external_id, content = _identifier(message, "id"), message
        if kind == "edit":
            edit = _object(message, "edit")
            external_id, content = _identifier(edit, "original_message_id"), _object(edit, "message")
        text, attachments = _words(content)
        text = clean(text)
        if wrong := wrong_text(text):
            raise _WrongError(wrong)
        context = content.get("context")
        incoming = Incoming(
            channel=self.channel,
            external_id=external_id,
            text=_whole(text),
            posted_at=self._posted_at(message),
            visibility=Visibility.PRIVATE,
            raw=raw,
            place=place,
            account=self.account,
            author=author,
            in_reply_to=_known(context.get("id")) if isinstance(context, dict) else None,
            addressed=True,
            attachments=attachments,
        )
        if text.strip().strip(".!").casefold() in STOP:
            said = "the customer asks not to be written to any more: no template, survey or request goes to them"
            return replace(incoming, opts_out=True, warnings=(said,))
        return incoming

    def _is_ours(self, author: Author, ours: Mapping[str, Any]) -> bool:
        shown_number = re.sub(r"\D", "", str(ours.get("display_phone_number") or ""))
        return (author.phone is not None and author.phone == f"+{shown_number}") or any(
            self.is_ours(who) for who in (author.phone, author.handle) if who
        )

    def _posted_at(self, message: Mapping[str, Any]) -> datetime:
        told = str(message.get("timestamp"))
        if not (told.isascii() and told.isdigit() and len(told) <= 11):
            raise _WrongError("`timestamp` is no number of seconds since 1970")
        posted_at = datetime.fromtimestamp(int(told), UTC)
        if wrong := wrong_time(posted_at, self.now, "timestamp"):
            raise _WrongError(wrong)
        return posted_at

    def _failed(self, place: str, status: Mapping[str, Any]) -> Item:
        raw = _raw(status)
        try:
            platform_id = _identifier(status, "id")
        except _WrongError as error:
            return Unreadable(place, str(error), raw, self.channel)
        errors = _list(status, "errors")
        return Bounced(
            channel=self.channel,
            platform_id=platform_id,
            why=_said_of(errors[0] if errors else None),
            place=place,
            raw=raw,
            account=self.account,
            address=_phone(status.get("recipient_id")),
            key=_key(status),
        )

    def _arrived(self, place: str, status: Mapping[str, Any]) -> Iterator[Arrived]:
        """That a text of ours was taken, came to the telephone, or was read: by our key it is known which."""
        key = _key(status)
        if key is None or status.get("status") not in ("sent", "delivered", "read"):
            return
        with suppress(_WrongError):
            platform_id, at = _identifier(status, "id"), self._posted_at(status)
            yield Arrived(self.channel, key, platform_id, at, place, _raw(status), self.account)


def _key(status: Mapping[str, Any]) -> str | None:
    """The delivery's key: Meta says `biz_opaque_callback_data` back as it was given."""
    told = status.get("biz_opaque_callback_data")
    return told if isinstance(told, str) and 0 < len(told) <= 512 else None


class _WrongError(ValueError):
    """Why a message goes to quarantine."""


def _changes(told: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for number, entry in enumerate(_list(told, "entry"), 1):
        changes = _list(entry, "changes") if isinstance(entry, dict) else [entry]
        for index, change in enumerate(changes, 1):
            yield f"webhook entry {number} change {index}", change


def _words(message: Mapping[str, Any]) -> tuple[str, tuple[Attachment, ...]]:
    """What a message says, as text; what it only shows is named in square brackets. Attachments are noted."""
    kind = _text(message, "type")
    if kind in MEDIA:
        return _media(kind, _object(message, kind))
    match kind:
        case "text":
            return _text(_object(message, "text"), "body"), ()
        case "button":
            return _text(_object(message, "button"), "text"), ()
        case "interactive":
            return _chosen(_object(message, "interactive")), ()
        case "location":
            return _location(_object(message, "location")), ()
        case "contacts":
            return "\n".join(_contact(one) for one in _list(message, "contacts")), ()
        case "order":
            return _order(_object(message, "order")), ()
    if kind in NOT_SHOWN:
        why = _said_code(_list(message, "errors"))
        raise _WrongError(
            f"WhatsApp hands such a message to no program{why} (a poll, a view-once picture, an edit): ask its sender"
            " to write it as text"
        )
    raise _WrongError(f"a message of the kind `{shown(kind)}` is not known here")


def _media(kind: str, media: Mapping[str, Any]) -> tuple[str, tuple[Attachment, ...]]:
    name = clean_line(_maybe(media, "filename")) or MEDIA[kind]
    label = "voice message" if media.get("voice") is True else MEDIA[kind]
    named = f"[{label}: {name}]" if kind == "document" and name != label else f"[{label}]"
    # Its size is told only to whoever fetches it.
    noted = Attachment(_whole(name)[:200], _name(media, "mime_type"), 0)
    return _maybe(media, "caption").strip() or named, (noted,)


def _chosen(interactive: Mapping[str, Any]) -> str:
    kind = _text(interactive, "type")
    if kind == "nfm_reply":
        flow = _object(interactive, kind)
        return "\n".join(part for part in (_maybe(flow, "body"), _maybe(flow, "response_json")) if part)
    if kind not in ("button_reply", "list_reply"):
        raise _WrongError(f"an interactive answer of the kind `{shown(kind)}` is not known here")
    choice = _object(interactive, kind)
    return "\n".join(part for part in (_text(choice, "title"), _maybe(choice, "description")) if part)


def _location(location: Mapping[str, Any]) -> str:
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        raise _WrongError("`latitude` and `longitude` are no numbers")
    named = [part for part in (_maybe(location, "name"), _maybe(location, "address")) if part]
    return f"[location] {', '.join([*named, f'{latitude:.6f} {longitude:.6f}'])}"


def _contact(contact: object) -> str:
    if not isinstance(contact, dict):
        raise _WrongError("a contact is no object")
    name = contact.get("name")
    called = _maybe(name, "formatted_name") if isinstance(name, dict) else ""
    phones = [_maybe(one, "phone") for one in _list(contact, "phones") if isinstance(one, dict)]
    return f"[contact] {', '.join(part for part in (called, *phones) if part)}"


def _order(order: Mapping[str, Any]) -> str:
    lines = [_maybe(order, "text").strip()]
    for one in _list(order, "product_items"):
        if not isinstance(one, dict):
            raise _WrongError("an item of the order is no object")
        price = f", {shown(one.get('item_price'))} {_maybe(one, 'currency')}" if "item_price" in one else ""
        lines.append(f"[order] {shown(one.get('quantity'))} × {_maybe(one, 'product_retailer_id')}{price}")
    return "\n".join(line for line in lines if line)


def _author(message: Mapping[str, Any], value: Mapping[str, Any]) -> Author:
    """Who wrote it: by the id that Meta gives them for our business, which outlasts a hidden number, else by number."""
    contacts = [one for one in _list(value, "contacts") if isinstance(one, dict)]
    sender, user = message.get("from"), message.get("from_user_id")
    same = [
        one
        for one in contacts
        if (user is not None and one.get("user_id") == user) or (sender is not None and one.get("wa_id") == sender)
    ]
    contact = same[0] if same else contacts[0] if len(contacts) == 1 else {}
    phone = _phone(sender) or _phone(contact.get("wa_id"))
    known = _known(user) or _known(contact.get("user_id"))
    if known is None and phone is None:
        raise _WrongError("it names no sender")
    found = contact.get("profile")
    profile = found if isinstance(found, dict) else {}
    username = _name(profile, "username")
    return Author(
        id=known or (phone or "").lstrip("+"),
        handle=phone or (f"@{username.lstrip('@')}" if username else None),
        name=_name(profile, "name") or None,
        phone=phone,
    )


def _phone(value: object) -> str | None:
    """The number in E.164, where it is one."""
    text = re.sub(r"[ ()-]", "", str(value)) if isinstance(value, str | int) else ""
    return f"+{text.lstrip('+')}" if _PHONE.fullmatch(text) else None


def _system(message: Mapping[str, Any]) -> str:
    system = message.get("system")
    kind = system.get("type") if isinstance(system, dict) else None
    if kind == "user_changed_number":
        return "a customer changed their number; what is sent to the old one does not reach them until they write again"
    return f"a notice of WhatsApp's own ({shown(kind)}), no message"


def _notice(field: object, value: Mapping[str, Any]) -> str:
    match field:
        case "message_template_status_update":
            name, event = shown(value.get("message_template_name")), shown(value.get("event"))
            return f"the template `{name}` is now {event}; see the account's `templates`"
        case "user_preferences":
            return "a customer changed whether they want marketing messages; Meta keeps to it by itself"
        case "smb_message_echoes":
            return "it was sent from our own WhatsApp Business app"
    return f"a notice about `{shown(field)}`, no message"


def _said_of(error: object) -> str:
    fields = error if isinstance(error, dict) else {}
    code = fields.get("code")
    title = fields.get("title") or fields.get("message")
    return why_not_delivered(code if isinstance(code, int) else None, title if isinstance(title, str) else "")


def _said_code(errors: list[Any]) -> str:
    code = errors[0].get("code") if errors and isinstance(errors[0], dict) else None
    return f", error {code}" if isinstance(code, int) else ""


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    if not isinstance(value, dict):
        raise _WrongError(f"`{name}` is no object")
    return value


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    return value if isinstance(value, list) else []


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise _WrongError(f"`{name}` is no text")
    return value


def _maybe(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _identifier(record: Mapping[str, Any], name: str) -> str:
    value = _text(record, name).strip()
    if not value or len(value) > MAX_ID or has_control(value):
        raise _WrongError(f"`{name}` is no identifier: empty, too long, or with control characters")
    return _whole(value)


def _known(value: object) -> str | None:
    """An identifier that is nice to have, where it is one."""
    try:
        return _identifier({"id": value}, "id")
    except _WrongError:
        return None


def _name(record: Mapping[str, Any], name: str) -> str:
    """What somebody calls themselves, on one line, without halves of characters."""
    return clean_line(_maybe(record, name)).encode(errors="ignore").decode()[:200]


def _whole(text: str) -> str:
    """The text, unless it holds half a character (a lone surrogate), which no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _WrongError("it holds half a character") from error
    return text


def _raw(record: object) -> bytes:
    """A record as Meta writes it: ASCII, everything else escaped."""
    try:
        return json.dumps(record).encode()
    except RecursionError:
        return b"(nested too deeply to be written down again)"
