"""YouTube: comments and replies on our channel's videos, by the Data API v3; videos about us where a search is set.

Answers are replies in the comment's thread; nobody can be written to privately there. Every call costs units of a daily
quota (`units`); what is read counts by itself as well (`reading`), and so does a search (`search`):
https://developers.google.com/youtube/v3/determine_quota_cost
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    Checked,
    LockedOut,
    Never,
    Outgoing,
    Reachable,
    Seen,
    Sent,
    Target,
    Unknown,
)
from integrations.channels.youtube_reading import INSERT, LIST, YouTubeReader, items_of
from integrations.channels.youtube_records import (
    VIDEO,
    Broken,
    Comment,
    Thread,
    Video,
    address,
    read_comment,
    read_thread,
    read_video,
    same_words,
)
from integrations.record import Incoming, Metrics

SLACK = timedelta(minutes=1)
_BY_A_PERSON = "a video is answered by a person: a program would not hear what is said below its comment there"


class YouTubeChannel(YouTubeReader):
    """One channel of ours. Read back: the replies of a thread are listed, ours among them word for word.

    Two answers of the same words to two people in one thread cannot be told apart there: the newer one counts.
    """

    certainty = Certainty.READ_BACK

    def reply(self, out: Outgoing) -> Sent:
        """Write below the comment, once, exactly the text. Raises TryAgain, LockedOut, Never or Unknown."""
        if _is_video(out.target):
            raise Never(_BY_A_PERSON, "not_allowed")
        said = self.ask(
            "POST",
            f"{self.settings.api}/youtube/v3/comments",
            params={"part": "snippet"},
            json={"snippet": {"parentId": _thread_of(out.target), "textOriginal": out.text}},
            what="units",
            amount=INSERT,
        )
        comment = read_comment(said)
        if isinstance(comment, Broken):
            raise Unknown(f"{self.name} took the text, but does not say where it stands: look there")
        return self._sent(comment, out.target)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Below comments, in public only. Whether a comment still stands is seen when it is answered."""
        if visibility is Visibility.PRIVATE:
            return NO_PRIVATE_WAY
        if _is_video(target):
            return Reachable(ok=False, why=_BY_A_PERSON)
        return Reachable(ok=True)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Our newest reply of these words in the thread, written after what it answers."""
        if _is_video(out.target):
            return None
        heard = out.target.last_heard_at
        since = heard - SLACK if heard is not None else datetime.min.replace(tzinfo=UTC)
        every = (read_comment(record) for page in self._replies(_thread_of(out.target), "units") for record in page)
        ours = [
            one
            for one in every
            if isinstance(one, Comment)
            and one.by == self.settings.channel_id
            and one.posted >= since
            and same_words(one.text, out.text)
        ]
        return self._sent(max(ours, key=lambda one: one.posted), out.target) if ours else None

    def _sent(self, comment: Comment, target: Target) -> Sent:
        video = comment.snippet.videoId or next(iter(parse_qs(urlsplit(target.url or "").query).get("v", [])), None)
        return Sent(comment.id, address(video, comment.id), comment.posted)

    # Looking

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        """Their comments on our channel. Their own videos are not searched for: that costs too much."""
        found: list[Incoming] = []
        for records in self._threads():
            read = [
                one
                for thread in map(read_thread, records)
                if isinstance(thread, Thread)
                for one in self._of_thread(thread, {}, whole=True)
            ]
            found += [
                one.item
                for one in read
                if isinstance(one.item, Incoming)
                and one.item.author is not None
                and one.item.author.id == author.author_id
                and one.item.posted_at >= since
            ]
            stamps = [one.stamp for one in read if one.stamp is not None]
            if stamps and max(stamps) < since:
                break
        return sorted(found, key=lambda one: one.posted_at, reverse=True)

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """Comments and videos as they are now. What is not listed twice in a row was taken down."""
        videos = [name.removeprefix(VIDEO) for name in external_ids if name.startswith(VIDEO)]
        comments = [name for name in external_ids if not name.startswith(VIDEO)]
        yield from self._look("comments", comments, "")
        yield from self._look("videos", videos, VIDEO)

    def _look(self, kind: str, names: Sequence[str], before: str) -> Iterator[Seen]:
        missing = list(names)
        for _ in range(2):
            asked, missing = missing, []
            there: dict[str, Comment | Video | Broken] = {}
            for record in self._of_ids(kind, asked):
                one = read_comment(record) if kind == "comments" else read_video(record)
                there[one.name if isinstance(one, Broken) else one.id] = one
            for name in asked:
                match there.get(name):
                    case None:
                        missing.append(name)
                    case Comment() as comment:
                        likes = Metrics(likes=comment.snippet.likeCount)
                        yield Seen(f"{before}{name}", text=comment.text, metrics=likes)
                    case Video() as video:
                        yield Seen(f"{before}{name}", text=video.text, metrics=video.metrics)
        yield from (Seen(f"{before}{name}", there=False) for name in missing)

    def check(self) -> Checked:
        """Whose channel our token speaks for, what it may do, and when it ends."""
        try:
            granted = self.token_answer().get("scope")
            missing = [one for one in self.scopes if isinstance(granted, str) and one not in granted.split()]
            if missing:
                return Checked(False, f"the refresh token lacks the scope {missing[0]}", "agree to it in a new one")
            said = self.ask(
                "GET",
                f"{self.settings.api}/youtube/v3/channels",
                params={"part": "snippet", "mine": "true"},
                what="units",
                amount=LIST,
            )
        except LockedOut as error:
            return Checked(False, str(error), "docs/channels/youtube.md tells how to get new credentials")
        ours = {str(one.get("id")): one.get("snippet") for one in items_of(said) if isinstance(one, dict)}
        if self.settings.channel_id not in ours:
            whose = ", ".join(ours) or "no channel"
            mend = "correct `channel_id`, or make the refresh token while signed in as that channel"
            return Checked(False, f"the token speaks for {whose}, not for {self.settings.channel_id}", mend)
        snippet = ours[self.settings.channel_id]
        title = snippet.get("title") if isinstance(snippet, dict) else None
        return Checked(True, f"we are {title or self.settings.channel_id} on YouTube", expires=self._ends())

    def _ends(self) -> datetime | None:
        """When the refresh token ends, which Google tells of tokens that do."""
        seconds = self.token_answer().get("refresh_token_expires_in")
        if not isinstance(seconds, int) or not 0 < seconds < 10**9:
            return None
        return self.world.clock.now() + timedelta(seconds=seconds)


def _is_video(target: Target) -> bool:
    return (target.external_id or "").startswith(VIDEO)


def _thread_of(target: Target) -> str:
    """The top comment that a reply is written below: YouTube puts its id and a dot before those of its replies."""
    own = target.external_id or ""
    if "." not in own and target.thread:
        own = target.thread
    thread = own.partition(".")[0]
    if not thread:
        raise Never("it is not known which comment this answers", "other")
    return thread
