"""X (API v2): mentions, a search and direct messages in; replies and direct messages out.

On self-serve plans X lets an account answer in public only where the author summoned it: mentioned it or quoted a post
of it (X's page on managing posts, since 23 February 2026). A post's own record tells that; where it has not passed
here, it is looked up once. Every read and every post costs (docs/channels/x.md); what was read is written down as it is
charged: by record, not by request.

After a doubtful try our own timeline is asked (`read_back`): X takes no key of ours, though it refuses the same words
twice, which is taken as a hint to look, not as an answer.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    Never,
    Outgoing,
    Reachable,
    Sent,
    Target,
    TryAgain,
    Unknown,
    within_window,
)
from integrations.channels.x_asking import number_in
from integrations.channels.x_errors import NOT_SUMMONED
from integrations.channels.x_posts import (
    PRIVATE_ID,
    Beside,
    Direct,
    Post,
    moment_of,
    same_words,
    url_of,
    without_handles,
)
from integrations.channels.x_reading import PER_PAGE, XReading

OWN_PAGES = 8
"""Of our own timeline, when we look for a text."""

_LINK = re.compile(r"https?://\S|(?<![\w@.-])(?:[a-z0-9-]+\.)+[a-z]{2,18}(?![\w@-])", re.IGNORECASE)


class XChannel(XReading):
    """One account on X."""

    certainty = Certainty.READ_BACK

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public where its author summoned us, or anywhere on an Enterprise plan; privately where they are known.

        A post that did not pass here is looked up (one read); where X cannot be asked, it will say no itself.
        """
        if visibility is Visibility.PRIVATE:
            if not self.world.private_talk:
                return NO_PRIVATE_WAY
            if not number_in(target.author_id):
                return Reachable(ok=False, why="it is not known whose account it was: nobody to write to")
            return within_window(target, self.world.window, now)
        if not number_in(target.external_id):
            return Reachable(ok=False, why="this is no post that could be answered in public")
        if target.summoned:
            return Reachable(ok=True)
        match self._summoned(target.external_id or ""):
            case "gone":
                return Reachable(ok=False, why="the post is no longer there, or not for us to see")
            case "no" if not self.settings.enterprise:
                return Reachable(ok=False, why=NOT_SUMMONED)
        return Reachable(ok=True)

    def reply(self, out: Outgoing) -> Sent:
        """Post it as an answer, once. Raises TryAgain, Never or Unknown."""
        target = out.target.external_id
        if target is None or not number_in(target):
            raise Never("there is no post that this could answer", "not_allowed")
        try:
            said = self._answer(out.text, target)
        except Never as error:
            if error.kind == "duplicate":
                return self._already_there(out, error)
            if NOT_SUMMONED in str(error):
                self._remember(target, "no")
            raise
        sent = self._sent(said, "id")
        self._charge(out)
        return Sent(sent, url_of(sent, self._us.handle), moment_of(int(sent)))

    def _answer(self, text: str, post: str) -> Any:
        """Post below a post; where X does not find it since it was edited, below its newest version."""

        def below(version: str) -> Any:
            return self._post("/2/tweets", "post", {"text": text, "reply": {"in_reply_to_tweet_id": version}})

        try:
            return below(post)
        except Never as error:
            newest = self._newest_version(post) if error.kind == "gone" else post
            if newest == post:
                raise
        return below(newest)

    def message_privately(self, out: Outgoing) -> Sent:
        """Send a direct message to the author, once. Raises TryAgain, Never or Unknown."""
        who = out.target.author_id
        if not number_in(who):
            raise Never("it is not known whose account it was: nobody to write to", "not_allowed")
        try:
            said = self._post(f"/2/dm_conversations/with/{who}/messages", "dm", {"text": out.text})
        except Never as error:
            if error.kind == "duplicate":
                return self._already_there(out, error)
            raise
        sent = self._sent(said, "dm_event_id")
        self.world.meter.spend("dm")
        return Sent(PRIVATE_ID + sent, None, moment_of(int(sent)))

    def find_own(self, out: Outgoing) -> Sent | None:
        """Look for exactly this text as our answer to that post, or in our talk with its author.

        Raises TryAgain where X does not tell.
        """
        private = out.visibility is Visibility.PRIVATE
        try:
            found = self._own_message(out) if private else self._own_post(out)
        except Never as error:
            raise TryAgain(str(error)) from error
        if found is not None:
            # The try that nobody heard of was charged all the same.
            if private:
                self.world.meter.spend("dm")
            else:
                self._charge(out)
        return found

    # Our own words

    def _already_there(self, out: Outgoing, error: Never) -> Sent:
        """X refuses words that stand there already: perhaps they are those of this very text."""
        try:
            found = self.find_own(out)
        except TryAgain as doubt:
            raise Unknown(f"{error}; whether as this answer cannot be told now") from doubt
        if found is None:
            raise error
        return found

    def _own_post(self, out: Outgoing) -> Sent | None:
        """Our timeline since the post, newest first: an answer is younger than what it answers."""
        target = out.target.external_id
        if target is None or not number_in(target):
            return None
        params = {"max_results": str(PER_PAGE), "since_id": target, "exclude": "retweets", **self._wanted}

        def is_it(record: object, beside: Beside) -> Sent | None:
            try:
                post = Post.model_validate(record)
            except ValidationError:
                return None
            answers = target in (post.referring("replied_to"), beside.parent_of(post))
            if not answers or not same_words(without_handles(out.text), post.words):
                return None
            return Sent(post.first_id, url_of(post.first_id, self._us.handle), post.created_at)

        return self._own(f"/2/users/{self._us.id}/tweets", "timeline", "own_read", params, is_it)

    def _own_message(self, out: Outgoing) -> Sent | None:
        """Our talk with the author, newest first, back to when they last wrote to us."""
        who = out.target.author_id
        if not number_in(who):
            return None
        since = (out.target.last_heard_at or self.world.clock.now() - timedelta(days=2)) - timedelta(minutes=5)
        params = {
            "max_results": str(PER_PAGE),
            "event_types": "MessageCreate",
            "dm_event.fields": "created_at,entities,event_type,text",
            "expansions": "sender_id",
        }

        def is_it(record: object, beside: Beside) -> Sent | None:
            try:
                direct = Direct.model_validate(record)
            except ValidationError:
                return None
            if direct.sender_id != self._us.id or (direct.created_at or moment_of(int(direct.id))) < since:
                return None
            message = self._desk.message(direct, None, raw=b"")
            return Sent(message.external_id, None, message.posted_at) if same_words(out.text, message.text) else None

        return self._own(f"/2/dm_conversations/with/{who}/dm_events", "dm_read", "dm_read", params, is_it)

    def _own(
        self,
        path: str,
        what: str,
        charged: str,
        params: Mapping[str, str],
        is_it: Callable[[object, Beside], Sent | None],
    ) -> Sent | None:
        """The first record that is it. Raises TryAgain where there are more than are read at once."""
        mark: str | None = None
        for _ in range(OWN_PAGES):
            page = {**params, **({"pagination_token": mark} if mark else {})}
            document = self._asked(path, what=what, params=page)
            batch = self._batch(document, "post", charged)
            self._spend_on(found for _, found in batch.records)
            for _, found in batch.records:
                sent = is_it(found.record, found.beside)
                if sent is not None:
                    return sent
            if batch.next is None or batch.next == mark:
                return None
            mark = batch.next
        raise TryAgain(f"we have posted too much since to tell whether the text is on {self._host}: look there for it")

    def _charge(self, out: Outgoing) -> None:
        """What X charges for a post: most for one with a link, less for an answer to somebody who summoned us."""
        known = self._known(out.target.external_id)
        if _LINK.search(out.text):
            self.world.meter.spend("post_with_url")
        elif known == "no":
            self.world.meter.spend("post")
        else:
            self.world.meter.spend("summoned_reply" if known or not self.settings.enterprise else "post")
