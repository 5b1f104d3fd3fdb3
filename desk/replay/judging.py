"""Judges what the desk did against what the story expects."""

from collections.abc import Iterator
from typing import Any

from db.words import Severity
from desk.replay.story import Expectation, Story
from desk.replay.telling import Account, Happened


def failures(story: Story, account: Account) -> list[str]:
    """The expectations that do not hold, each in a sentence."""
    return [said for expectation in story.expect if (said := _fails(expectation, account)) is not None]


def _fails(expected: Expectation, account: Account) -> str | None:
    events = list(_of(expected.of, account))
    if expected.state is not None:
        state = account.states.get(expected.of)
        return None if state == expected.state else f"{expected.of}: is {state}, expected {expected.state}"
    if expected.assessed is not None:
        found = [event for event in events if event.name == "assessed" and event.message in (None, expected.of)]
        if any(_assessed(expected.assessed, event.facts) for event in found):
            return None
        seen = [
            {key: event.facts.get(key) for key in ("kind", "category", "remedy", "severity", "risks", "language")}
            for event in found
        ]
        return f"{expected.of}: no assessment has {expected.assessed}; found {seen}"
    name = expected.event or expected.never
    matching = [event for event in events if event.name == name and _matches(expected, event, account)]
    if expected.never is not None:
        return None if not matching else f"{expected.of}: {_said(expected)} happened at {matching[0].at.isoformat()}"
    if not matching:
        others = [event for event in events if event.name == name]
        return f"{expected.of}: {_said(expected)} did not happen" + (
            f"; there is {[e.as_json() for e in others][:3]}" if others else ""
        )
    if expected.before is not None:
        other = next((event for event in events if event.name == expected.before), None)
        if other is not None and account.events.index(other) < account.events.index(matching[0]):
            return f"{expected.of}: {expected.event} came after {expected.before}"
    return None


def _of(external_id: str, account: Account) -> Iterator[Happened]:
    """The events of the message's complaint; one that is about another message of it does not count."""
    complaint = account.complaints.get(external_id)
    firsts = {number: name for name, number in reversed(account.complaints.items())}
    for event in account.events:
        if event.complaint != complaint:
            continue
        about_another = event.message is not None and event.message != external_id
        if event.name in ("received", "assessed", "edited") and about_another:
            continue
        if firsts.get(event.complaint) != external_id and event.at < account.arrived[external_id]:
            continue
        yield event


def _matches(expected: Expectation, event: Happened, account: Account) -> bool:
    if expected.within is not None and event.at - account.arrived[expected.of] > expected.within:
        return False
    if expected.containing is not None and expected.containing.casefold() not in (event.text or "").casefold():
        return False
    if expected.text is not None and expected.text != event.text:
        return False
    return all(_equal(value, _fact(event, key)) for key, value in expected.others.items())


def _fact(event: Happened, key: str) -> Any:
    return event.by if key == "by" else event.facts.get(key)


def _equal(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, bool):
        return bool(found) is wanted
    return bool(wanted == found)


def _assessed(wanted: dict[str, Any], facts: dict[str, Any]) -> bool:
    for key, value in wanted.items():
        if key == "severity_at_least":
            if facts.get("severity") is None or not Severity(facts["severity"]).at_least(Severity(value)):
                return False
        elif key == "risks_include":
            if not set(value) <= set(facts.get("risks") or ()):
                return False
        elif key == "anger_at_least":
            if int(facts.get("anger") or 0) < int(value):
                return False
        elif key == "risks":
            if set(value) != set(facts.get("risks") or ()):
                return False
        elif facts.get(key) != value:
            return False
    return True


def _said(expected: Expectation) -> str:
    keys = {**expected.others}
    for key in ("containing", "text", "within", "before"):
        if getattr(expected, key) is not None:
            keys[key] = str(getattr(expected, key))
    name = expected.event or expected.never
    return f"{name} {keys}" if keys else str(name)
