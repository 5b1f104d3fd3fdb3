"""One account of a business with Meta: its settings, how it is called, what its token may do.

Facebook Pages and the Instagram accounts behind them are both called with the Page's access token at one address.
Sources: developers.facebook.com/docs/graph-api/results (paging), /docs/graph-api/securing-requests (appsecret_proof),
/docs/graph-api/reference/debug_token.
"""

import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from integrations.channels.base import ChannelError, Checked, LockedOut, TryAgain, Unknown
from integrations.channels.graph import graph_error
from integrations.channels.graph_reading import Fields, WrongShape, moment
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.http import Answer

MOST_CALLS = 200
"""Pages of one list that are turned over in a round."""

_PAGING = frozenset({"after", "until", "__paging_token"})


def _id(given: object) -> object:
    """YAML reads an unquoted id as a number."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


GraphId = Annotated[str, BeforeValidator(_id), Field(pattern=r"^[0-9]{1,32}$")]


class PageSettings(AccountSettings):
    """What one Page, or the Instagram account behind it, needs."""

    token: SecretStr
    """The Page's access token, best a system user's, which does not expire."""
    app_secret: SecretStr
    verify_token: SecretStr | None = None
    """What the app's webhook settings say as well; needed only while the address is set up there."""
    app_id: GraphId
    page_id: GraphId
    api: str = Field("https://graph.facebook.com/v25.0", pattern=r"^https?://[^/?#@]+(/v[0-9.]+)?$")
    human_agent: bool = False
    """Whether Meta granted the app the feature Human Agent: answers by people then go out for 7 days."""
    messages: bool = True
    """Whether private messages are read and written."""
    watch_days: int = Field(30, ge=1, le=365)
    """The comments below posts of so many days are read as a safety net; webhooks tell of older ones."""


P = TypeVar("P", bound=PageSettings)


class GraphAccount(Platform[P]):
    """An account that the Graph API is asked for, and what its token may do."""

    needs: ClassVar[tuple[str, ...]]
    """The permissions that the token must have; with messages, `needs_for_messages` as well."""
    needs_for_messages: ClassVar[tuple[str, ...]]
    hosts: ClassVar[str]
    """What people call the platform."""

    def __init__(self, name: str, account: str, settings: P, world: World) -> None:
        super().__init__(name, account, settings, world)
        token, secret = settings.token.get_secret_value(), settings.app_secret.get_secret_value()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._proof = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()

    @abstractmethod
    def who(self) -> str:
        """Who we are there, in a few words. Raises ChannelError."""

    def credentials(self) -> Mapping[str, Any]:
        """The token in the head, its proof beside it: neither stands in an address that anybody logs."""
        return {"headers": self._headers, "params": {"appsecret_proof": self._proof}}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """Meta's own codes say more than the status."""
        return graph_error(answer, safe)

    def get(self, path: str, *, what: str = "read", **params: Any) -> Fields:
        """Ask for one object. Raises ChannelError; TryAgain where the answer is none."""
        url = f"{self.settings.api}/{path}"
        try:
            return Fields(self.ask("GET", url, params=params, what=what))
        except WrongShape as error:
            raise TryAgain(f"{self.hosts} answered something else than asked: {error}") from error

    def post(self, path: str, body: Mapping[str, Any], *, what: str) -> Fields:
        """Send once. Raises ChannelError; Unknown where it was taken, and what came of it cannot be read."""
        answered = self.ask("POST", f"{self.settings.api}/{path}", json=body, what=what)
        if not isinstance(answered, dict):
            raise Unknown(f"{self.hosts} took the request, but its answer cannot be read: look there for the text")
        return Fields(answered)

    def rows(self, path: str, *, most: int = MOST_CALLS, what: str = "read", **params: Any) -> Iterator[Fields | None]:
        """What stands in a list, page after page, as the platform orders it; None for what is no object.

        Of the address of the next page only the place in the list is taken: it is asked of our own API host.
        """
        further: dict[str, str] = {}
        for _ in range(most):
            answered = self.get(path, what=what, **params, **further)
            data = answered.raw.get("data")
            if not isinstance(data, list):
                raise TryAgain(f"{self.hosts} answered something else than a list")
            for row in data:
                yield Fields(row) if isinstance(row, dict) else None
            following = self.following(answered)
            if following is None or following == further:
                return
            further = following

    @staticmethod
    def following(answered: Fields) -> dict[str, str] | None:
        paging = answered.raw.get("paging")
        address = paging.get("next") if isinstance(paging, dict) else None
        if not isinstance(address, str):
            return None
        found = {name: value for name, value in parse_qsl(urlsplit(address).query) if name in _PAGING}
        return found or None

    def check(self) -> Checked:
        """Ask Meta about the token: whose it is, what it may do, when it ends. Posts nothing."""
        again = "make a new one as docs/channels.md tells, and set it in the environment"
        try:
            token = self._token()
            if not token.raw.get("is_valid"):
                return Checked(False, f"{self.hosts}: the access token is not valid any more", again)
            if str(token.raw.get("app_id")) != self.settings.app_id:
                return Checked(False, f"{self.hosts}: the token belongs to another app than app_id says", again)
            missing = self._lacks(token)
            expires = _end(token)
            if missing:
                said = f"{self.hosts}: the token lacks {', '.join(missing)}"
                return Checked(False, said, "grant them to the app and make a new token", expires)
            return Checked(True, self.who(), None, expires)
        except LockedOut as error:
            return Checked(False, str(error), again)
        except (ChannelError, WrongShape) as error:
            return Checked(False, str(error))

    def _token(self) -> Fields:
        """What Meta knows of our token; asked with the app's own credentials."""
        app = f"{self.settings.app_id}|{self.settings.app_secret.get_secret_value()}"
        asked = {
            "params": {"input_token": self.settings.token.get_secret_value()},
            "headers": {"Authorization": f"Bearer {app}"},
        }
        url = f"{self.settings.api}/debug_token"
        return Fields(self.ask("GET", url, bare=True, what="read", **asked)).object("data")

    def _lacks(self, token: Fields | None = None) -> tuple[str, ...]:
        """The permissions that we need and the token has not. Raises ChannelError."""
        scopes = (token or self._token()).raw.get("scopes")
        given = frozenset(one for one in scopes if isinstance(one, str)) if isinstance(scopes, list) else frozenset()
        needed = self.needs + (self.needs_for_messages if self.settings.messages else ())
        return tuple(one for one in needed if one not in given)


def _end(token: Fields) -> datetime | None:
    """When the token, or its right to read, ends; 0 says never."""
    ends = [token.raw.get(name) for name in ("expires_at", "data_access_expires_at")]
    known = [moment(end) for end in ends if isinstance(end, int) and end > 0]
    return min(known, default=None)
