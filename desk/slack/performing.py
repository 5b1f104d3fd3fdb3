"""Does what people did in Slack, after Slack was answered: every act goes through the desk's own steps."""

import re
from collections.abc import Callable, Mapping

import requests

from db.tables import Review
from db.trail import Author
from db.words import Verdict
from desk.slack.door import Door
from desk.slack.errands import run_errand
from desk.slack.receipts import Act, done
from desk.slack.telling import tell, tell_refusal, tell_result
from integrations.http import new_session
from integrations.slack.client import SECONDS, Said
from integrations.slack.errors import SlackTrouble
from integrations.slack.wording import named, named_all, say
from tasks.decide import decide, edit, refuse
from tasks.notes_in_threads import edit_note, note_from_thread, propose_from_thread, remove_note
from tasks.people import Mistake
from tasks.refusals import Decision, Refused
from tasks.slack_people import identify
from tasks.take_over import take_over

LONGEST_FILE = 1024 * 1024
"""Bytes of a text that somebody hands in as a file."""
CALLED = re.compile(r"@([UWS][A-Z0-9]{2,}|here|channel|everyone)\b")
SLACKS_OWN = re.compile(r"(?=.*\d)[UWS][A-Z0-9]{8,}")
"""How Slack names somebody. A customer's or a brand's handle may be in capitals, too, but has no such shape."""
VERDICTS = {"approve": Verdict.APPROVE, "changes": Verdict.CHANGES, "reject": Verdict.REJECT}


def perform(door: Door, act: Act) -> None:
    """Do an act once, and tell its author what came of it.

    Raises:
        Exception: what may pass (a lost connection); the act is tried again.
    """
    try:
        by = identify(door.desk, door.workspace, act.user, act.team)
    except Refused as refused:
        _refuse(door, act, refused)
    else:
        try:
            DEEDS[act.kind](door, act, by)
        except Refused as refused:
            if not _did_it_before(door, act, by, refused):
                tell_refusal(door, act, refused)
        except Mistake as mistake:
            tell_refusal(door, act, mistake)
    done(door.desk, act.key)


def _refuse(door: Door, act: Act, refused: Refused) -> None:
    """Somebody whom the desk cannot take for a person of its own: on the timeline where it was about a review."""
    if act.review is not None and act.kind in VERDICTS:
        stranger = Author(f"slack:{act.user}", typed_by=f"slack:{act.user}")
        refuse(door.desk, act.review, refused, Decision(stranger, VERDICTS[act.kind], None, act.sha256))
    tell_refusal(door, act, refused)


def _did_it_before(door: Door, act: Act, by: Author, refused: Refused) -> bool:
    """Whether this very act was done already by hands that died before they could say so."""
    if refused.why != "not_open" or act.kind not in VERDICTS or act.review is None:
        return False
    with door.desk.transaction() as session:
        review = session.get(Review, act.review)
        return review is not None and review.decided_by == by.name and review.verdict is VERDICTS[act.kind]


def _decide(door: Door, act: Act, by: Author) -> None:
    assert act.review is not None
    result = decide(door.desk, act.review, Decision(by, VERDICTS[act.kind], act.text, act.sha256))
    language = door.language_of(act.user)
    waiting, gate = named_all(language, "gate", result.waiting), named(language, "gate", result.gate)
    key = "result_waiting" if waiting else f"result_{act.kind}"
    tell_result(door, act, key, reference=result.reference, gate=gate, waiting=waiting)


def _edit(door: Door, act: Act, by: Author) -> None:
    """The reviewer's words as a new draft, for others to decide."""
    assert act.review is not None
    draft = edit(door.desk, act.review, _words(door, act), by, act.sha256)
    tell_result(door, act, "result_edit", reference=f"TG-{draft.complaint_id}")


def _write(door: Door, act: Act, by: Author) -> None:
    """The answer of whoever took the complaint over."""
    assert act.review is not None
    draft = propose_from_thread(door.desk, act.review, _words(door, act), by, by)
    tell_result(door, act, "result_edit", reference=f"TG-{draft.complaint_id}")


def _words(door: Door, act: Act) -> str:
    if act.file is None:
        return act.text or ""
    try:
        found = door.slack.file(act.file)
        where = str(found.get("url_private_download") or found.get("url_private") or "")
        with new_session() as session:
            token = f"Bearer {door.slack.web.token}"
            answer = session.get(where, headers={"Authorization": token}, timeout=SECONDS, stream=True)
            answer.raise_for_status()
            raw = answer.raw.read(LONGEST_FILE + 1, decode_content=True)
    except (SlackTrouble, requests.RequestException, OSError) as error:
        raise Mistake(say(door.language_of(act.user), "file_away")) from error
    try:
        if len(raw) > LONGEST_FILE:
            raise ValueError("too long")
        words: str = raw.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except ValueError:
        raise Mistake(say(door.language_of(act.user), "file_is_no_text")) from None
    if not words:
        raise Mistake(say(door.language_of(act.user), "file_is_no_text"))
    return words


def _take_over(door: Door, act: Act, by: Author) -> None:
    assert act.review is not None
    take_over(door.desk, act.review, by, act.sha256)


def _note(door: Door, act: Act, by: Author) -> None:
    assert act.review is not None
    note_from_thread(door.desk, act.review, act.text or "", by, _source(act))


def _edit_note(door: Door, act: Act, by: Author) -> None:
    edit_note(door.desk, _source(act), act.text or "", by)


def _remove_note(door: Door, act: Act, by: Author) -> None:
    remove_note(door.desk, _source(act), by)


def _propose(door: Door, act: Act, by: Author) -> None:
    """A message of the thread becomes a draft of whoever wrote it."""
    assert act.review is not None
    if _calls_somebody(door, act.text or ""):
        raise Refused(
            "mention_in_draft", "The message calls somebody (@…), which no customer should read. Take it out."
        )
    own = act.words_of in (None, act.user)
    writer = by if own else identify(door.desk, door.workspace, act.words_of or "", act.team)
    draft = propose_from_thread(door.desk, act.review, act.text or "", writer, by)
    language = door.language_of(act.user)
    tell(door, act, Said(say(language, "proposed", reference=f"TG-{draft.complaint_id}")))


def _calls_somebody(door: Door, words: str) -> bool:
    """Whether words call a colleague (@…): then they were meant for colleagues."""
    ours = set(door.desk.policy.slack.people.values())
    return any(name.islower() or name in ours or SLACKS_OWN.fullmatch(name) for name in CALLED.findall(words))


def _command(door: Door, act: Act, by: Author) -> None:
    tell(door, act, run_errand(door, act, by))


def _source(act: Act) -> str:
    return f"{act.channel}:{act.ts}"


DEEDS: Mapping[str, Callable[[Door, Act, Author], None]] = {
    "approve": _decide,
    "changes": _decide,
    "reject": _decide,
    "edit": _edit,
    "write": _write,
    "take_over": _take_over,
    "note": _note,
    "note_edited": _edit_note,
    "note_removed": _remove_note,
    "propose": _propose,
    "command": _command,
}
