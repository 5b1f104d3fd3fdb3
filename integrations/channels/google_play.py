"""Google Play: reviews of one app, by the Reply to Reviews API of the Android Publisher API v3.

The list holds the reviews of the production version that were written or changed within the last seven days, and none
without words. A review has one reply, of 350 characters; a new one replaces it. A review platform: nobody is asked for
a public post there. Grants: `read` (200 an hour) and `reply` (2,000 a day), for each app:
https://developers.google.com/android-publisher/reply-to-reviews
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from google.auth.credentials import Credentials
from google.oauth2 import service_account
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    ChannelError,
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
)
from integrations.channels.google import GooglePlatform, pacific_midnight, reasons_of, safe_address
from integrations.channels.newest_first import Found, Position, catch_up
from integrations.channels.platform import AccountSettings
from integrations.http import Answer
from integrations.intake.text import MAX_TEXT, clean, clean_line, is_blank, shown
from integrations.record import Author, Incoming, LeftOut, Metrics, Unreadable

LONGEST = 350
A_WEEK = timedelta(days=7)
AT_ONCE = 100
ONE_BY_ONE = 5
"""So many reviews are looked at by themselves; for more the list is read, which costs a call for each hundred."""
AN_HOUR = 3600.0
_TAG = re.compile(
    r"</?(?:a|b|i|u|p|s|br|em|hr|li|ol|ul|tt|big|div|img|pre|sub|sup|font|span|small|strong|strike|h[1-6])\b[^<>]*>",
    re.IGNORECASE,
)


class GooglePlaySettings(AccountSettings):
    """One app, and the service account that may reply to its reviews."""

    package_name: Annotated[str, Field(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*)+$")]
    key: SecretStr
    """The service account's JSON key, as it is or in base64."""
    whole_week_hours: Annotated[float, Field(ge=0.1)] = 6
    """Hours between two looks at all seven days, for reviews that Google shows late."""
    api: Annotated[str, AfterValidator(safe_address)] = "https://androidpublisher.googleapis.com"


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Timestamp(_Record):
    seconds: Annotated[int, Field(ge=0, le=253_402_300_799)]
    nanos: Annotated[int, Field(ge=0, le=999_999_999)] = 0

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC) + timedelta(microseconds=self.nanos // 1000)


class _UserComment(_Record):
    text: str = ""
    originalText: str = ""  # noqa: N815 - Google's names
    lastModified: _Timestamp  # noqa: N815
    starRating: Annotated[int, Field(ge=1, le=5)] | None = None  # noqa: N815
    thumbsUpCount: Annotated[int, Field(ge=0)] | None = None  # noqa: N815


class _DeveloperComment(_Record):
    text: str = ""
    lastModified: _Timestamp | None = None  # noqa: N815


class _Entry(_Record):
    userComment: _UserComment | None = None  # noqa: N815
    developerComment: _DeveloperComment | None = None  # noqa: N815


class Review(_Record):
    """A review with what was said below it."""

    reviewId: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]  # noqa: N815
    authorName: str = ""  # noqa: N815
    comments: list[_Entry] = []

    @property
    def said(self) -> _UserComment | None:
        """What its author says now."""
        every = [entry.userComment for entry in self.comments if entry.userComment is not None]
        return max(every, key=lambda one: one.lastModified.moment, default=None)

    @property
    def answer(self) -> _DeveloperComment | None:
        """What stands below it."""
        every = [entry.developerComment for entry in self.comments if entry.developerComment is not None]
        oldest = datetime.min.replace(tzinfo=UTC)
        return max(every, key=lambda one: one.lastModified.moment if one.lastModified else oldest, default=None)

    @property
    def metrics(self) -> Metrics | None:
        """How many found it helpful."""
        return Metrics(likes=self.said.thumbsUpCount) if self.said is not None else None


class GooglePlayChannel(GooglePlatform[GooglePlaySettings]):
    """One app. Read back: a review shows its reply; besides, the same reply sent again replaces itself.

    Before it writes it looks at what stands there. A reply that this desk did not write, such as a colleague's from the
    Play Console, is never replaced. What the desk wrote is known by digests in the account's folder.
    """

    settings_type = GooglePlaySettings
    certainty = Certainty.READ_BACK
    scopes = ("https://www.googleapis.com/auth/androidpublisher",)

    def keys(self) -> Credentials:
        """The service account of the key. Raises LockedOut where the key is none."""
        try:
            text = self.settings.key.get_secret_value().strip()
            info = json.loads(text if text.startswith("{") else base64.b64decode(text, validate=True))
            safe_address(info["token_uri"])
            keys: Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                info, scopes=list(self.scopes)
            )
        except Exception as error:  # whatever a key file may hold; its words are a secret
            raise LockedOut(
                f"{self.name}: the key is not a service account's JSON key; download a new one (docs/channels)"
            ) from error
        return keys

    def quota_is_back(self, *, safe: bool) -> float:
        """Questions are counted by the hour, replies by the day."""
        return AN_HOUR if safe else pacific_midnight(self.world.clock.now())

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """Google's reasons; a missing right concerns every review, so a person mends it."""
        known = super().explain(answer, safe=safe)
        if known is None and answer.status == 403 and reasons_of(answer) & {"PERMISSION_DENIED", "permissionDenied"}:
            return LockedOut(
                f"{self.name}: our service account may not do this for {self.settings.package_name}; in the Play"
                " Console, under Users and permissions, give it `Reply to reviews`"
            )
        return known

    # Reading

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Reviews that were written or changed, the stars as their subject."""
        return catch_up(
            self._listed,
            Position.read(cursor),
            self.world.clock.now(),
            whole_every=timedelta(hours=self.settings.whole_week_hours),
            whole_for=A_WEEK,
        )

    def _listed(self, whole: bool) -> Iterator[list[Found]]:
        for records in self._pages():
            yield [self._found(record) for record in records]

    def _pages(self) -> Iterator[list[Any]]:
        for said in self.pages(self._address(), {}, size=AT_ONCE, turned_by="token", what="read"):
            records = said.get("reviews", [])
            if not isinstance(records, list):
                raise TryAgain("Google Play did not answer with a list of reviews")
            yield records

    def _found(self, record: Any) -> Found:
        raw = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        try:
            review = Review.model_validate(record)
            said = review.said
        except (ValidationError, OverflowError) as error:
            name = hashlib.sha256(raw).hexdigest()[:16]
            reason = f"not as Google documents it: {_wrong(error)}"
            return Found(None, name, Unreadable(f"{self.name}:{name}", reason, raw, self.name))
        place = f"{self.name}:{review.reviewId}"
        if said is None:
            name = hashlib.sha256(raw).hexdigest()[:16]
            return Found(None, name, LeftOut(place, "a review without a word of its author", raw))
        title, text = _words(said)
        stamp = said.lastModified.moment
        if is_blank(text):
            return Found(stamp, review.reviewId, LeftOut(place, "stars without words", raw))
        return Found(
            stamp,
            review.reviewId,
            Incoming(
                channel=self.name,
                account=self.account,
                external_id=review.reviewId,
                text=text,
                posted_at=stamp,
                visibility=Visibility.PUBLIC,
                raw=raw,
                place=place,
                # Google tells no id of a person; each has one review of an app, so its id stands for them.
                author=Author(id=review.reviewId, name=clean_line(review.authorName)[:200] or None),
                url=self._shown_at(review.reviewId),
                metrics=review.metrics,
                subject=title,
                addressed=True,
            ),
        )

    # Answering

    def reply(self, out: Outgoing) -> Sent:
        """Write the reply, once, exactly the text, where none or an earlier one of ours stands.

        Raises TryAgain, LockedOut, Never or Unknown.
        """
        name = out.target.external_id
        if not name:
            raise Never("it is not known which review this answers")
        if len(out.text) > LONGEST:
            raise Never(f"Google Play takes {LONGEST} characters, this has {len(out.text)}", "too_long")
        if _TAG.search(out.text):
            raise Never("Google Play strips HTML tags, so this would not stand there word for word; write it without")
        review = self._review(name)
        there = review.answer
        if there is not None and _same(there.text, out.text):
            return self._sent(name, there.lastModified)
        if there is not None and not is_blank(there.text) and not self._ours(out, there.text):
            raise Never(
                "another reply stands there that this desk did not write, and a new one would replace it: decide in the"
                " Play Console which of them should stand",
                "not_allowed",
            )
        # Written down before it leaves: after a doubtful try it is known as ours as well.
        self._remember(name, out.text)
        said = self.ask("POST", f"{self._address(name)}:reply", json={"replyText": out.text}, what="reply")
        result = said.get("result") if isinstance(said, dict) else None
        result = result if isinstance(result, dict) else {}
        if isinstance(result.get("replyText"), str):
            self._remember(name, result["replyText"])
        return self._sent(name, _moment(result.get("lastEdited")))

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public at any time; there is no private way."""
        return NO_PRIVATE_WAY if visibility is Visibility.PRIVATE else Reachable(ok=True)

    def find_own(self, out: Outgoing) -> Sent | None:
        """The reply that stands there, if it is this one. Raises Never where the review is gone."""
        if not out.target.external_id:
            return None
        there = self._review(out.target.external_id).answer
        return self._sent(out.target.external_id, there.lastModified) if there and _same(there.text, out.text) else None

    def _sent(self, name: str, at: _Timestamp | None) -> Sent:
        return Sent(f"{name}:reply", self._shown_at(name), at.moment if at is not None else None)

    def _review(self, name: str) -> Review:
        said = self.ask("GET", self._address(name), what="read")
        try:
            return Review.model_validate(said)
        except ValidationError as error:
            raise TryAgain(f"Google Play shows the review not as it documents it: {_wrong(error)}") from error

    def _remember(self, name: str, text: str) -> None:
        """Keep a digest of what we write below a review. Raises TryAgain where it cannot be kept: nothing is sent."""
        if self._wrote(name, text):
            return
        try:
            kept = self._kept(name)
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with kept.open("a", encoding="ascii") as lines:
                lines.write(_digest(text) + "\n")
        except OSError as error:
            raise TryAgain(f"{self.name}: the folder {self.world.home} cannot be written; nothing was sent") from error

    def _ours(self, out: Outgoing, text: str) -> bool:
        """Whether the desk wrote what stands there: as it knows itself, or as this machine wrote down."""
        return any(_same(text, one) for one in out.earlier) or self._wrote(out.target.external_id or "", text)

    def _wrote(self, name: str, text: str) -> bool:
        try:
            return _digest(text) in self._kept(name).read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return False

    def _kept(self, name: str) -> Any:
        return self.world.home / "replies" / hashlib.sha256(name.encode()).hexdigest()[:32]

    # Looking

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """Reviews as they are now: a few by themselves, many from the list of the last seven days.

        One that is not shown is left out: Google does not say whether it was taken down.
        """
        if len(external_ids) <= ONE_BY_ONE:
            for name in external_ids:
                try:
                    review = self._review(name)
                except Never:
                    continue
                if review.said is not None:
                    yield Seen(name, text=_words(review.said)[1], metrics=review.metrics)
            return
        wanted = set(external_ids)
        for records in self._pages():
            for found in map(self._found, records):
                if isinstance(found.item, Incoming) and found.name in wanted:
                    wanted.discard(found.name)
                    yield Seen(found.name, text=found.item.text, metrics=found.item.metrics)
            if not wanted:
                return

    def check(self) -> Checked:
        """Which app, and whether the service account may read its reviews. Whether it may reply, only a reply shows."""
        try:
            self.ask("GET", self._address(), params={"maxResults": 1}, what="read")
            who = getattr(self._keys, "service_account_email", None) or "the service account"
        except LockedOut as error:
            return Checked(False, str(error), "docs/channels/google_play.md tells how to get a key and the right")
        except Never as error:
            mend = "correct `package_name`, or publish the app first"
            return Checked(False, f"{self.settings.package_name}: {error}", mend)
        return Checked(True, f"{who} reads the reviews of {self.settings.package_name}")

    def _address(self, review: str | None = None) -> str:
        app = f"{self.settings.api}/androidpublisher/v3/applications/{quote(self.settings.package_name)}/reviews"
        return app if review is None else f"{app}/{quote(review, safe='')}"

    def _shown_at(self, review: str) -> str:
        app = quote(self.settings.package_name)
        return f"https://play.google.com/store/apps/details?id={app}&reviewId={quote(review, safe='')}"


def _words(said: _UserComment) -> tuple[str | None, str]:
    """Its subject (stars, and the title of an old review) and its text as it was written, not translated.

    The stars are no words of the customer's: they stand in the subject, so that a text is edited only by its author.
    """
    written = (said.originalText if not is_blank(said.originalText) else said.text)[: MAX_TEXT * 2]
    title, tab, text = written.encode("utf-8", "replace").decode().partition("\t")
    if not tab or is_blank(text):
        title, text = "", f"{title} {text}"
    stars = f"{'★' * said.starRating}{'☆' * (5 - said.starRating)}" if said.starRating else ""
    subject = clean_line(f"{stars} {title}")[:300]
    return subject or None, clean(text).replace("\r\n", "\n").strip()[:MAX_TEXT]


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()


def _moment(record: Any) -> _Timestamp | None:
    try:
        return _Timestamp.model_validate(record)
    except ValidationError:
        return None


def _wrong(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "its time is out of range"
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the record"
    return f"{shown(field, 80)}: {shown(first['msg'].lower(), 120)}"
