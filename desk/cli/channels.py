"""`tanggap channels`: how each account on each platform fares, and which adapters there are."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import AsJson, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import day_or_moment, say, say_json_list, show, styled, table

if TYPE_CHECKING:
    from tasks.channel_costs import CostLine
    from tasks.channel_listing import AccountLine, WayLine

Told = Callable[[datetime | None], str]
WORDS = {"in": "reading", "public": "answering in public", "private": "writing privately"}


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(channels)


def channels(
    adapters: Annotated[bool, typer.Option("--adapters", help="List the adapters, and what each needs.")] = False,
    again: Annotated[
        str | None, typer.Option("--try", metavar="CHANNEL[/ACCOUNT]", help="Do not let it rest: try it at once.")
    ] = None,
    prices: Annotated[
        bool, typer.Option("--costs", help="Show what a month has cost, item by item; without --month, this one.")
    ] = False,
    month: Annotated[str | None, typer.Option("--month", metavar="MONTH", help="Such as 2026-11.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each account: what came in, what waits to go out, whether it rests or fails and why, this month's cost."""
    if adapters:
        _adapters(as_json)
        return
    if prices or month is not None:
        _costs(month, as_json)
        return
    from tasks.channel_listing import accounts
    from tasks.circuits import let_try

    with the_desk() as desk:
        if again is not None:
            channel, _, account = again.partition("/")
            if desk.channels.known(channel, account or "default") is None:
                raise Trouble(f"There is no account {again}. `tanggap channels` lists them.")
            let_try(desk, channel, account or "default")
            say(f"{again} is tried at once; what comes of it stands here in a moment.")
        lines = accounts(desk)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json_list(lines)
        return

    def at(moment: datetime | None) -> str:
        return day_or_moment(moment, zone, now)

    by_hand = [line for line in lines if line.manual and not (line.heard or line.waiting)]
    columns = ("account", "by", "heard in 24 h", "last heard", "to go out", "cost this month", "how it is")
    rows = [_row(line, at, now) for line in lines if line not in by_hand]
    show(table(*columns, rows=rows, folds={columns[-1]}))
    if by_hand:
        say(f"A person posts what was approved on {', '.join(_name(line) for line in by_hand)}.")
    if any(way.down_since for line in lines for way in line.ways):
        say("Mended it? `tanggap channels --try ACCOUNT` does not wait for the end of its rest.")


def _row(line: "AccountLine", at: Told, now: datetime) -> tuple[object, ...]:
    last, cost = at(line.last_heard_at), _dollars(line.cost_micros) if line.cost_micros else ""
    return _name(line), line.adapter, line.heard or "", last, line.waiting or "", cost, _how(line, at, now)


def _name(line: "AccountLine | CostLine") -> str:
    return line.channel if line.account == "default" else f"{line.channel}/{line.account}"


def _dollars(micros: int) -> str:
    """Cents, and below a dollar tenths of them: one read costs less than a cent."""
    return f"${micros / 1_000_000:,.2f}" if abs(micros) >= 1_000_000 else f"${micros / 1_000_000:.3f}"


def _costs(month: str | None, as_json: bool) -> None:
    from tasks.channel_costs import costs

    try:
        wanted = date.fromisoformat(f"{month}-01") if month is not None else None
    except ValueError:
        raise Trouble(f"{month} is no month; write it like 2026-11.") from None
    with the_desk() as desk:
        wanted = wanted or desk.now().date()
        lines = costs(desk, wanted)
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say(f"Nothing that may cost money was done on any channel in {wanted:%Y-%m} (UTC).")
        return
    rows = [(_name(one), one.what, f"{one.count:,}", *_money(one)) for one in lines]
    show(table("account", "what", "how often", "one costs", "cost", rows=rows, folds=()))
    say(f"{wanted:%Y-%m} (UTC): {_dollars(sum(one.cost_micros for one in lines))} by the prices in channels.yaml.")


def _money(line: "CostLine") -> tuple[str, str]:
    if line.price is None and not line.cost_micros:
        return "no price", ""
    return "" if line.price is None else _dollars(round(line.price * 1_000_000)), _dollars(line.cost_micros)


def _how(line: "AccountLine", at: Told, now: datetime) -> object:
    if line.missing is not None:
        return styled(line.missing.removeprefix(f"{_name(line)} is "), "bold red")
    said = [*_shut(line.ways, at), *(told for way in line.ways if (told := _of_way(way, at, now)))]
    if line.quiet_since is not None:
        said.append(f"far quieter than usual since {at(line.quiet_since)}")
    if said:
        return styled("; ".join(said), "yellow")
    if line.manual:
        return "a person posts there"
    done = ", ".join(f"{what} {count:,}" for what, count in sorted(line.done.items()))
    return "; ".join(part for part in (_read(line, at), f"this month {done}" if done else "") if part)


def _read(line: "AccountLine", at: Told) -> str:
    """When it was last read; whoever looks knows whether that is long ago."""
    if not line.listens:
        return "well"
    read = next((way.worked_at for way in line.ways if way.way.value == "in"), None)
    return "not read yet" if read is None else f"well, read {at(read)}"


def _shut(ways: "Sequence[WayLine]", at: Told) -> Iterator[str]:
    """That we are not let in, once for each reason, whichever ways were tried."""
    for why in dict.fromkeys(way.locked_out for way in ways if way.locked_out is not None):
        since = min(way.down_since for way in ways if way.locked_out == why and way.down_since is not None)
        yield f"not let in since {at(since)}: {why}"


def _of_way(way: "WayLine", at: Told, now: datetime) -> str | None:
    words = WORDS[way.way.value]
    if way.locked_out is not None:
        return None
    if way.down_since is not None:
        return f"{words} fails since {at(way.down_since)}: {way.why}"
    if way.throttled_since is not None:
        return f"{words} has only been asked to wait since {at(way.throttled_since)}: {way.why}"
    if way.rests_until is not None:
        seconds = (way.rests_until - now).total_seconds()
        return f"{words} rests for {max(1, round(seconds))} s, within what the platform allows"
    return None


def _adapters(as_json: bool) -> None:
    from integrations.channels.registry import OWN, NoAdapter, adapter_named, adapter_names, secrets_of

    found: list[dict[str, object]] = []
    for name in adapter_names():
        if name in OWN:
            found.append({"adapter": name, "needs": [], "may_have": [], "secrets": []})
            continue
        try:
            model = adapter_named(name).settings_type
        except NoAdapter as error:
            found.append({"adapter": name, "broken": str(error)})
            continue
        secrets = [secret for secret, _ in secrets_of(model)]
        plain = {field: info for field, info in model.model_fields.items() if field not in secrets}
        found.append(
            {
                "adapter": name,
                "needs": [field for field, info in plain.items() if info.is_required()],
                "may_have": [field for field, info in plain.items() if not info.is_required()],
                "secrets": secrets,
            }
        )
    if as_json:
        say_json_list(found)
        return
    columns = ("adapter", "needs", "may have", "secrets, from the environment")
    rows = [
        (one["adapter"], one["broken"], "", "")
        if "broken" in one
        else (one["adapter"], *(_joined(one[key]) for key in ("needs", "may_have", "secrets")))
        for one in found
    ]
    show(table(*columns, rows=rows, folds={columns[1], columns[2], columns[3]}))
    say("docs/channels.md goes through each of them.")


def _joined(names: object) -> str:
    return ", ".join(names) if isinstance(names, list) else ""
