"""`/tanggap …`: what people ask of the desk in a line."""

import re
from collections.abc import Callable, Mapping

from db.complaints import NoSuchComplaint
from db.states import IllegalMove
from db.trail import Author
from db.words import Gate
from desk.slack.door import Door
from desk.slack.receipts import Act
from integrations.slack.client import Said
from integrations.slack.lists import draw_case, draw_help, draw_inbox, draw_status
from integrations.slack.rows import scopes
from integrations.slack.showing import Language
from integrations.slack.wording import moment, say
from policy.when import NoMoment, read_moment
from tasks.absences import come_back, go_away
from tasks.case_facts import case_of
from tasks.follow_up import NotResolvable, resolve
from tasks.home_facts import desk_state, waiting_of
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.membership import may_decide
from tasks.people import Mistake, assign
from tasks.readers import set_language
from tasks.refusals import Refused, must_be_known

MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
REFERENCE = re.compile(r"[`*_]*(TG-[1-9]\d{0,17})[`*_]*", re.IGNORECASE)
LANGUAGES: Mapping[str, Language] = {"id": "id", "indonesia": "id", "en": "en", "english": "en"}
SHOWN = 10
"""Reviews that one answer lists; the Home page has the rest."""


def run_errand(door: Door, act: Act, by: Author) -> Said:
    """Do what was typed; what is not understood is answered with help.

    Raises:
        Refused, Mistake: it may not be, or cannot be done; with what would.
    """
    must_be_known(door.desk, by)
    word, _, rest = (act.text or "").strip().partition(" ")
    errand = ERRANDS.get(word.lower(), _help)
    try:
        return errand(door, act, by, rest.strip())
    except (NoSuchComplaint, NotResolvable, IllegalMove) as error:
        raise Mistake(str(error)) from None


def _inbox(door: Door, act: Act, by: Author, rest: str) -> Said:
    """What waits for this person; of one gate, if named."""
    gate = next((gate for gate in Gate if gate.value == rest.lower()), None)
    with door.desk.transaction() as session:
        waiting = waiting_of(session, door.desk, person=by.name, gate=gate, limit=SHOWN)
    return draw_inbox(waiting, door.language_of(act.user))


def _case(door: Door, act: Act, by: Author, rest: str) -> Said:
    language = door.language_of(act.user)
    reference, _ = _reference(door, act, rest, "usage_case")
    with door.desk.transaction() as session:
        return draw_case(case_of(session, door.desk, reference), language)


def _assign(door: Door, act: Act, by: Author, rest: str) -> Said:
    reference, whom = _reference(door, act, rest, "usage_assign")
    owner = _person(door, whom)
    if owner is None:
        raise Mistake(say(door.language_of(act.user), "usage_assign"))
    assign(door.desk, reference, owner, by)
    return Said(say(door.language_of(act.user), "assigned", reference=reference, owner=owner))


def _resolve(door: Door, act: Act, by: Author, rest: str) -> Said:
    reference, summary = _reference(door, act, rest, "usage_resolve")
    if not summary:
        raise Mistake(say(door.language_of(act.user), "usage_resolve"))
    resolve(door.desk, reference, by, summary)
    return Said(say(door.language_of(act.user), "resolved", reference=reference))


def _status(door: Door, act: Act, by: Author, rest: str) -> Said:
    with door.desk.transaction() as session:
        return draw_status(desk_state(session, door.desk), door.language_of(act.user))


def _pause(door: Door, act: Act, by: Author, rest: str) -> Said:
    return _switch(door, act, by, rest, off=True)


def _resume(door: Door, act: Act, by: Author, rest: str) -> Said:
    return _switch(door, act, by, rest, off=False)


def _switch(door: Door, act: Act, by: Author, rest: str, *, off: bool) -> Said:
    """The kill switch, from Slack for executives only: it stops everything that leaves."""
    language = door.language_of(act.user)
    word, _, rest = rest.partition(" ")
    if word.lower() != "publishing":
        raise Mistake(say(language, "usage_pause" if off else "usage_resume"))
    with door.desk.transaction() as session:
        if not may_decide(session, door.desk, by.name, Gate.EXECUTIVE, door.desk.now()):
            message = f"{by.name} is no executive; from Slack only executives stop and resume publishing."
            raise Refused("executives_only", message)
    scope, reason = _scope(door, rest.strip())
    if not reason:
        raise Mistake(say(language, "usage_pause" if off else "usage_resume"))
    change = stop_publishing if off else allow_publishing
    changed = change(door.desk, scope, reason, by)
    key = ("paused" if off else "resumed") if changed else ("paused_already" if off else "resumed_already")
    return Said(say(language, key, scope=scopes(language, (scope,))))


def _scope(door: Door, rest: str) -> tuple[str, str]:
    """`all`, or the channel that the first word names; the rest is the reason."""
    word, _, after = rest.partition(" ")
    if word.lower() in door.desk.policy.channels.known:
        return f"channel:{word.lower()}", after.strip()
    return "all", rest


def _away(door: Door, act: Act, by: Author, rest: str) -> Said:
    """`until WHEN [cover @who]`."""
    language = door.language_of(act.user)
    found = re.fullmatch(
        r"(?:until|sampai|hingga)\s+(.+?)(?:\s+(?:cover|diganti|digantikan)\s+(.+))?", rest, re.IGNORECASE
    )
    if found is None:
        raise Mistake(say(language, "usage_away"))
    cover = _person(door, found[2]) if found[2] else None
    if found[2] and cover is None:
        raise Mistake(say(language, "usage_away"))
    try:
        until = read_moment(found[1], door.desk.now(), door.desk.policy.calendar)
    except NoMoment:
        raise Mistake(say(language, "usage_away")) from None
    absence = go_away(door.desk, by, until, cover)
    key = "away_covered" if cover else "away"
    return Said(say(language, key, until=moment(absence.until), cover=cover or ""))


def _back(door: Door, act: Act, by: Author, rest: str) -> Said:
    come_back(door.desk, by)
    return Said(say(door.language_of(act.user), "back"))


def _language(door: Door, act: Act, by: Author, rest: str) -> Said:
    """Slack has no Indonesian interface, so it cannot tell who reads what."""
    wanted = LANGUAGES.get(rest.lower())
    if wanted is None:
        raise Mistake(say(door.language_of(act.user), "usage_language"))
    set_language(door.desk, act.user, wanted)
    return Said(say(wanted, "language_set"))


def _help(door: Door, act: Act, by: Author, rest: str) -> Said:
    return draw_help(door.language_of(act.user))


def _reference(door: Door, act: Act, rest: str, usage: str) -> tuple[str, str]:
    """The complaint's reference and what follows it."""
    word, _, after = rest.partition(" ")
    found = REFERENCE.fullmatch(word)
    if found is None:
        raise Mistake(say(door.language_of(act.user), usage))
    return found[1].upper(), after.strip()


def _person(door: Door, written: str) -> str | None:
    """The person behind `@mention` or a name of the desk."""
    mention = MENTION.fullmatch(written.strip())
    if mention is not None:
        return door.desk.policy.slack.person_of(mention[1])
    name = written.strip().removeprefix("@").lower()
    return name or None


Errand = Callable[[Door, Act, Author, str], Said]
ERRANDS: Mapping[str, Errand] = {
    "inbox": _inbox,
    "case": _case,
    "assign": _assign,
    "resolve": _resolve,
    "status": _status,
    "pause": _pause,
    "resume": _resume,
    "away": _away,
    "back": _back,
    "language": _language,
    "help": _help,
}
