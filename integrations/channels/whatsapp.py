"""WhatsApp by Meta's Cloud API: messages come by webhook, answers go out as text, or as a template after 24 hours.

Certainty is `neither`. The API cannot be asked for what was sent: `message_history` lists ids and their states, no text
and no receiver, and only of ids that we know already. It does not take a key of ours either: `biz_opaque_callback_data`
is handed back with the states of a message and keeps nobody from sending it twice. That a state with our key came says
that the text was sent; that none came says nothing, since a call may be late by days. So after an unclear try a person
finds out.

Source: developers.facebook.com/documentation/business-messaging/whatsapp, and the OpenAPI document of the Cloud API.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr, field_validator, model_validator

from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Asked,
    Certainty,
    ChannelError,
    Checked,
    Heard,
    LockedOut,
    Never,
    Outgoing,
    Reachable,
    Sent,
    Target,
    Unknown,
    within_window,
)
from integrations.channels.graph import challenge, signed_by
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.whatsapp_errors import refusal_of
from integrations.channels.whatsapp_templates import Template, difference, template_for
from integrations.channels.whatsapp_webhook import Reader
from integrations.http import Answer
from integrations.intake.text import shown

LONGEST = 4096
"""Characters of a text message."""
WINDOW = timedelta(hours=24)
"""The customer-service window: from the customer's last message on, texts of any kind are taken, at no charge."""
NEEDED = "whatsapp_business_messaging"
"""The right that a token needs to send."""

_FIELDS = "display_phone_number,verified_name,quality_rating,name_status,status,messaging_limit_tier"
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
"""What Meta calls a person who may hide their number: a country and an id for one business."""


class WhatsAppSettings(AccountSettings):
    """One of our numbers, and the app that speaks for it."""

    token: SecretStr
    """A system user's token with `whatsapp_business_messaging` (and `whatsapp_business_management`, for `check`)."""
    app_secret: SecretStr
    """Signs what Meta sends us."""
    verify_token: SecretStr
    """A word of our own, the same in the app's webhook settings."""
    phone_number_id: str = Field(pattern=r"^\d{5,20}$")
    """Meta's id of our number, not the number itself."""
    business_account_id: str | None = Field(default=None, pattern=r"^\d{5,20}$")
    """With it, `check` compares our templates with Meta's."""
    country_code: str = Field(default="62", pattern=r"^[1-9]\d{0,2}$")
    """For numbers that are written with a leading 0."""
    templates: tuple[Template, ...] = ()
    """Approved ones that may be sent after the window; the first that renders to a text is taken."""
    opt_in: str | None = None
    """Where customers agreed to be written to later, in the company's words. No template leaves without it."""
    api: str = Field(default="https://graph.facebook.com", pattern=r"^https?://[^/?#]+$")
    version: str = Field(default="v23.0", pattern=r"^v\d{2,3}\.0$")

    @field_validator("phone_number_id", "business_account_id", mode="before")
    @classmethod
    def _as_written(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _agreed(self) -> "WhatsAppSettings":
        if self.templates and not (self.opt_in or "").strip():
            raise ValueError(
                "`templates` need `opt_in`: write down where customers agreed to be written to after the 24 hours"
            )
        return self


class WhatsAppChannel(Platform[WhatsAppSettings]):
    """One of our numbers. Everything there is private, so both ways of answering lead into the same chat."""

    settings_type = WhatsAppSettings
    certainty = Certainty.NEITHER
    listens = False

    def hear(self, asked: Asked) -> Heard:
        """A call of Meta's; it repeats one that is not answered 200 for up to seven days, with the same ids."""
        answered = challenge(asked, self.settings.verify_token.get_secret_value())
        if answered is not None:
            return answered
        if not signed_by(self.settings.app_secret.get_secret_value(), asked):
            return Heard.refuse("the signature is not our app's: check the app secret")
        reader = Reader(
            channel=self.name,
            account=self.account,
            phone_number_id=self.settings.phone_number_id,
            is_ours=self.world.is_ours,
            now=self.world.clock.now(),
        )
        return Heard(tuple(reader.read(asked.body)))

    def reply(self, out: Outgoing) -> Sent:
        """Write into the chat, quoting the customer's message. Raises TryAgain, Never or Unknown.

        Within the window the text leaves as it is. After it, only where it is, letter for letter, one of the
        approved templates filled; else Never (`window`).
        """
        receiver = self._receiver(out.target)
        if len(out.text) > LONGEST:
            raise Never(f"the text has {len(out.text):,} characters, WhatsApp takes {LONGEST:,}", "too_long")
        content = self._content(out)
        message = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **receiver,
            **content,
            "biz_opaque_callback_data": out.key,
        }
        if (out.target.external_id or "").startswith("wamid."):
            message["context"] = {"message_id": out.target.external_id}
        url = self._url(f"{self.settings.phone_number_id}/messages")
        try:
            told = self.ask("POST", url, what="message", json=message)
        except Unknown:
            self._count(content)
            raise
        self._count(content)
        return Sent(_id_in(told))

    def message_privately(self, out: Outgoing) -> Sent:
        """The same chat."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Within 24 hours of the customer's last message; after it says which templates could still be sent."""
        if not self.world.private_talk:
            return NO_PRIVATE_WAY
        try:
            self._receiver(target)
        except Never as error:
            return Reachable(ok=False, why=str(error))
        reachable = within_window(target, self._window, now)
        if reachable.ok:
            return reachable
        names = ", ".join(f"`{one.name}` ({one.language})" for one in self.settings.templates)
        left = (
            f"until they write again, only these approved templates may be sent: {names}"
            if names
            else "until they write again, only an approved template could be sent, and the settings hold none"
        )
        why = f"{reachable.why}; {left}"
        return Reachable(ok=False, why=why, until=reachable.until, templates=bool(self.settings.templates))

    def is_template(self, text: str) -> bool | None:
        """Whether one of the approved templates, filled, is this text; None where the settings hold none."""
        templates = self.settings.templates
        return template_for(text, templates) is not None if templates else None

    def check(self) -> Checked:
        """Who we are, the number's quality and limit, the token's rights and end, and whether the templates stand."""
        try:
            number = self.ask("GET", self._url(self.settings.phone_number_id), params={"fields": _FIELDS})
            token = self._token()
        except LockedOut as error:
            return Checked(False, str(error), "make a new token for the system user (docs/channels/whatsapp.md)")
        except ChannelError as error:
            return Checked(False, str(error))
        number = number if isinstance(number, dict) else {}
        expires = _moment(token.get("expires_at")) or _moment(token.get("data_access_expires_at"))
        said = _described(number)
        wrong = [*_wrong_with(number), *_wrong_with_token(token), *self._wrong_templates()]
        if wrong:
            return Checked(False, f"{said}: {'; '.join(wrong)}", "mend it in WhatsApp Manager or the settings", expires)
        mend = None
        if number.get("quality_rating") in ("YELLOW", "RED") or number.get("status") == "FLAGGED":
            mend = (
                f"its quality is {number['quality_rating']}: people block or report it; write less, and only templates"
            )
        return Checked(True, said, mend, expires)

    def credentials(self) -> Mapping[str, Any]:
        """The token, in a field of its own."""
        return {"headers": {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """By WhatsApp's codes, then by the Graph API's."""
        return refusal_of(answer, safe=safe)

    @property
    def _window(self) -> timedelta:
        return min(self.world.window or WINDOW, WINDOW)

    def _url(self, path: str) -> str:
        return f"{self.settings.api}/{self.settings.version}/{path}"

    def _receiver(self, target: Target) -> dict[str, str]:
        """`to` with the number in digits, else `recipient` with Meta's id of somebody who hides theirs."""
        for known in (target.author_handle, target.author_id):
            number = self._digits(known or "")
            if number:
                return {"to": number}
        if _USER_ID.fullmatch(target.author_id or ""):
            return {"recipient": target.author_id or ""}
        raise Never("it is not known by which number the customer is on WhatsApp", "not_allowed")

    def _digits(self, written: str) -> str | None:
        """A telephone number as the platform takes it: digits with the country's code, nothing before it."""
        if not re.fullmatch(r"\+?[\d ().-]{5,30}", written):
            return None
        digits = re.sub(r"\D", "", written)
        if digits.startswith("00"):
            digits = digits[2:]
        elif digits.startswith("0") and not written.startswith("+"):
            digits = self.settings.country_code + digits[1:]
        return digits if 5 <= len(digits) <= 20 and not digits.startswith("0") else None

    def _content(self, out: Outgoing) -> dict[str, Any]:
        """What is sent: the text, or after the window the template that renders to it. Raises Never.

        A notice that is a template always leaves as one: WhatsApp may call the window closed before our clock does.
        """
        heard, now = out.target.last_heard_at, self.world.clock.now()
        if heard is None or now >= heard + self._window or out.kind is DeliveryKind.NOTICE:
            found = template_for(out.text, self.settings.templates)
            if found is not None:
                template, filled = found
                return {"type": "template", "template": template.message(filled)}
        if heard is not None and now >= heard + self._window:
            raise Never(
                f"the 24 hours are over since {heard + self._window:%Y-%m-%d %H:%M} UTC, and the text is none of the"
                " approved templates",
                "window",
            )
        return {"type": "text", "text": {"preview_url": False, "body": out.text}}

    def _count(self, content: Mapping[str, Any]) -> None:
        """Texts within the window are free; a template may cost something."""
        if content["type"] == "template":
            self.world.meter.spend("template")

    def _token(self) -> Mapping[str, Any]:
        """What Meta tells of our token; nothing where it does not let the token look at itself."""
        try:
            given = {"input_token": self.settings.token.get_secret_value()}
            told = self.ask("GET", self._url("debug_token"), params=given)
        except LockedOut:
            raise
        except ChannelError:
            return {}
        data = told.get("data") if isinstance(told, dict) else None
        return data if isinstance(data, dict) else {}

    def _wrong_templates(self) -> list[str]:
        if self.settings.business_account_id is None:
            return []
        found = []
        for template in self.settings.templates:
            url = self._url(f"{self.settings.business_account_id}/message_templates")
            try:
                told = self.ask("GET", url, params={"name": template.name})
            except ChannelError as error:
                return [f"its templates cannot be looked at: {error}"]
            found.append(difference(template, told.get("data") if isinstance(told, dict) else None))
        return [said for said in found if said]


def _id_in(told: object) -> str:
    """The message's id in an answer. Raises Unknown: without one, its states and answers cannot be joined to it."""
    messages = told.get("messages") if isinstance(told, dict) else None
    first = messages[0] if isinstance(messages, list) and messages else None
    platform_id = first.get("id") if isinstance(first, dict) else None
    if not isinstance(platform_id, str) or not platform_id:
        raise Unknown(
            "WhatsApp took the request, but did not name the message: find out whether the customer has the text"
        )
    return platform_id


def _described(number: Mapping[str, Any]) -> str:
    told = f"{shown(number.get('verified_name') or 'no name')} ({shown(number.get('display_phone_number') or '?')})"
    quality, tier = number.get("quality_rating"), number.get("messaging_limit_tier")
    if isinstance(quality, str):
        told += f", quality {shown(quality)}"
    if isinstance(tier, str):
        told += f", limit {shown(tier.removeprefix('TIER_'))} people a day by template"
    return told


def _wrong_with(number: Mapping[str, Any]) -> list[str]:
    wrong = []
    if number.get("status") not in (None, "CONNECTED", "FLAGGED"):
        wrong.append(f"the number's status is {shown(number['status'])}")
    if number.get("name_status") in ("DECLINED", "EXPIRED"):
        wrong.append(f"its display name is {shown(number['name_status'])}")
    return wrong


def _wrong_with_token(token: Mapping[str, Any]) -> list[str]:
    wrong = []
    if token.get("is_valid") is False:
        wrong.append("the token is not valid")
    scopes = token.get("scopes")
    if isinstance(scopes, list) and NEEDED not in scopes:
        wrong.append(f"the token lacks {NEEDED}")
    return wrong


def _moment(told: object) -> datetime | None:
    """Seconds since 1970; 0 means that it does not end."""
    if not isinstance(told, int) or isinstance(told, bool) or not 0 < told < 10**11:
        return None
    return datetime.fromtimestamp(told, UTC)
