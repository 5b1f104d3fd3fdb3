"""Telegram: a bot's private chats and groups, by the Bot API (https://core.telegram.org/bots/api, 10.1).

A private chat is private; what stands in a group is there for all its members, so it counts as public. A bot can read
nothing back and Telegram takes no key of ours, so a try that may have arrived goes to a person (`neither`). The bot's
token is part of every address: it is kept out of errors, their causes and urllib3's log.
"""

import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from db.words import Visibility
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
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
    Unknown,
    within_window,
)
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.telegram_updates import Albums, Reader, moment
from integrations.channels.world import World
from integrations.http import Answer, host_of, is_safe, refusal
from integrations.record import Item, Unreadable

LONGEST = 4096
"""UTF-16 code units of a message (Bot API, sendMessage: `1-4096 characters`, offsets in UTF-16 code units)."""
AT_ONCE = 100
"""Updates of one getUpdates (its highest `limit`)."""
KINDS = ("message", "edited_message")
POLL_SECONDS = 5
"""How long one question waits for news; whoever stops the desk waits no longer for it."""
NUMBERS_HOLD = timedelta(days=6)
"""After a week without news Telegram goes on with a random number (Update: `update_id`): ours is dropped before."""

_TOKEN_IN_PATH = re.compile(r"/bot\d+:[^/\s\"']+")
_GONE = re.compile(
    r"message to (?:be replied|reply) not found|replied message not found|REPLY_MESSAGE_ID_INVALID|MESSAGE_ID_INVALID"
    r"|chat not found|PEER_ID_INVALID|group chat was deactivated|message thread not found",
    re.IGNORECASE,
)
_BLOCKED = re.compile(
    r"blocked by the user|USER_IS_BLOCKED|user is deactivated|bot was kicked|bot is not a member", re.IGNORECASE
)
_NOT_ALLOWED = re.compile(
    r"can't initiate conversation|not enough rights|have no rights|CHAT_WRITE_FORBIDDEN|TOPIC_CLOSED|CHAT_RESTRICTED"
    r"|need administrator rights|bots can't send messages to bots|PRIVACY_PREMIUM_REQUIRED",
    re.IGNORECASE,
)


class TelegramSettings(AccountSettings):
    """One bot."""

    token: SecretStr
    """As @BotFather gives it: `123456789:AAE…`."""
    username: str
    """The bot's, without `@`: it tells who is meant in a group."""
    webhook_secret: SecretStr | None = None
    """What Telegram sends along as `X-Telegram-Bot-Api-Secret-Token` (the `secret_token` of setWebhook)."""
    webhook: bool = False
    """Telegram calls our gateway; else it is asked. It does only one of the two."""
    groups: Literal["addressed", "all"] = "addressed"
    """What is taken of a group: what names the bot or answers it, or everything that the bot is shown."""
    api: str = Field(default="https://api.telegram.org")
    """Another address for a Bot API server of one's own."""

    @field_validator("token")
    @classmethod
    def _a_token(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{1,256}", token.get_secret_value()):
            raise ValueError("this is no token of a bot; @BotFather gives one like 123456789:AAE…")
        return token

    @field_validator("username")
    @classmethod
    def _plain(cls, username: str) -> str:
        return username.removeprefix("@")

    @field_validator("webhook_secret")
    @classmethod
    def _a_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
            raise ValueError("Telegram takes 1 to 256 of A-Z, a-z, 0-9, _ and - as a secret (setWebhook: secret_token)")
        return secret

    @field_validator("api")
    @classmethod
    def _web_address(cls, api: str) -> str:
        if urlsplit(api).scheme not in ("http", "https") or not urlsplit(api).netloc:
            raise ValueError(f"`{api}` is no address; write it like https://api.telegram.org")
        return api.rstrip("/")


class TelegramChannel(Platform[TelegramSettings]):
    """One bot. `neither`: the Bot API shows no history and knows no key of the sender's."""

    settings_type = TelegramSettings
    certainty = Certainty.NEITHER

    def __init__(self, name: str, account: str, settings: TelegramSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        token = settings.token.get_secret_value()
        self.listens = not settings.webhook
        self._base = f"{settings.api}/bot{token}"
        self._secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
        self._reader = Reader(name, account, token.partition(":")[0], settings.username, settings.groups, world)
        self._albums = Albums()
        self._stored: str | None = None

    # In

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Updates since the cursor, oldest first. Telegram forgets those below it, and all of them after 24 hours."""
        if self.settings.webhook:
            return
        while True:
            updates = self._updates(cursor, limit=AT_ONCE)
            if not updates:
                self._stored = cursor
                return
            numbers = [update["update_id"] for update in updates if _is_number(update.get("update_id"))]
            if not numbers:
                raise TryAgain(f"{host_of(self._base)} sent updates without numbers: nothing was read")
            items = tuple(item for update in updates for item in self._reader.read(update, self._albums))
            cursor = json.dumps({"offset": max(numbers) + 1, "at": self.world.clock.now().isoformat()})
            yield Page(items, cursor)
            self._stored = cursor
            if len(updates) < AT_ONCE:
                return

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Until there is an update, by long polling. It confirms nothing that has not been stored."""
        until = time.monotonic() + seconds
        while not self.settings.webhook and not stop.is_set():
            begun = time.monotonic()
            timeout = min(int(until - begun), POLL_SECONDS)
            if timeout < 1:
                break
            try:
                if self._updates(self._stored, limit=1, timeout=timeout):
                    return
            except ChannelError:
                break  # `fetch` meets it again, and says it.
            # A server that knows no long polling answers at once.
            stop.wait(max(begun + timeout - time.monotonic(), 0.0))
        stop.wait(max(until - time.monotonic(), 0.0))

    def hear(self, asked: Asked) -> Heard:
        """One update, where the secret that we gave Telegram comes with it."""
        if not self._secret:
            return Heard.refuse("this bot takes no calls: there is no webhook secret", 404)
        given = asked.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return Heard.refuse("the call does not carry our secret: it is not Telegram's")
        if asked.method != "POST":
            return Heard.refuse("Telegram calls by POST", 400)
        try:
            update = json.loads(asked.body)
        except (ValueError, RecursionError):
            # Telegram would repeat what it is refused; what nobody can read is kept for a person.
            place = f"{self.name}:webhook"
            return Heard((Unreadable(place, "the update is not JSON", asked.body, self.name),))
        items: tuple[Item, ...] = tuple(self._reader.read(update, self._albums))
        return Heard(items)

    def _updates(self, cursor: str | None, limit: int, timeout: int = 0) -> list[dict[str, Any]]:
        params: dict[str, Any] = {"limit": limit, "timeout": timeout, "allowed_updates": json.dumps(KINDS)}
        offset = _offset(cursor, self.world.clock.now())
        if offset is not None:
            params["offset"] = offset
        found = self._bot("GET", "getUpdates", what="read", params=params)
        if not isinstance(found, list):
            raise TryAgain(f"{host_of(self._base)} did not answer with a list of updates")
        return [update if isinstance(update, dict) else {"update": update} for update in found]

    # Out

    def reply(self, out: Outgoing) -> Sent:
        """Answer in the group, below the message. Raises TryAgain, Never or Unknown."""
        return self._send(out, Visibility.PUBLIC)

    def message_privately(self, out: Outgoing) -> Sent:
        """Answer in the private chat. Raises TryAgain, Never or Unknown."""
        return self._send(out, Visibility.PRIVATE)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In the chat that the message came from: a bot may begin no private chat by itself (Bots FAQ)."""
        place = _place_of(target)
        if place is None:
            return Reachable(ok=False, why="it is not known in which chat the message stands")
        is_private = not place[0].startswith("-")
        if visibility is Visibility.PUBLIC:
            why = "the message stands in a private chat: it can only be answered there"
            return Reachable(ok=False, why=why) if is_private else Reachable(ok=True)
        if not self.world.private_talk:
            return NO_PRIVATE_WAY
        if not is_private:
            why = "a bot may write privately only to who wrote to it first, and this message stands in a group"
            return Reachable(ok=False, why=why)
        return within_window(target, self.world.window, now)

    def _send(self, out: Outgoing, visibility: Visibility) -> Sent:
        reachable = self.can_reply(out.target, visibility, self.world.clock.now())
        if not reachable.ok:
            raise Never(reachable.why or "it cannot be answered there", "window" if reachable.until else "not_allowed")
        length = len(out.text.encode("utf-16-le", "surrogatepass")) // 2
        if length > LONGEST:
            raise Never(f"the text has {length:,} UTF-16 units, Telegram takes {LONGEST:,}", "too_long")
        chat, message = _place_of(out.target) or ("", "")
        answered: dict[str, Any] = {"message_id": int(message)}
        if visibility is Visibility.PRIVATE:
            # Who took their message back still reads the talk with us; in a group the answer would hang in the air.
            answered["allow_sending_without_reply"] = True
        body = {
            "chat_id": int(chat),
            "text": out.text,
            "reply_parameters": answered,
            "link_preview_options": {"is_disabled": True},
        }
        said = self._bot("POST", "sendMessage", what="send", json=body)
        number = said.get("message_id") if isinstance(said, dict) else None
        if not _is_number(number):
            raise Unknown(f"{host_of(self._base)} took the text, but did not say where it stands: look in the chat")
        to = said.get("chat")
        chat = str(to["id"]) if isinstance(to, dict) and _is_number(to.get("id")) else chat
        return Sent(f"{chat}:{number}", self._reader.url(to, said), moment(said.get("date")))

    # The Bot API

    def check(self) -> Checked:
        """Who the bot is, whether it is the one of the settings, and how updates reach us."""
        try:
            me = self._bot("GET", "getMe", what="read")
            hook = self._bot("GET", "getWebhookInfo", what="read")
        except LockedOut as error:
            return Checked(False, str(error), "get a new token from @BotFather (/token) and set it in the environment")
        except ChannelError as error:
            return Checked(False, str(error))
        me, hook = (one if isinstance(one, dict) else {} for one in (me, hook))
        said = f"we are @{me.get('username')}"
        if str(me.get("username", "")).casefold() != self.settings.username.casefold():
            return Checked(
                False, f"{said}, and the settings say @{self.settings.username}", "correct `username` in channels.yaml"
            )
        url, wrong = str(hook.get("url") or ""), hook.get("last_error_message")
        if url and not self.settings.webhook:
            return Checked(False, f"{said}; {_WEBHOOK_IS_SET}", _END_WEBHOOK)
        if self.settings.webhook and not self._secret:
            return Checked(False, f"{said}; there is no webhook secret", "set the environment variable with it")
        if self.settings.webhook and not url:
            return Checked(
                False, f"{said}; Telegram has no address to call", "call setWebhook (docs/channels/telegram.md)"
            )
        if self.settings.webhook and wrong:
            waiting = hook.get("pending_update_count")
            return Checked(False, f"{said}; Telegram could not call us: {wrong} ({waiting} updates wait)")
        if self.settings.groups == "all" and not me.get("can_read_all_group_messages"):
            return Checked(
                True, f"{said}; in groups it is shown only what speaks to it", "@BotFather: /setprivacy, Disable"
            )
        return Checked(True, said)

    def call(self, method: str, url: str, **request: Any) -> Answer:
        """As everywhere, with errors whose causes do not hold the address: the token is in it."""
        try:
            return super().call(method, url, **request)
        except ChannelError as error:
            error.__cause__ = error.__context__ = None
            raise error from None

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """What Telegram says in `description` and `parameters` (Bot API, Making requests)."""
        said = _object(answer)
        description, parameters = str(said.get("description") or ""), said.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        to = host_of(self._base)
        if answer.status == 429:
            after = parameters.get("retry_after")
            return TryAgain(f"{to} asks us to wait", float(after)) if isinstance(after, int) else None
        if answer.status == 401 or (answer.status == 404 and description == "Not Found"):
            return LockedOut(f"{to} does not take the bot's token; check it with `tanggap doctor`")
        if answer.status == 409:
            why = _WEBHOOK_IS_SET if "webhook" in description else "somebody else asks for this bot's updates as well"
            mend = _END_WEBHOOK if "webhook" in description else "stop the other program that uses the same token"
            return TryAgain(f"{to}: {why}; {mend}")
        if "migrate_to_chat_id" in parameters:
            return Never("the group became a supergroup, where its messages have other numbers", "gone")
        for pattern, error in (
            (_GONE, Never("the message, or its chat, is no longer there", "gone")),
            (_BLOCKED, Never("the chat is closed to our bot: it was blocked or put out there", "blocked")),
            (_NOT_ALLOWED, Never("our bot may not write there", "not_allowed")),
        ):
            if pattern.search(description):
                return error
        if "message is too long" in description.lower():
            return Never("Telegram says that the text is too long", "too_long")
        return None

    def _bot(self, method: str, name: str, **request: Any) -> Any:
        """Call a method of the Bot API; its result."""
        url = f"{self._base}/{name}"
        said = self.ask(method, url, **request)
        if isinstance(said, dict) and said.get("ok") is True and "result" in said:
            return said["result"]
        code = said.get("error_code") if isinstance(said, dict) else None
        if isinstance(code, int) and code >= 400:
            # A Bot API server may say in the body alone that it refuses.
            answer = Answer(code, {}, json.dumps(said).encode(), True)
            safe = is_safe(method)
            raise self.explain(answer, safe=safe) or refusal(code, {}, safe=safe, to=host_of(url))
        if is_safe(method):
            raise TryAgain(f"{host_of(url)} did not answer like a Bot API")
        raise Unknown(f"{host_of(url)} took the request, but its answer cannot be read: look there for the text")


_WEBHOOK_IS_SET = "a webhook is set, so Telegram does not let us ask for updates"
_END_WEBHOOK = "call deleteWebhook, or write `webhook: true` in channels.yaml"


def _place_of(target: Target) -> tuple[str, str] | None:
    """Chat and message of `CHAT:MESSAGE`."""
    found = re.fullmatch(r"(-?\d{1,20}):(\d{1,20})", target.external_id or "")
    return (found[1], found[2]) if found else None


def _offset(cursor: str | None, now: datetime) -> int | None:
    """Where to go on; None where nobody can tell: Telegram then gives what was never confirmed."""
    try:
        kept = json.loads(cursor or "")
        offset, at = kept["offset"], datetime.fromisoformat(kept["at"])
        fresh = now - at.astimezone(UTC) < NUMBERS_HOLD
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return int(offset) if _is_number(offset) and fresh else None


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body) if answer.whole else {}
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_number(value: object) -> bool:
    return type(value) is int


class _HideTokens(logging.Filter):
    """urllib3 writes the path of each request into its log at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if "/bot" in said:
            record.msg, record.args = _TOKEN_IN_PATH.sub("/bot…", said), ()
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_HideTokens())
