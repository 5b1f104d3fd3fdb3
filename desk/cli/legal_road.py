"""`tanggap legal-road`: the law as a last resort, from the reason to the three people who decide."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from desk.cli.common import AsJson, OptionalPerson, read_text, the_desk, who_acts
from desk.cli.errors import Trouble
from desk.cli.lists import heading, show_fact, show_findings
from desk.cli.output import (
    day_or_moment,
    hanging,
    moment,
    safe,
    say,
    say_json,
    say_json_list,
    show,
    styled,
    table,
)

if TYPE_CHECKING:
    from policy.legal_road import Outcome
    from tasks.desk import Desk
    from tasks.legal_road import RoadSeen


class EndsIn(StrEnum):
    """What a legal road may end in."""

    LETTER = "letter"
    STATEMENT = "statement"


class Reader(StrEnum):
    """In which language the checklist and the precedents are shown."""

    ID = "id"
    EN = "en"


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("legal-road")(legal_road)


def legal_road(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="The complaint's reference; without it the open roads are listed."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it; it cools off first. Needs --reason.")] = False,
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="QUESTION=TEXT", help="Answer the checklist; may be given again."),
    ] = None,
    draft: Annotated[
        str | None, typer.Option("--draft", metavar="FILE", help="Propose what it ends in; - for standard input.")
    ] = None,
    outcome: Annotated[
        EndsIn, typer.Option("--outcome", help="A private letter, or a statement of facts in public.")
    ] = EndsIn.LETTER,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Leave it. Needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it is opened or left.")] = None,
    as_: OptionalPerson = None,
    language: Annotated[Reader, typer.Option("--language", help="Of the checklist and the precedents.")] = Reader.EN,
    as_json: AsJson = False,
) -> None:
    """The law as a last resort: a checklist, precedents, a cooling-off, then three different people decide."""
    from tasks import legal_road as steps

    if sum((open_, bool(answer), draft is not None, withdraw)) > 1:
        raise typer.BadParameter("give one of --open, --answer, --draft FILE, --withdraw")
    changes = open_ or bool(answer) or draft is not None or withdraw
    if ref is None:
        if changes:
            raise typer.BadParameter("name the complaint: TG-1042")
        _list(as_json)
        return
    said = _reason(reason, "opened" if open_ else "left") if open_ or withdraw else ""
    with the_desk() as desk:
        if draft is not None:
            _propose(desk, ref, draft, outcome.value, as_)
            return
        if open_:
            seen = steps.open_legal_road(desk, ref, said, who_acts(as_))
        elif withdraw:
            seen = steps.withdraw(desk, ref, said, who_acts(as_))
        else:
            seen = steps.see(desk, ref)
            for one in answer or ():
                question, text = _answered(one)
                seen = steps.answer_question(desk, ref, question, text, who_acts(as_))
        if as_json:
            say_json(_as_json(desk, seen))
        else:
            _show(desk, seen, language.value)


def _reason(reason: str | None, what: str) -> str:
    if not (reason or "").strip():
        raise Trouble(f"Say why it is {what}: --reason TEXT.")
    return (reason or "").strip()


def _answered(written: str) -> tuple[str, str]:
    question, equals, text = written.partition("=")
    if not equals or not question.strip():
        raise typer.BadParameter(f"{written!r} is no QUESTION=TEXT, such as talked_privately='Rina called on Monday…'")
    return question.strip(), text.strip()


def _propose(desk: "Desk", ref: str, file: str, outcome: "Outcome", as_: str | None) -> None:
    from tasks.decide import blocked_message
    from tasks.legal_road import propose

    made = propose(desk, ref, read_text(file), outcome, who_acts(as_))
    if made.blocked:
        raise Trouble(blocked_message(made))
    show_findings(made.findings)
    say(
        f"TG-{made.complaint_id}: draft {made.id} ({made.visibility.value}) waits for PR, Legal and an executive: "
        "three different people, and neither whoever opened the road nor whoever wrote this."
    )


def _list(as_json: bool) -> None:
    from tasks.legal_listing import open_roads

    with the_desk() as desk:
        lines = open_roads(desk)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say("No legal road is open.")
        return
    rows = (
        (
            line.reference,
            line.complaint_state,
            line.opened_by,
            "over" if line.cooled else f"until {day_or_moment(line.cooling_until, zone, now)}",
            ", ".join(line.missing) or "complete",
            day_or_moment(line.lapses_at, zone, now),
        )
        for line in lines
    )
    columns = ("Ref", "State", "Opened by", "Cooling off", "Checklist lacks", "Lapses")
    show(table(*columns, rows=rows, folds=("Checklist lacks",)))


def _show(desk: "Desk", seen: "RoadSeen", language: str) -> None:
    zone, road = desk.policy.calendar.zone, seen.road
    state = road.state.value if road else "not opened"
    show(styled(f"{seen.reference}  legal road: {state}", "bold"))
    if road is not None:
        show_fact("Opened", f"{moment(road.opened_at, zone)} by {road.opened_by}: {road.reason}")
        over = " (over)" if seen.cooled else ""
        show_fact("Cools off", f"until {moment(road.cooling_until, zone)}{over}; nobody can shorten that")
        show_fact("Lapses", moment(road.lapses_at, zone) if road.ended_at is None else None)
        why = f": {road.ended_why}" if road.ended_why else ""
        show_fact("Ended", f"{moment(road.ended_at, zone)} by {road.ended_by}{why}" if road.ended_at else None)
        for review in seen.reviews:
            decided = f"{review.verdict.value} by {review.decided_by}" if review.verdict else review.state.value
            show_fact(f"Gate {review.gate.value}", decided)
    heading("Checklist")
    _show_checklist(desk, seen, language, zone)
    heading("What became of others")
    for one in desk.policy.precedents:
        show(styled(f"{one.year}  {one.title.of(language)}", "bold"))
        for name, said in (("did", one.did), ("cost", one.cost), ("better", one.better)):
            show(hanging(f"  {name:<7}", said.of(language)))
        say(f"          ({safe(one.source)})")
    say("")
    say(_next(seen))


def _show_checklist(desk: "Desk", seen: "RoadSeen", language: str, zone: ZoneInfo) -> None:
    for question in desk.policy.legal.road.checklist:
        answer = seen.answers.get(question.question)
        show(hanging("[x]" if answer else "[ ]", f"{question.question}: {question.asks.of(language)}"))
        if answer is not None:
            show(hanging("   ", f"{answer.text} ({answer.by}, {moment(answer.at, zone)})", "dim"))


def _next(seen: "RoadSeen") -> str:
    from db.tables import RoadState

    command = f"tanggap legal-road {seen.reference}"
    if seen.road is None or seen.road.state is not RoadState.OPEN:
        return f"Still sure? `{command} --open --reason TEXT --as PERSON`. An ordinary answer: `tanggap draft`."
    if any(review.state.value == "open" for review in seen.reviews):
        return "It waits for its gates: `tanggap inbox`."
    if seen.missing:
        return f"Next: `{command} --answer {seen.missing[0]}=TEXT --as PERSON`."
    if not seen.cooled:
        return "It cools off. Talk to the customer meanwhile; the desk goes on answering them."
    return f"Next: `{command} --draft FILE --outcome letter|statement --as PERSON`, or --withdraw."


def _as_json(desk: "Desk", seen: "RoadSeen") -> dict[str, Any]:
    from tasks.export import plain_row

    return {
        "reference": seen.reference,
        "state": seen.road.state.value if seen.road else None,
        "cooled": seen.cooled,
        "ready": seen.ready,
        "missing": list(seen.missing),
        "road": plain_row(seen.road) if seen.road else None,
        "checklist": [
            {
                "question": one.question,
                "asks": one.asks.model_dump(),
                "answer": seen.answers[one.question].text if one.question in seen.answers else None,
                "by": seen.answers[one.question].by if one.question in seen.answers else None,
            }
            for one in desk.policy.legal.road.checklist
        ],
        "gates": [
            {"gate": one.gate, "state": one.state, "verdict": one.verdict, "by": one.decided_by} for one in seen.reviews
        ],
        "earlier": [plain_row(one) for one in seen.earlier],
        "precedents": [one.model_dump() for one in desk.policy.precedents],
    }
