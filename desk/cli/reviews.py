"""`tanggap inbox`, `tanggap decide` and `tanggap take-over`: what waits for a decision, a decision, or neither."""

import re
from typing import Annotated

import typer

from db.words import Gate, Verdict
from desk.cli.common import AsJson, AsPerson, author, read_text, the_desk
from desk.cli.errors import Trouble
from desk.cli.legal import show_urgent
from desk.cli.lists import SEVERITY_STYLES, show_findings, show_grounds
from desk.cli.output import MASKED, day_or_moment, one_line, safe, say, say_json_list, show, styled

AT_A_GATE = re.compile(r"(?P<reference>TG-\d+):(?P<gate>\w+)", re.IGNORECASE)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(inbox)
    app.command()(decide)
    app.command()(take_over)


def inbox(
    gate: Annotated[Gate | None, typer.Option("--gate", help="Only this gate's.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Only what this person may decide.")] = None,
    grounds: Annotated[bool, typer.Option("--grounds", help="Say of each sentence what it rests on.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the reviews that wait for a decision, the most urgent first, with the words to decide about.

    Above them stand emergencies that nobody acknowledged and breach notices whose time runs (for programs:
    `tanggap emergency --json`, `tanggap breach --json`).
    """
    from tasks.legal_listing import urgent
    from tasks.listing import inbox as find
    from tasks.translations import in_their_language

    with the_desk() as desk:
        waiting = in_their_language(desk, find(desk, gate, person))
        first = urgent(desk, gate, person)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json_list(waiting)
        return
    show_urgent(first.emergencies, first.breaches, zone, now)
    if not waiting:
        say("Nothing waits for a decision.")
        return
    for one in waiting:
        severity = one.severity.value if one.severity else ""
        due = f"by {day_or_moment(one.deadline, zone, now)}{' – late' if one.late else ''}"
        head = f"{one.review}  {one.reference} {severity}  {one.gate.value} ({one.purpose})  {due}"
        show(styled(head, SEVERITY_STYLES.get(one.severity, "bold") if one.severity else "bold"))
        why = f"{one.because}; risks: {', '.join(one.risks)}" if one.risks else one.because
        say(f"   why: {safe(why)}")
        if one.escalated_to:
            say(f"   escalated to {safe(one.escalated_to)}")
        say(f"   customer: {MASKED if one.masked else one_line(one.complaint, 240)}")
        if one.translation:
            say(f"   translated by machine, unchecked: {one_line(one.translation, 240)}")
        say(f"   {one.kind.value} on {one.channel}, {one.visibility.value}, written by {safe(one.author)}:")
        for line in safe(one.draft).split("\n"):
            say(f"     {line}")
        if one.draft_translation:
            say("   translated by machine, unchecked, never sent:")
            for line in safe(one.draft_translation).split("\n"):
                say(f"     {line}")
        if one.companion:
            say("   and privately:")
            for line in safe(one.companion).split("\n"):
                say(f"     {line}")
        show_findings(one.findings)
        show_grounds(one.grounds, one.model, each=grounds)
        say("")
    say("Decide: `tanggap decide NUMBER --approve --as PERSON`, or --edit FILE, --changes NOTE, --reject NOTE.")


def decide(
    review: Annotated[str, typer.Argument(metavar="REVIEW", help="Its number in the inbox, or TG-1042:pr.")],
    as_: AsPerson,
    approve: Annotated[bool, typer.Option("--approve", help="These words may go out.")] = False,
    edit: Annotated[
        str | None,
        typer.Option("--edit", metavar="FILE", help="These words instead (- for standard input); others decide."),
    ] = None,
    changes: Annotated[
        str | None, typer.Option("--changes", metavar="NOTE", help="Draft it anew, as the note says.")
    ] = None,
    reject: Annotated[
        str | None, typer.Option("--reject", metavar="NOTE", help="Nothing like it goes out; the note says why.")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="HASH", help="Refuse unless the draft is still this one (inbox --json)."),
    ] = None,
    reusable: Annotated[
        bool,
        typer.Option("--reusable", help="Approved, and worth giving again: `maintain` may propose an article from it."),
    ] = False,
) -> None:
    """Decide a review. The first decision wins; nobody approves their own words."""
    from tasks import decide as steps
    from tasks.listing import review_at

    if sum((approve, edit is not None, changes is not None, reject is not None)) != 1:
        raise typer.BadParameter("give exactly one of --approve, --edit FILE, --changes NOTE, --reject NOTE")
    if reusable and not approve:
        raise typer.BadParameter("only an answer that you approve is reusable: --approve --reusable")
    text = read_text(edit) if edit is not None else None
    by = author(as_)
    at_a_gate = AT_A_GATE.fullmatch(review)
    if at_a_gate is None and not _is_number(review):
        raise Trouble(f"{review} is no review. Give its number (`tanggap inbox`), or reference and gate: TG-1042:pr.")
    gate = _gate(at_a_gate["gate"]) if at_a_gate else None
    with the_desk() as desk:
        number = int(review) if at_a_gate is None else review_at(desk, at_a_gate["reference"], gate or Gate.CS)
        if text is not None and number is not None:
            draft = steps.edit(desk, number, text, by, sha256)
            say(
                f"TG-{draft.complaint_id}: draft {draft.id} replaces it, and others must decide about it: "
                "`tanggap inbox`."
            )
            return
        note = changes if changes is not None else reject
        verdict = Verdict.APPROVE if approve else Verdict.REJECT if reject is not None else Verdict.CHANGES
        decision = steps.Decision(by, verdict, note, sha256, reusable)
        if number is not None:
            done = steps.decide(desk, number, decision)
        else:
            assert at_a_gate is not None
            assert gate is not None
            done = steps.decide_gate(desk, at_a_gate["reference"].upper(), gate, decision)
    still = f"; still to decide: {', '.join(gate.value for gate in done.waiting)}" if done.waiting else ""
    say(f"{done.reference}: {done.gate.value} {verdict.value} by {as_}. It is {done.state.value}{still}.")


def take_over(
    review: Annotated[
        str,
        typer.Argument(metavar="REVIEW|REF", help="Its number in the inbox, or the complaint's reference: TG-1042."),
    ],
    as_: AsPerson,
) -> None:
    """Answer this one yourself: nothing of it is reviewed any more, and it waits for your draft."""
    from tasks.take_over import review_to_take
    from tasks.take_over import take_over as step

    by = author(as_)
    with the_desk() as desk:
        number = int(review) if _is_number(review) else review_to_take(desk, review, by.name)
        taken = step(desk, number, by)
        until = desk.policy.calendar.said(taken.until)
    say(f"{taken.reference} is {taken.owner}'s now, until {until}: `tanggap draft {taken.reference} FILE --as {as_}`.")


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= 18


def _gate(word: str) -> Gate:
    try:
        return Gate(word.lower())
    except ValueError:
        raise Trouble(f"There is no gate {word}; there are {', '.join(Gate)}.") from None
