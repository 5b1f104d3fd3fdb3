"""Direct messages on Bluesky (`chat.bsky`): another service, which the account's own server passes our calls on to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.channels.base import TryAgain
from integrations.channels.bluesky_posts import moment

AT_ONCE = 100
MOST_PAGES = 200
"""Answers of one list, so that a server that never ends does not keep us."""

Ask = Callable[..., Any]
"""Calls a method of the chat service: GET or POST, its name, and what `requests` takes."""
Said = tuple[str, Mapping[str, Any]]
"""A message with the conversation that it stands in."""


class Chat:
    """Our conversations."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def since(self, rev: str | None, begin: datetime) -> Iterator[tuple[list[Said], str | None]]:
        """Messages since a revision, oldest first, ours as well, with the revision that covers them.

        Without one, those since `begin`: the service keeps a log for what is new, and lists for what was before.
        """
        if rev is None:
            yield self._before(begin)
            return
        for _ in range(MOST_PAGES):
            said = _object(self._ask("GET", "chat.bsky.convo.getLog", params={"cursor": rev}))
            logs = [log for log in _list(said, "logs") if str(log.get("rev", "")) > rev]
            messages: list[Said] = [
                (str(log.get("convoId")), log["message"])
                for log in logs
                if str(log.get("$type")).endswith("#logCreateMessage") and _is_message(log.get("message"))
            ]
            further = max([rev, *(log["rev"] for log in logs)])
            if further == rev:
                return
            rev = further
            yield messages, rev

    def with_person(self, did: str) -> str:
        """The conversation with somebody; it is begun where there is none. Raises ChannelError."""
        said = self._ask("GET", "chat.bsky.convo.getConvoForMembers", params={"members": [did]})
        return _convo_of(said)

    def can_write_to(self, did: str) -> bool:
        """Whether somebody takes our messages. Raises ChannelError."""
        said = self._ask("GET", "chat.bsky.convo.getConvoAvailability", params={"members": [did]})
        if not isinstance(said, dict) or not isinstance(said.get("canChat"), bool):
            raise TryAgain("the chat service did not say whether this person takes messages")
        return bool(said["canChat"])

    def send(self, convo: str, message: Mapping[str, Any]) -> Any:
        """Send once; the message as it stands there. Raises ChannelError."""
        return self._ask("POST", "chat.bsky.convo.sendMessage", json={"convoId": convo, "message": message})

    def latest(self, convo: str) -> list[Mapping[str, Any]]:
        """The newest messages of a conversation, newest first."""
        said = self._ask("GET", "chat.bsky.convo.getMessages", params={"convoId": convo, "limit": AT_ONCE})
        return _list(_object(said), "messages")

    def may_read(self) -> None:
        """Raises Never where our password is not allowed to."""
        self._ask("GET", "chat.bsky.convo.listConvos", params={"limit": 1})

    def _before(self, begin: datetime) -> tuple[list[Said], str | None]:
        rev, found = "", list[tuple[datetime, Said]]()
        for convo in self._pages("chat.bsky.convo.listConvos", "convos", {}):
            rev = max(rev, str(convo.get("rev", "")))
            name = str(convo.get("id"))
            for message in self._pages("chat.bsky.convo.getMessages", "messages", {"convoId": name}):
                at = moment(message.get("sentAt"))
                if at is not None and at < begin:
                    break
                if _is_message(message):
                    found.append((at or begin, (name, message)))
        return [said for _, said in sorted(found, key=lambda one: one[0])], rev or None

    def _pages(self, name: str, what: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            asked = {**params, "limit": AT_ONCE, **({"cursor": cursor} if cursor else {})}
            said = _object(self._ask("GET", name, params=asked))
            items = _list(said, what)
            yield from items
            further = said.get("cursor")
            if not items or not isinstance(further, str) or further == cursor:
                return
            cursor = further


def sender_of(message: Mapping[str, Any]) -> object:
    """The DID of who wrote it."""
    sender = message.get("sender")
    return sender.get("did") if isinstance(sender, dict) else None


def _convo_of(said: Any) -> str:
    convo = said.get("convo") if isinstance(said, dict) else None
    name = convo.get("id") if isinstance(convo, dict) else None
    if not isinstance(name, str) or not name:
        raise TryAgain("the chat service named no conversation: nothing was sent")
    return name


def _is_message(message: object) -> bool:
    """Whether it is a message that somebody wrote, and nobody took back."""
    return isinstance(message, dict) and str(message.get("$type", "#messageView")).endswith("#messageView")


def _object(said: Any) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise TryAgain("the chat service's answer cannot be read")
    return said


def _list(said: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found: Sequence[Any] = said[name] if isinstance(said.get(name), list) else ()
    return [one for one in found if isinstance(one, dict)]
