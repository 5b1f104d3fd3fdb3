"""Mastodon, and servers that speak its API (snac, GoToSocial, Pleroma): mentions in, replies and direct messages out.

**Certainty.** `read_back`: the server is asked whether our text stands below the post. Mastodon takes our key as well
(`Idempotency-Key`), so a try that is still on its way while we look posts nothing twice; it forgets a key after an
hour, which is why the key alone is not relied upon. Where the account's settings say `certainty: idempotent`, it is.

**What is published.** Nobody is told of an answer unless it mentions them. So `@user`, or `@user@server`, and a space
stand before the approved text where it does not name its reader itself; nothing else is added, and a text that does not
fit with it is refused, never cut. snac takes HTML: there, signs that mean something in it are written as entities.

Sources: docs.joinmastodon.org (methods notifications, statuses, timelines, search, accounts, apps; rate limits).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from db.words import Visibility
from integrations.channels.base import (
    Certainty,
    Checked,
    LockedOut,
    Never,
    Outgoing,
    Page,
    Reachable,
    Seen,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.mastodon_api import AT_ONCE, Ask, MastodonApi, MastodonSettings, Record, id_of
from integrations.channels.mastodon_posts import (
    Post,
    Server,
    Writer,
    body_of,
    length_of,
    name_of,
    names,
    only_words,
    order_of,
    others_named,
    raw_of,
    read_post,
    words_of,
    written_for,
)
from integrations.channels.world import World
from integrations.intake.fields import wrong_time
from integrations.intake.html import text_of
from integrations.intake.text import clean_line, is_blank, shown
from integrations.record import Author, Incoming, Item, LeftOut, Unreadable

AT_FIRST = timedelta(days=7)
"""How far back an account that was never read is read."""
LATELY = timedelta(days=3)
"""A text of ours that is older is no answer to today's question whether it arrived."""
LATE = timedelta(hours=1)
"""Mastodon numbers a post from elsewhere by its own date: one that comes late is numbered among those already read."""
PER_PAGE = 100
FULL = 15
"""Servers that cut a list cut it at 15 or more: only then something may be missing behind its end."""

MENTION, QUOTE, UPDATE = "mention", "quote", "update"
_SNOWFLAKE = range(1_400_000_000_000 << 16, 4_100_000_000_000 << 16)
"""Mastodon's ids of posts: milliseconds since 1970, then 16 bits."""


class MastodonChannel(MastodonApi):
    """One account on one server."""

    def __init__(self, name: str, account: str, settings: MastodonSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self.certainty = Certainty(settings.certainty)

    # Reading

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Mentions and quotes of us, then the hashtags and searches of the settings, each since its own cursor."""
        read = _places_in(cursor)
        self.us()
        yield from self._notifications(read)
        for tag in self.settings.hashtags:
            yield from self._posts(f"#{tag}", self._tagged(tag), read)
        for words in self.settings.searches:
            yield from self._posts(f"?{words}", self._found(words), read)

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        """Their public posts that speak to us, or hold one of the settings' hashtags or searches; newest first."""
        known = author.author_id or self.looked_up(author.author_handle)
        if known is None:
            return
        ask = self.listed(f"/api/v1/accounts/{quote(known, safe='')}/statuses", {"exclude_reblogs": "true"})
        for record in reversed(self.back(ask, since=since)):
            item = self._item(record, record, f"a post of theirs at {self.host}")
            if isinstance(item, Incoming) and item.visibility is Visibility.PUBLIC and self._about_us(record, item):
                yield item

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """What these posts are like now. One that the server no longer shows us was taken down, or we were blocked."""
        for start in range(0, len(external_ids), AT_ONCE):
            asked = external_ids[start : start + AT_ONCE]
            found = self.posts_named(asked)
            for name in asked:
                record = found.get(name) or self.post_named(name)
                if record is None:
                    yield Seen(name, there=False)
                    continue
                try:
                    post = read_post(record)
                    yield Seen(name, text=words_of(post, self.us(), self.home()), metrics=post.metrics)
                except ValueError:
                    continue

    def check(self) -> Checked:
        """Who we are there, what the token lacks, and whether the account throws mentions away."""
        mend = "make a new token with the scopes of docs/channels/mastodon.md, and put it into the environment"
        self.forget()
        try:
            us, server = self.us(), self.home()
            missing = self.missing_scopes()
            if not missing:
                self.asked("GET", "/api/v1/notifications", params={"limit": "1"})
        except LockedOut as error:
            return Checked(False, str(error), mend)
        said = f"{server.full(us.acct)} at {self.host}"
        if missing:
            return Checked(False, f"{said}: its token lacks {', '.join(missing)}", mend)
        dropped = self.thrown_away()
        if dropped:
            return Checked(
                True,
                f"{said}; its settings throw away what comes from {', '.join(dropped)}",
                "let them in: Preferences, Notifications, filter instead of ignore",
            )
        return Checked(True, said)

    # Answering

    def reply(self, out: Outgoing) -> Sent:
        """Answer below the post, once. Raises TryAgain, Never or Unknown."""
        if out.target.external_id is None:
            raise Never("there is no post to answer in public", "not_allowed")
        post = self._post_to_answer(out.target)
        if post is None:
            raise self._gone(out.target)
        if post.seen_by is not Visibility.PUBLIC:
            raise Never("the post is not public: answer it privately", "not_allowed")
        unlisted = "unlisted" in (post.visibility, self.settings.visibility)
        return self._send(out, post.account.acct, post, "unlisted" if unlisted else "public")

    def message_privately(self, out: Outgoing) -> Sent:
        """Post what only its reader sees, below the post while it is there. Raises TryAgain, Never or Unknown."""
        post = self._post_to_answer(out.target) if out.target.external_id else None
        acct = post.account.acct if post else (out.target.author_handle or "").lstrip("@")
        if not acct:
            raise Never("it is not known whom to write to", "gone")
        if self.is_blocked(post.account.id if post else out.target.author_id):
            raise Never(f"{self.host}: this person has blocked us", "blocked")
        us, server = self.us(), self.home()
        readers = [
            one
            for one in others_named(out.text, acct, server)
            if one not in (server.short(us.acct).casefold(), server.full(us.acct).casefold())
            and not self._is_ours_or_nobodys(one, server)
        ]
        if readers:
            raise Never(f"the private text names @{readers[0]}, who would get it too: write it without", "not_allowed")
        return self._send(out, acct, post, "direct")

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """There is no window; somebody must be known."""
        if visibility is Visibility.PUBLIC and target.external_id is None:
            return Reachable(ok=False, why="there is no post to answer in public")
        if target.external_id is None and target.author_handle is None:
            return Reachable(ok=False, why="it is not known whom to write to")
        return super().can_reply(target, visibility, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Our text below the post, or else among our own posts of late. Raises TryAgain where it cannot be told now."""
        us, since = self.us(), self.world.clock.now() - LATELY
        below = self.answers_to(out.target.external_id) if out.target.external_id else None
        if below is None:
            if self.home().is_snac and out.visibility is Visibility.PRIVATE:
                raise TryAgain(f"{self.host} lists no private posts of ours: look there")
            below = self.back(self.listed(f"/api/v1/accounts/{quote(us.id, safe='')}/statuses", {}), since=since)
        for record in reversed(below):
            try:
                post = read_post(record)
            except ValueError:
                continue
            ours = post.account.id == us.id and post.created_at >= since and post.seen_by is out.visibility
            if ours and self._is_for(post, out.target) and self._says(post, out.text):
                return _sent(post)
        return None

    def _is_for(self, post: Post, target: Target) -> bool:
        """Whether a post of ours answers it; one that stands below nothing tells by whom it mentions."""
        if post.parent is not None or not (target.author_id or target.author_handle):
            return post.parent in (target.external_id, None)
        server = self.home()
        handle = server.short(target.author_handle).casefold() if target.author_handle else None
        return any(one.id == target.author_id or server.short(one.acct).casefold() == handle for one in post.mentions)

    # What is posted

    def _is_ours_or_nobodys(self, named: str, server: Server) -> bool:
        """Whether nobody else reads what names this account.

        A handle of ours on another platform may be a stranger's here.
        """
        if self.world.is_ours(server.full(named)):
            return True
        is_here = server.full(named).partition("@")[2] == server.domain.casefold()
        return self.world.is_ours(named) and is_here and self.looked_up(named) is None

    def _send(self, out: Outgoing, acct: str, post: Post | None, visibility: str) -> Sent:
        server = self.home()
        text = out.text if names(out.text, acct, server) else f"@{server.short(acct)} {out.text}"
        body: dict[str, str] = {"status": written_for(server, text), "visibility": visibility}
        warning = clean_line(post.spoiler_text or "") if post else ""
        room = server.longest - length_of(text, server) - bool(warning)
        if room < 0:
            raise Never(
                f"with @{server.short(acct)} before it the text is {-room} characters too long for {self.host}",
                "too_long",
            )
        if warning:
            fits = length_of(warning, server) <= room + 1
            body["spoiler_text"] = warning if fits else warning[:room] + "…"
        if post is not None:
            body["in_reply_to_id"] = post.name
        if self.settings.language:
            body["language"] = self.settings.language
        self.world.meter.take("post")
        record = self.ask("POST", self.at("/api/v1/statuses"), json=body, headers={"Idempotency-Key": out.key})
        try:
            return _sent(read_post(record))
        except ValueError:
            pass
        if isinstance(record, dict) and isinstance(record.get("id"), str):
            return Sent(name_of(record["id"]))
        raise Unknown(f"{self.host} took the text, but does not say where it stands: look there")

    def _post_to_answer(self, target: Target) -> Post | None:
        """The post as it is now; None where it is gone."""
        record = self.post_named(target.external_id or "")
        if record is None:
            return None
        try:
            return read_post(record)
        except ValueError as error:
            raise TryAgain(f"{self.host} shows the post, but not as it should: {error}") from error

    def _gone(self, target: Target) -> Never:
        """A post of somebody who blocked us looks like one that is gone."""
        if self.is_blocked(target.author_id):
            return Never(f"{self.host}: this person has blocked us", "blocked")
        return Never(f"{self.host}: the post is no longer there", "gone")

    def _says(self, post: Post, text: str) -> bool:
        """Whether a post of ours is this text: by its source, or else, word for word, by what readers see."""
        path = f"/api/v1/statuses/{quote(post.name, safe='')}/source"
        found = self.asked("GET", path, expected=frozenset({403, 404, 422}))
        source = found.get("text") if isinstance(found, dict) else None
        if isinstance(source, str) and source:
            return body_of(source) in (body_of(text), body_of(written_for(self.home(), text)))
        return only_words(text_of(post.content)) == only_words(text)

    # Lists

    def _tagged(self, tag: str) -> Ask:
        return self.listed(f"/api/v1/timelines/tag/{quote(tag, safe='')}", {})

    def _found(self, words: str) -> Ask:
        return self.listed("/api/v2/search", {"q": words, "type": "statuses"}, inside="statuses")

    def _notifications(self, read: dict[str, str]) -> Iterator[Page]:
        """What was heard of us, forward from the cursor; filtered notifications too, since strangers complain."""
        always = {"types[]": [MENTION, QUOTE, UPDATE], "include_filtered": "true"}
        ask = self.listed("/api/v1/notifications", always)
        last = read.get("@")
        if last is None:
            first = self.back(ask, since=self.world.clock.now() - AT_FIRST)
            yield from self._paged("@", first, read, self._notified)
            return
        while True:
            page = ask({"min_id": last})
            nameless = [one for one in page if id_of(one) is None]
            new = sorted(
                (one for one in page if (name := id_of(one)) is not None and order_of(name) > order_of(last)),
                key=lambda one: order_of(one["id"]),
            )
            if new and len(page) >= FULL:
                # Mastodon gives what follows `min_id`; snac gives the newest after it, and leaves out what is between.
                new = [*self.back(ask, after=last, before=new[0]["id"]), *new]
            yield from self._paged("@", [*nameless, *new], read, self._notified)
            if not new:
                return
            last = read["@"]

    def _posts(self, place: str, ask: Ask, read: dict[str, str]) -> Iterator[Page]:
        """The posts of a timeline or a search. These are read back: a search knows no way forward."""
        last = read.get(place)
        since = None if last else self.world.clock.now() - AT_FIRST
        found = self.back(ask, after=_with_margin(last) if last else None, since=since)
        yield from self._paged(place, found, read, lambda one: self._item(one, one, f"{place} at {self.host}"))

    def _paged(
        self, place: str, records: Sequence[Any], read: dict[str, str], item: Callable[[Any], Item | None]
    ) -> Iterator[Page]:
        for start in range(0, len(records), PER_PAGE):
            part = records[start : start + PER_PAGE]
            known = [name for one in part if (name := id_of(one)) is not None]
            if known:
                read[place] = max([*known, read.get(place, "0")], key=order_of)
            items = tuple(found for one in part if (found := item(one)) is not None)
            yield Page(items, json.dumps(read, ensure_ascii=False))

    # What a record is to the desk

    def _notified(self, record: Any) -> Item | None:
        """The post that a notification is about; None where it is of another kind, such as a follow."""
        place = f"notification {shown(id_of(record) or '?')} at {self.host}"
        if not isinstance(record, dict) or not isinstance(record.get("type"), str):
            return Unreadable(place, "it is no notification: it has no `type`", raw_of(record), self.name)
        if record["type"] not in (MENTION, QUOTE, UPDATE):
            return None
        if record.get("status") is None:
            return Unreadable(place, "the notification came without its post", raw_of(record), self.name)
        return self._item(record["status"], record, place, addressed=record["type"] != UPDATE)

    def _item(self, record: Any, whole: Any, place: str, *, addressed: bool = False) -> Item:
        """One post. `whole` is what it came in, kept where it cannot be read."""
        us, server = self.us(), self.home()
        try:
            post = read_post(record)
            text = words_of(post, us, server)
            wrong = wrong_time(post.created_at, self.world.clock.now(), "created_at")
            if wrong is not None:
                raise ValueError(wrong)
        except ValueError as error:
            return Unreadable(place, f"the post cannot be read: {error}", raw_of(whole), self.name)
        raw, handle = raw_of(record), clean_line(server.full(post.account.acct))
        if post.reblog is not None:
            return LeftOut(place, "somebody passed a post on (a boost)", raw)
        if post.account.id == us.id or self.world.is_ours(handle):
            return LeftOut(place, "our own post", raw)
        if post.account.bot:
            return LeftOut(place, "written by a bot", raw)
        if is_blank(text):
            return LeftOut(place, "there are no words in it", raw)
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=post.name,
            text=text,
            posted_at=post.created_at.astimezone(UTC),
            visibility=post.seen_by,
            raw=raw,
            place=place,
            author=Author(
                id=post.account.id,
                handle=handle,
                name=clean_line(post.account.display_name or "") or None,
                followers=post.account.followers_count,
            ),
            url=clean_line(post.url or post.uri or "") or None,
            in_reply_to=post.parent,
            metrics=post.metrics,
            lang=None if server.is_snac else clean_line(post.language or "") or None,
            addressed=True if addressed or self._speaks_to(us, post) else None,
            attachments=post.attachments,
        )

    def _speaks_to(self, us: Writer, post: Post) -> bool:
        quoted = post.quote.quoted_status if post.quote else None
        account = quoted.get("account") if quoted else None
        return (
            post.seen_by is Visibility.PRIVATE
            or post.in_reply_to_account_id == us.id
            or any(one.id == us.id for one in post.mentions)
            or (isinstance(account, dict) and account.get("id") == us.id)
        )

    def _about_us(self, record: Record, item: Incoming) -> bool:
        tags = {tag.name.casefold() for tag in read_post(record).tags}
        text = item.text.casefold()
        return (
            item.addressed is True
            or any(tag.casefold() in tags for tag in self.settings.hashtags)
            or any(words.casefold() in text for words in self.settings.searches)
        )


def _places_in(cursor: str | None) -> dict[str, str]:
    """The last id read of each list: `@` the notifications, `#tag` a hashtag, `?words` a search."""
    try:
        found = json.loads(cursor) if cursor else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {place: last for place, last in found.items() if isinstance(last, str) and last}


def _with_margin(last: str) -> str:
    """An id that is somewhat older, where ids tell their time."""
    if not (last.isascii() and last.isdigit() and int(last) in _SNOWFLAKE):
        return last
    return str(int(last) - (int(LATE.total_seconds() * 1000) << 16))


def _sent(post: Post) -> Sent:
    return Sent(post.name, post.url or post.uri, post.created_at.astimezone(UTC))
