"""What people do about an answer: write it, send it again, post it by hand, resolve."""

from typing import Annotated

import typer

from db.words import Visibility
from desk.cli.common import AsPerson, Reference, author, read_text, the_desk
from desk.cli.errors import Trouble
from desk.cli.lists import show_findings
from desk.cli.output import say, warn


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    for command in (draft, redraft, resend, posted, resolve):
        app.command()(command)


def draft(
    ref: Reference,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The answer's text; - for standard input.")],
    as_: AsPerson,
    visibility: Annotated[
        Visibility | None, typer.Option("--visibility", help="Where it goes; default: where they wrote.")
    ] = None,
) -> None:
    """Write the answer yourself. It goes through guardrails and gates like any other; others decide it."""
    from tasks.decide import blocked_message, draft_by_person

    text = read_text(file)
    with the_desk() as desk:
        made = draft_by_person(desk, ref, text, author(as_), visibility)
    if made.blocked:
        raise Trouble(blocked_message(made))
    show_findings(made.findings)
    say(f"TG-{made.complaint_id}: draft {made.id} ({made.visibility.value}) is in review.")


def redraft(ref: Reference, as_: AsPerson) -> None:
    """Let the machine draft anew what is held."""
    from tasks.people import redraft as step

    with the_desk() as desk:
        step(desk, ref, author(as_))
    say(f"{ref.upper()} is being drafted anew.")


def resend(ref: Reference, as_: AsPerson) -> None:
    """Send again what failed, or what you found not to have arrived."""
    from tasks.people import send_again

    with the_desk() as desk:
        send_again(desk, ref, author(as_))
    say(f"{ref.upper()}: it goes out again.")


def posted(
    ref: Reference,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the text stands now.")],
    as_: AsPerson,
) -> None:
    """Tell that you posted an approved text by hand; what stands there is compared with what was approved."""
    from tasks.people import posted as step

    if not url.startswith(("https://", "http://")):
        raise Trouble(f"{url} is no web address. Give the one at which the text stands, https://…")
    by = author(as_)
    with the_desk() as desk:
        text, why = _text_at(url)
        compared = step(desk, ref, url, by, text)
    if text is None:
        warn(f"What stands at that address could not be compared with what was approved: {why}. Look at it yourself.")
        say(f"{compared.reference}: posted by {as_}.")
    elif compared.same:
        say(f"{compared.reference}: posted by {as_}, word for word as approved.")
    else:
        warn(
            f"{compared.reference}: only {compared.likeness:.0%} of the approved text stands at that address. "
            "Correct the post if the words differ; a page that is put together in the browser cannot be read here."
        )
        say(f"{compared.reference}: posted by {as_}.")


def _text_at(url: str) -> tuple[str | None, str]:
    """The words of a page, or why there are none."""
    from integrations.channels.base import ChannelError
    from integrations.http import call, new_session
    from integrations.intake.html import text_of

    try:
        with new_session() as session:
            answer = call(session, "GET", url)
    except ChannelError as error:
        return None, str(error).rstrip(".")
    kind = answer.headers.get("Content-Type", "text/html").lower()
    body = answer.body.decode("utf-8", "replace")
    if "html" in kind:
        return text_of(body), ""
    if kind.startswith("text/"):
        return body, ""
    return None, f"it is no page of text ({kind.partition(';')[0]})"


def resolve(
    ref: Reference,
    as_: AsPerson,
    summary: Annotated[str, typer.Option("--summary", metavar="TEXT", help="How it was solved, for the file.")],
) -> None:
    """Tell that the private talk solved it; survey and ask follow in their time."""
    from tasks.follow_up import resolve as step

    if not summary.strip():
        raise Trouble("Say how it was solved: --summary TEXT.")
    with the_desk() as desk:
        step(desk, ref, author(as_), summary.strip())
        due = desk.policy.calendar.said(desk.now() + desk.policy.follow_up.survey.after)
    say(f"{ref.upper()} is resolved. The survey goes out on {due}.")
