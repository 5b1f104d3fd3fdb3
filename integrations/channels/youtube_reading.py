"""What comes in from YouTube: comments and replies on our channel's videos, and videos about us that a search finds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from google.oauth2.credentials import Credentials
from pydantic import AfterValidator, Field, SecretStr

from db.words import Visibility
from integrations.channels.base import (
    ChannelError,
    LockedOut,
    Never,
    Page,
    TryAgain,
    Unknown,
)
from integrations.channels.google import TOKENS, GooglePlatform, next_page, pacific_midnight, reasons_of, safe_address
from integrations.channels.newest_first import FIRST, Found, Position, catch_up
from integrations.channels.platform import AccountSettings
from integrations.channels.youtube_records import (
    VIDEO,
    Broken,
    Comment,
    Thread,
    Video,
    address,
    answered,
    raw_of,
    read_comment,
    read_thread,
    read_video,
)
from integrations.http import Answer
from integrations.intake.text import is_blank
from integrations.record import Incoming, Item, LeftOut, Metrics, Unreadable

LIST, INSERT, SEARCH = 1, 50, 100
"""Units that a call costs."""
AT_ONCE = 50
"""Ids or records that one call is asked for: a hundred long comments with their replies may be more than we take."""
MOST_COUNTED = 5_000
SEARCH_PAGES = 3
"""Of each search: a hundred and fifty videos."""
LAG = timedelta(days=1)
"""A search may find a video so much later than it was published."""

_LOCKED = {
    "ineligibleAccount": "this Google account cannot comment on YouTube: give it a YouTube channel",
    "authenticatedUserAccountClosed": "our YouTube account is closed",
    "authenticatedUserAccountSuspended": "our YouTube account is suspended",
    "authenticatedUserNotChannel": "this Google account has no YouTube channel",
    "channelNotFound": "there is no channel of our `channel_id`: correct it",
    "youtubeSignupRequired": "this Google account has no YouTube channel: make one",
}
_NEVER = {
    "commentsDisabled": ("comments are switched off below this video", "not_allowed"),
    "operationNotSupported": ("YouTube lets us write nothing below this comment", "not_allowed"),
    "parentCommentIsPrivate": ("this comment is private: YouTube takes no reply to it", "not_allowed"),
    "commentTextTooLong": ("YouTube says that the text is too long", "too_long"),
    "parentCommentNotFound": ("the comment is no longer there", "gone"),
    "commentNotFound": ("the comment is no longer there", "gone"),
    "commentThreadNotFound": ("the comment is no longer there", "gone"),
    "videoNotFound": ("the video is no longer there", "gone"),
}


class YouTubeSettings(AccountSettings):
    """One channel of ours, and the OAuth client that speaks for it."""

    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    channel_id: Annotated[str, Field(pattern=r"^UC[\w-]{10,40}$")]
    search: tuple[str, ...] = ()
    """What videos about us are searched by; each search costs a hundred units."""
    search_hours: Annotated[float, Field(ge=1)] = 6
    """Hours between two searches."""
    replies_days: Annotated[int, Field(ge=1, le=365)] = 14
    """How long a thread is looked at for new replies and edits."""
    replies_minutes: Annotated[float, Field(ge=1)] = 30
    """Minutes between two such looks; new comments come with every one."""
    api: Annotated[str, AfterValidator(safe_address)] = "https://youtube.googleapis.com"
    token_url: Annotated[str, AfterValidator(safe_address)] = TOKENS


class YouTubeReader(GooglePlatform[YouTubeSettings]):
    """Reads one channel of ours; `youtube.YouTubeChannel` answers there."""

    settings_type = YouTubeSettings
    scopes = ("https://www.googleapis.com/auth/youtube.force-ssl",)
    _replies_seen: Mapping[str, int] = {}
    """How many replies a thread had when they were last listed; saves units, nothing else."""

    def keys(self) -> Credentials:
        """The refresh token of the channel's account."""
        return Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=self.settings.refresh_token.get_secret_value(),
            token_uri=self.settings.token_url,
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret.get_secret_value(),
            scopes=list(self.scopes),
        )

    def call(self, method: str, url: str, **options: Any) -> Answer:
        """What `reading` uses of the day's units is counted apart as well, so that some can be kept for answers."""
        if options.get("what") == "reading":
            self.world.meter.take("reading", options.get("amount", 1))
            options["what"] = "units"
        return super().call(method, url, **options)

    def quota_is_back(self, *, safe: bool) -> float:
        """At midnight in California."""
        return pacific_midnight(self.world.clock.now())

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """YouTube's own reasons (https://developers.google.com/youtube/v3/docs/errors), then Google's."""
        reasons = reasons_of(answer)
        for reason in reasons:
            if reason in _LOCKED:
                return LockedOut(f"{self.name}: {_LOCKED[reason]}")
            match _NEVER.get(reason):
                case (said, "not_allowed" | "too_long" | "gone" as kind):
                    return Never(f"{self.name}: {said}", kind)
        if "processingFailure" in reasons:
            if safe:
                return TryAgain(f"{self.name} could not work on the question")
            return Unknown(f"{self.name} could not work on the request: look there whether the text has arrived")
        return super().explain(answer, safe=safe)

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """New comments with every look; replies in old threads and edits with every longer one; then videos."""
        at = Position.read(cursor)
        counted: dict[str, int] = {}
        pages = catch_up(
            partial(self._comments, counted),
            at,
            self.world.clock.now(),
            whole_every=timedelta(minutes=self.settings.replies_minutes),
            whole_for=timedelta(days=self.settings.replies_days),
        )
        for page in pages:
            yield page
            at = Position.read(page.cursor)
        # What was listed is stored by now.
        self._replies_seen = dict([*self._replies_seen.items(), *counted.items()][-MOST_COUNTED:])
        if at is not None and self.settings.search:
            yield from self._videos(at)

    def _comments(self, counted: dict[str, int], whole: bool) -> Iterator[list[Found]]:
        for records in self._threads():
            found: list[Found] = []
            for record in records:
                thread = read_thread(record)
                if isinstance(thread, Broken):
                    found.append(self._aside(thread))
                else:
                    found += self._of_thread(thread, counted, whole)
            yield found

    def _threads(self) -> Iterator[list[Any]]:
        params = {
            "part": "snippet,replies",
            "allThreadsRelatedToChannelId": self.settings.channel_id,
            "order": "time",
            "textFormat": "plainText",
        }
        url = f"{self.settings.api}/youtube/v3/commentThreads"
        for said in self.pages(url, params, size=AT_ONCE, turned_by="pageToken", what="reading", amount=LIST):
            yield items_of(said)

    def _of_thread(self, thread: Thread, counted: dict[str, int], whole: bool) -> Iterator[Found]:
        """The comment and all replies; those that YouTube did not send along are asked for where there may be news."""
        replies = thread.replies.comments
        total = thread.snippet.totalReplyCount
        if total > len(replies) and (whole or self._replies_seen.get(thread.id) != total):
            try:
                replies = [reply for page in self._replies(thread.id) for reply in page]
            except Never:  # taken down since
                replies = thread.replies.comments
            counted[thread.id] = total
        records = [thread.snippet.topLevelComment, *replies]
        read = [read_comment(record) for record in records]
        known = [one for one in read if isinstance(one, Comment)]
        for comment, record in zip(read, records, strict=True):
            if isinstance(comment, Broken):
                yield self._aside(comment)
            else:
                yield Found(comment.changed, comment.id, self._item(comment, record, thread, known))

    def _replies(self, parent: str, what: str = "reading") -> Iterator[list[Any]]:
        params = {"part": "snippet", "parentId": parent, "textFormat": "plainText"}
        url = f"{self.settings.api}/youtube/v3/comments"
        for said in self.pages(url, params, size=AT_ONCE, turned_by="pageToken", what=what, amount=LIST):
            yield items_of(said)

    def _item(self, comment: Comment, record: Any, thread: Thread, known: Sequence[Comment]) -> Item:
        place, raw = f"{self.name}:{comment.id}", raw_of(record)
        author = comment.author
        if comment.by == self.settings.channel_id or (author.handle and self.world.is_ours(author.handle)):
            return LeftOut(place, "our own comment", raw)
        if is_blank(comment.text):
            return LeftOut(place, "a comment without words", raw)
        top = comment.snippet.parentId is None
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=comment.id,
            text=comment.text,
            posted_at=comment.posted,
            visibility=Visibility.PUBLIC,
            raw=raw,
            place=place,
            author=author,
            url=address(comment.snippet.videoId or thread.snippet.videoId, comment.id),
            in_reply_to=None if top else answered(comment, known, self.settings.channel_id),
            metrics=Metrics(likes=comment.snippet.likeCount, replies=thread.snippet.totalReplyCount if top else None),
            addressed=True,  # it stands on our own channel
        )

    def _aside(self, broken: Broken) -> Found:
        reason = f"not as YouTube documents it: {broken.reason}"
        return Found(None, broken.name, Unreadable(f"{self.name}:{broken.name}", reason, broken.raw, self.name))

    # Videos about us

    def _videos(self, at: Position) -> Iterator[Page]:
        """What the searches find, now and then. A search that fails is put off; comments go on coming."""
        now = self.world.clock.now()
        due = _moment(at.more.get("search_at"))
        if due is not None and now < due:
            return
        rest = timedelta(hours=self.settings.search_hours)
        since = _moment(at.more.get("searched")) or now - FIRST
        try:
            items = tuple(self._about_us(max(since - LAG, at.start)))
        except LockedOut:
            raise
        except TryAgain as error:
            # Nobody hears of it: the next search looks back as far.
            later = {**at.more, "search_at": (now + timedelta(seconds=error.after or 600)).isoformat()}
            yield Page((), replace(at, more=later).text())
            return
        later = {**at.more, "search_at": (now + rest).isoformat(), "searched": now.isoformat()}
        for first in range(0, len(items), AT_ONCE):
            last = first + AT_ONCE >= len(items)
            yield Page(items[first : first + AT_ONCE], (replace(at, more=later) if last else at).text())
        if not items:
            yield Page((), replace(at, more=later).text())

    def _about_us(self, since: datetime) -> Iterator[Item]:
        names: dict[str, None] = {}
        for words in self.settings.search:
            params = {
                "part": "snippet",
                "q": words,
                "type": "video",
                "order": "date",
                "publishedAfter": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            url = f"{self.settings.api}/youtube/v3/search"
            pages = self.pages(url, params, size=AT_ONCE, turned_by="pageToken", what="reading", amount=SEARCH)
            for _ in range(SEARCH_PAGES):
                self.world.meter.take("search")
                said: Any = next(pages, {})
                for record in items_of(said):
                    number = record.get("id") if isinstance(record, dict) else None
                    if isinstance(number, dict) and isinstance(number.get("videoId"), str):
                        names[number["videoId"]] = None
                if next_page(said) is None:
                    break
        found = [(read_video(record), record) for record in self._of_ids("videos", list(names))]
        times = {id(one): one.posted for one, _ in found if isinstance(one, Video)}
        for video, record in sorted(found, key=lambda pair: times.get(id(pair[0]), since)):
            yield self._video(video, record)

    def _video(self, video: Video | Broken, record: Any) -> Item:
        if isinstance(video, Broken):
            return self._aside(video).item
        place, raw = f"{self.name}:{VIDEO}{video.id}", raw_of(record)
        if video.snippet.channelId == self.settings.channel_id:
            return LeftOut(place, "our own video", raw)
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=f"{VIDEO}{video.id}",
            text=video.text,
            posted_at=video.posted,
            visibility=Visibility.PUBLIC,
            raw=raw,
            place=place,
            author=video.author,
            url=address(video.id),
            metrics=video.metrics,
            addressed=None,
        )

    def _of_ids(self, kind: str, names: Sequence[str]) -> Iterator[Any]:
        params = (
            {"part": "snippet", "textFormat": "plainText"} if kind == "comments" else {"part": "snippet,statistics"}
        )
        for first in range(0, len(names), AT_ONCE):
            said = self.ask(
                "GET",
                f"{self.settings.api}/youtube/v3/{kind}",
                params={**params, "id": ",".join(names[first : first + AT_ONCE])},
                what="reading",
                amount=LIST,
            )
            yield from items_of(said)


def items_of(said: Any) -> list[Any]:
    """The records of a list. Raises TryAgain where it is none."""
    items = said.get("items", []) if isinstance(said, dict) else None
    if not isinstance(items, list):
        raise TryAgain("YouTube did not answer with a list")
    return items


def _moment(kept: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(kept) if kept else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
