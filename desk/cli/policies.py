"""`tanggap policy`: check the rules, copy them, approve a template."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.common import AsJson, AsPerson, author, group, read_the_settings
from desk.cli.errors import Trouble
from desk.cli.output import say, say_json


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    made = group("policy", "What the company decides: rules, templates, people.")
    for command in (check, init, approve):
        made.command()(command)
    app.add_typer(made)


def check(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Default: TANGGAP_POLICY_DIR, else the shipped rules.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the rules and say what is wrong in them, with file and line; their examples are tried, too."""
    from desk.opening import adapter_problems
    from policy.guard.checking import check_examples
    from policy.loading import load_policy
    from policy.reading import PolicyError
    from policy.severity import check_cases

    settings = read_the_settings()
    try:
        found = load_policy(directory or settings.policy_dir, overlay=None if directory else settings.policy_overlay)
        channels = adapter_problems(found, None if directory else settings.policy_overlay)
        problems = [*check_examples(found.guardrails), *check_cases(found.severities), *channels]
        if problems:
            raise PolicyError(problems)
    except PolicyError as error:
        if not as_json:
            raise
        say_json(
            {"problems": [{"file": str(one.file), "line": one.line, "message": one.message} for one in error.problems]}
        )
        raise typer.Exit(1) from None
    if as_json:
        say_json({"problems": [], "directory": str(found.directory), "version": found.version})
        return
    say(f"{found.directory}: the rules can be used (version {found.version[:12]}).")
    if found.company.sample:
        say("company.yaml is the sample company's: write your own before real complaints come in.")


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")]) -> None:
    """Copy the shipped rules, templates and articles, to change them."""
    from policy.loading import copy_policy

    written = copy_policy(directory)
    say(f"Wrote {len(written)} files into {directory}. Set TANGGAP_POLICY_DIR={directory.resolve()} to use them.")


def approve(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A template that leaves without a review: id/acknowledgement.")
    ],
    as_: AsPerson,
) -> None:
    """Approve the present words of a template that leaves without a review, under your name, by hash."""
    from datetime import UTC, datetime

    from policy.approvals import approve as step
    from policy.people import People
    from policy.reading import read_rules

    directory = read_the_settings().policy_dir
    if directory is None:
        raise Trouble(
            "The shipped rules are not changed. Make your own with `tanggap policy init DIR`, set TANGGAP_POLICY_DIR."
        )
    people = read_rules(directory / "people.yaml", People)
    by = author(as_)
    if not people.knows(by.name):
        raise Trouble(f"{by.name} is nobody in {directory / 'people.yaml'}.")
    if by.typed_by is not None and not people.may_speak(by.typed_by, by.name):
        raise Trouble(f"{by.typed_by} may not speak for {by.name} ({directory / 'people.yaml'}).")
    if not people.may(by.name, "policy_approve"):
        raise Trouble(f"{by.name} may not approve templates (policy_approve in {directory / 'people.yaml'}).")
    given = step(directory, name, by.name, datetime.now(UTC).date())
    say(f"{given.template}: approved by {given.by} on {given.on} (SHA-256 {given.sha256[:12]}…).")
