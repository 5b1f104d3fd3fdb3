"""`tanggap complaint REF --why`: the path from the customer's words to the severity and the gates, in plain words."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk.cli.lists import heading, quoted, show_fact
from desk.cli.output import MASKED, moment, safe, say, show, styled
from policy.spelled import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tasks.desk import Desk
    from tasks.why import Corrected, GateAhead, HeldRule, MessagePath, Why

WORDS = ("kind", "category", "remedy", "risks", "anger", "language")
"""What is found in the words, in the order in which it is told."""


def show_why(desk: "Desk", found: "Why") -> None:
    """The whole path, from the words to the gates."""
    zone = desk.policy.calendar.zone
    severity = found.severity.value if found.severity else "no severity yet"
    show(styled(f"{found.reference}  {severity}  ({found.state.value})", "bold"))
    for url in found.tickets:
        show_fact("Ticket", safe(url))
    if not found.messages:
        say("Nothing of it has been assessed yet.")
    several = len(found.messages) > 1
    for path in found.messages:
        decides = " – this one decides" if several and path.message == found.decided_by else ""
        heading(f"Message of {moment(path.posted_at, zone)} on {path.channel}: {path.severity.value}{decides}")
        _show_message(path, desk.policy.version, zone)
    if found.corrections:
        heading("What people changed")
        for one in found.corrections:
            _show_correction(one, zone)
        if "severity" in found.set_by_people:
            say("Its severity stands as a person set it, whatever the rules say.")
    heading("What follows")
    _show_gates(found.gates, severity)


def _show_message(path: "MessagePath", policy: str, zone: "ZoneInfo") -> None:
    show_fact("Assessed", f"{moment(path.assessed_at, zone)} by {path.by}, with {path.version}")
    if path.masked:
        show_fact("Its words", MASKED)
    for field in WORDS:
        _show_field(path, field)
    for name in ("breach", "asks"):
        if path.facts.get("text", {}).get(name):
            show_fact("", {"breach": "an expectation was breached", "asks": "it asks for something"}[name])
    if path.unsure:
        show_fact("Not sure of", ", ".join(path.unsure))
    show_fact("Facts", "\n".join(_facts(path.facts)) or None)
    if path.policy is None:
        show_fact("Because", "\n".join(path.because))
        return
    if not path.rules:
        show_fact("Because", f"{path.severity.value}  {path.because[0]} (no rule speaks for more)")
    for index, rule in enumerate(path.rules):
        show_fact("Because" if index == 0 else "and", _rule(rule))
    if path.policy != policy:
        show_fact("", f"(the policy was {path.policy[:12]} then and has been changed since)")


def _show_field(path: "MessagePath", field: str) -> None:
    value = getattr(path, field)
    if value is None or value == ():
        return
    said = ", ".join(value) if isinstance(value, tuple) else str(getattr(value, "value", value))
    confidence = path.confidence.get(field)
    sure = f"  ({confidence:.0%} sure)" if confidence is not None else ""
    guess = f"; {', '.join(path.guessed)}: the model's guess" if field == "risks" and path.guessed else ""
    show_fact(field.capitalize(), f"{said}{sure}{guess}")
    _show_quotes(path, field)


def _show_quotes(path: "MessagePath", field: str) -> None:
    told = [one for one in path.evidence if one.get("field") == field and one.get("quote")]
    for said in dict.fromkeys(map(quoted, told)):
        say(f"{'':17}{said}")


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    """What is known beside the words, in words; what is not there is not told."""
    if not facts:
        return
    reach, around = facts.get("reach", {}), facts.get("around", {})
    yield f"said in {facts.get('visibility', 'public')}"
    if reach.get("views"):
        ago = reach.get("views_a_day_ago")
        grown = f", {ago:,} a day ago ({reach['views'] / max(ago, 1):,.1f} times)" if ago is not None else ""
        yield f"{counted(reach['views'], 'view')}{grown}"
    if reach.get("followers"):
        yield f"its author has {counted(reach['followers'], 'follower')}"
    if reach.get("verified"):
        yield "its author's account is verified"
    if around.get("media_account"):
        yield "its author publishes for a living (media_accounts in severities.yaml)"
    if around.get("tier"):
        yield f"customer tier {safe(str(around['tier']))}"
    if before := around.get("complaints_before"):
        yield f"{counted(before, 'complaint')} of the same person before it, not long ago"
    if around.get("answer_late"):
        yield "the promised time of its answer had passed"
    if times := around.get("reopened"):
        yield f"it came back after it was called solved ({counted(times, 'time')})"
    if around.get("incident"):
        yield f"it belongs to {around.get('incident_reference') or 'an incident'} ({around['incident']})"


def _rule(rule: "HeldRule") -> str:
    adds = f" (brings the risk {', '.join(rule.adds)})" if rule.adds else ""
    stands = _near(rule.stands) if rule.stands else "this rule has been changed since"
    return f"{rule.severity.value}  {safe(rule.because)}{adds}\n    {stands}"


def _near(place: str) -> str:
    """A place in a file, from here if the file lies below."""
    file, _, line = place.rpartition(":")
    here = os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
    return f"{here}:{line}"


def _show_correction(one: "Corrected", zone: "ZoneInfo") -> None:
    why = f": {one.why}" if one.why else ""
    say(f"{moment(one.at, zone)}  {safe(one.by)} set {one.field} from {one.was or 'nothing'} to {one.now}{safe(why)}")


def _show_gates(gates: "tuple[GateAhead, ...]", severity: str) -> None:
    if not gates:
        say("No answer is due, so no gate opens.")
        return
    say(f"An answer passes, at {severity} and where it was written:")
    for gate in gates:
        show_fact(gate.gate.value, gate.because)
