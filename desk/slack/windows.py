"""The modals that people hand in: checked while they wait, then written down and done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256 as digest
from typing import Any

from slack_bolt import Ack, App

from db.tables import Draft, Review
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.payloads import Body, file_in, team_of, typed, user_of
from desk.slack.receipts import Act, write_down
from integrations.slack.modals import read_metadata, skeleton
from integrations.slack.showing import Language
from integrations.slack.wording import say
from policy.guard import Finding, worded
from tasks.decide import preview

Errors = dict[str, str]
LONGEST_ERROR = 1_500
"""Characters that a field's error may have and still be read."""


@dataclass(frozen=True)
class Handed:
    """A modal as it was handed in."""

    review: int
    sha256: str
    reference: str
    words: str
    file: str | None
    language: Language


Check = Callable[[Door, Handed], Errors]


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear the modals."""

    def hear(kind: str, block: str, check: Check) -> None:
        @app.view(kind)
        def handed_in(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
            handed = _read(door, body, view, block)
            errors = check(door, handed)
            if errors:
                ack(response_action="errors", errors=errors)
                return
            act = _act(kind, handed, body, view)
            new = write_down(door.desk, act)
            ack(response_action="update", view=skeleton("working", handed.language))
            if new:
                hands.steadily(act)

    hear("approve", "word", _same_word)
    hear("changes", "note", _a_reason)
    hear("reject", "note", _a_reason)
    hear("edit", "text", _good_words)
    hear("write", "text", _good_words)

    @app.view_closed("shown")
    def closed(ack: Ack) -> None:
        ack()


def _read(door: Door, body: Body, view: Body, block: str) -> Handed:
    found = read_metadata(str(view.get("private_metadata") or "{}"))
    return Handed(
        review=int(found.get("r") or 0),
        sha256=str(found.get("v") or ""),
        reference=str(found.get("ref") or ""),
        words=typed(view, block).replace("\r\n", "\n").strip(),
        file=file_in(view, "file"),
        language=door.language_of(user_of(body)),
    )


def _act(kind: str, handed: Handed, body: Body, view: Body) -> Act:
    said = digest(f"{handed.words}\0{handed.file}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Act(
        key=f"modal:{view.get('id')}:{said}",
        kind=kind,
        user=user_of(body),
        team=team_of(body),
        review=handed.review,
        sha256=handed.sha256,
        text=None if kind == "approve" else handed.words,
        view=str(view.get("id") or "") or None,
        file=handed.file,
    )


def _same_word(door: Door, handed: Handed) -> Errors:
    """A typed confirmation: the complaint's reference, however it is written."""
    if handed.words.upper() == handed.reference.upper():
        return {}
    return {"word": say(handed.language, "field_word", reference=handed.reference)}


def _a_reason(door: Door, handed: Handed) -> Errors:
    return {} if handed.words else {"note": say(handed.language, "field_no_reason")}


def _good_words(door: Door, handed: Handed) -> Errors:
    """What the guardrails block is shown at the field; a file is looked at when it has been read."""
    if handed.file is not None:
        return {}
    if not handed.words:
        return {"text": say(handed.language, "field_empty")}
    with door.desk.transaction() as session:
        review = session.get(Review, handed.review)
        draft = session.get(Draft, review.draft_id) if review else None
    if draft is None:
        return {"text": say(handed.language, "refused_no_such_review")}
    if draft.text.strip() == handed.words:
        return {"text": say(handed.language, "field_same")}
    blocking = [finding for finding in preview(door.desk, handed.review, handed.words) if finding.level == "block"]
    return {"text": _said(door, blocking, handed.language)} if blocking else {}


def _said(door: Door, findings: Sequence[Finding], language: Language) -> str:
    lines = []
    for one in findings:
        kept = (one.message, one.suggestion)
        message, suggestion = worded(one.rule, one.what, door.desk.policy.guardrails, language) or kept
        lines.append(say(language, "field_blocked", quote=one.quote, message=message, suggestion=suggestion))
    return "\n".join(lines)[:LONGEST_ERROR]
