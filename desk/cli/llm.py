"""`tanggap llm`: what the language model was asked, what came of it and what it cost."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import AsJson, the_desk
from desk.cli.output import say, say_json, show, table

if TYPE_CHECKING:
    from tasks.llm_listing import Ledger, LedgerLine

CLOSED = {
    "paused": "It is left alone for a while: its last calls failed. `tanggap doctor` asks it.",
    "busy": "Enough is being asked at this moment.",
    "budget": "Today's budget is spent: drafts stay as the desk composed them.",
}


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(llm)


def llm(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, metavar="N", help="How many days, today first.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Show the language model's ledger: calls, tokens, money, and why answers were refused; ~ marks an estimate."""
    from tasks.llm_listing import ledger

    with the_desk() as desk:
        found = ledger(desk, days)
    if as_json:
        say_json(found)
        return
    say(_standing(found))
    if found.closed in CLOSED:
        say(CLOSED[found.closed])
    if not found.lines:
        say(f"Nothing was asked in the last {days} days." if days > 1 else "Nothing was asked today.")
        return
    columns = ("day", "use", "model", "asked", "used", "cached", "tokens", "cost", "not used, not asked")
    show(table(*columns, rows=[_row(line) for line in found.lines], folds={"model", columns[-1]}))


def _standing(found: "Ledger") -> str:
    if not found.endpoint or not found.uses:
        return "No language model is used (llm.yaml; docs/llm.md goes through it)."
    spent = f"{_money(found.spent_today)} of {_money(found.daily_budget)} {found.currency}"
    return f"{found.model} at {found.endpoint}: {', '.join(found.uses)}. Spent today: {spent}."


def _row(line: "LedgerLine") -> tuple[object, ...]:
    tokens = f"{line.tokens_in:,} + {line.tokens_out:,}{'~' if line.uncounted else ''}"
    why = ", ".join(f"{reason} {count}" for reason, count in line.why.items())
    counts = (line.asked, line.answered, line.cached)
    return line.day, line.use, line.model, *counts, tokens, f"{_money(line.cost)} {line.currency}", why


def _money(amount: Decimal) -> str:
    return f"{amount:,.4f}".rstrip("0").rstrip(".") or "0"
