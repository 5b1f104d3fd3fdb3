"""`tanggap assess` and `tanggap check`: JSON lines in, JSON lines out, as they come; nothing is stored."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.common import LONGEST_TEXT
from desk.cli.errors import Trouble
from desk.cli.output import json_line, say, warn

if TYPE_CHECKING:
    from policy.assessment import Text
    from policy.circumstances import Circumstances
    from policy.guard.draft import DraftText, Finding
    from policy.guard.rules import Language
    from policy.reach import Reach
    from policy.severity import Severities

BATCH = 256

Lines = Annotated[str, typer.Argument(metavar="[FILE]", help="JSON lines; - or nothing for standard input.")]
CompanyFile = Annotated[
    Path | None, typer.Option("--company", metavar="FILE", help="Who we are, in place of the policy's company.yaml.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if a line could not be read.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(assess)
    app.command()(check)


@dataclass(frozen=True)
class Entry:
    """One line of the input: its fields, or why it has none."""

    number: int
    fields: Mapping[str, Any]
    error: str | None = None

    @property
    def id(self) -> Any:
        """What the line calls itself."""
        return self.fields.get("id")


class Unusable(ValueError):
    """A line that is JSON, but not what the command takes."""


def assess(file: Lines = "-", company: CompanyFile = None, strict: Strict = False) -> None:
    """Assess texts: what each is, how dangerous, and the words that it rests on. Stores nothing.

    In, a JSON line a text: `text`; optional `id`, `channel`, `author`, `metrics`, `addressed`. Out, a line each.
    """
    from desk.cli.rules import TextRules
    from policy.severity import grade

    rules = TextRules(company)
    assessor = rules.assessor
    grave = rules.severities

    def judge(batch: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        texts = [_text_of(entry.fields, rules.channels) for entry in batch]
        for entry, (text, reach, visibility), found in zip(
            batch, texts, assessor.assess([text for text, *_ in texts]), strict=True
        ):
            graded = grade(found, reach, visibility, grave, _around(entry.fields, text, grave))
            yield {
                "id": entry.id,
                "kind": found.kind,
                "category": found.category,
                "remedy": found.remedy,
                "risks": graded.risks,
                "anger": found.anger,
                "language": found.language,
                "severity": graded.severity,
                "confidence": found.confidence,
                "unsure": found.unsure,
                "evidence": found.evidence,
                "version": found.version,
            }

    bad = _go_through(file, judge, lambda fields: _text_of(fields, rules.channels))
    if strict and bad:
        raise typer.Exit(1)


def check(
    file: Lines = "-",
    company: CompanyFile = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if anything is blocked or unreadable.")] = False,
    reader: Annotated[
        str | None,
        typer.Option("--reader", metavar="id|en", help="Word the findings so; else in the draft's language."),
    ] = None,
) -> None:
    """Run the guardrails over reply drafts. Stores nothing.

    In, a JSON line a draft: `text`; optional `id`, `visibility`, `channel`, `complaint`, `lang`, `category`, `risks`,
    `facts`, `statement`. Out, a line each, in order, with the worst level and the findings.
    """
    from db.words import Visibility
    from desk.cli.rules import TextRules
    from policy.guard.checking import check as run_guardrails
    from policy.guard.checking import worst

    if reader not in (None, "id", "en"):
        raise Trouble(f"--reader {reader} is no language that findings are worded in; write id or en.")
    language: Language | None = "id" if reader == "id" else "en" if reader == "en" else None
    rules = TextRules(company)
    rails, ours = rules.guardrails, rules.company
    channels = {at: {name: one.limits(at) for name, one in rules.channels.items()} for at in Visibility}
    blocked = 0

    def judge(batch: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        nonlocal blocked
        for entry in batch:
            draft = _draft_of(entry.fields)
            findings = run_guardrails(draft, rails, ours, channels[draft.visibility], reader=language)
            level = worst(findings)
            blocked += level == "block"
            yield {"id": entry.id, "level": level, "findings": [_finding(found) for found in findings]}

    bad = _go_through(file, judge, _draft_of)
    if strict and (blocked or bad):
        raise typer.Exit(1)


def _finding(found: "Finding") -> dict[str, Any]:
    return {
        "rule": found.rule,
        "level": found.level,
        "start": found.start,
        "end": found.end,
        "quote": found.quote,
        "message": found.message,
        "suggestion": found.suggestion,
    }


def _go_through(
    name: str,
    judge: Callable[[Sequence[Entry]], Iterator[dict[str, Any]]],
    try_out: Callable[[Mapping[str, Any]], object],
) -> int:
    """Judge the lines as they come and write an answer for each, in order; returns how many could not be judged.

    Whatever has come is answered before more is waited for, so that a program may talk line by line.
    """
    waiting: list[Entry] = []
    bad = 0

    def answer() -> None:
        nonlocal bad
        if not waiting:
            return
        judged = judge([entry for entry in waiting if entry.error is None])
        for entry in waiting:
            if entry.error is None:
                say(json_line(next(judged)))
                continue
            bad += 1
            say(json_line({"id": entry.id, "line": entry.number, "error": entry.error}))
            warn(f"{'standard input' if name == '-' else name}:{entry.number}: {entry.error}")
        sys.stdout.flush()
        waiting.clear()

    with ExitStack() as stack:
        stream: IO[bytes] = sys.stdin.buffer if name == "-" else stack.enter_context(_opened(name))
        for entry in _entries(stream, answer):
            if entry.error is None:
                try:
                    try_out(entry.fields)
                except Unusable as error:
                    entry = Entry(entry.number, entry.fields, str(error))
            waiting.append(entry)
            if len(waiting) >= BATCH:
                answer()
    answer()
    return bad


def _opened(name: str) -> IO[bytes]:
    if Path(name).is_dir():
        raise Trouble(f"{name} is a directory. Name a file of JSON lines, or - for standard input.")
    return Path(name).open("rb")


def _entries(stream: IO[bytes], before_waiting: Callable[[], None]) -> Iterator[Entry]:
    """The lines that are not empty."""
    from integrations.intake.lines import chunks_of, encoding_of, lines_of

    incoming = chunks_of(stream)
    first = next(incoming, b"")
    encoding = encoding_of(first)

    def chunks() -> Iterator[bytes]:
        yield first
        before_waiting()
        for chunk in incoming:
            yield chunk
            before_waiting()

    for line in lines_of(chunks(), encoding):
        if line.cut:
            yield Entry(line.number, {}, f"the line has {line.size:,} bytes, over the limit; shorten it")
            continue
        try:
            text = line.content.decode(encoding.codec).strip("\ufeff \t\r\n")
        except UnicodeDecodeError:
            yield Entry(line.number, {}, "the line is not UTF-8; write it in UTF-8 again")
            continue
        if text:
            yield _entry(line.number, text)


def _entry(number: int, text: str) -> Entry:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        wrong = f"{error.msg[:1].lower()}{error.msg[1:]} at column {error.pos + 1}"
        return Entry(number, {}, f"the line is not JSON: {wrong}; write one JSON object a line")
    except (RecursionError, ValueError):
        return Entry(number, {}, "the line is not JSON that can be read; write one flat JSON object a line")
    if not isinstance(fields, dict):
        return Entry(number, {}, "the line is JSON but no object; write one JSON object {…} a line")
    said = fields.get("text")
    if not isinstance(said, str):
        wrong = "is missing" if said is None else "is no text"
        return Entry(number, fields, f"`text` {wrong}; every line needs one in quotes")
    if len(said) > LONGEST_TEXT:
        return Entry(number, fields, f"`text` has {len(said):,} characters, {LONGEST_TEXT:,} are the limit; shorten it")
    return Entry(number, fields)


def _text_of(fields: Mapping[str, Any], channels: Mapping[str, Any]) -> "tuple[Text, Reach, Any]":
    """A line as the assessor takes it, with what its record says of reach and visibility."""
    from db.words import Visibility
    from policy.assessment import Author, Text
    from policy.reach import Reach

    channel = _optional(fields, "channel", str)
    rules = channels.get(channel) if channel else None
    said = _optional(fields, "visibility", str)
    if said is not None and said not in tuple(Visibility):
        raise Unusable(f"`visibility` is {said!r}; write public or private")
    visibility = Visibility(said) if said else (rules.visibility if rules else Visibility.PUBLIC)
    addressed = _optional(fields, "addressed", bool)
    if addressed is None and rules and (visibility is Visibility.PRIVATE or rules.addressed_by_default):
        addressed = True
    author = fields.get("author")
    if isinstance(author, str):
        author = {"handle": author}
    if author is not None and not isinstance(author, dict):
        raise Unusable('`author` is no object; write {"handle": …, "followers": …}')
    author = author or {}
    metrics = _optional(fields, "metrics", dict) or {}
    text = Text(
        text=fields["text"],
        channel=channel,
        author=Author(
            handle=_word(author.get("handle")),
            name=_word(author.get("name")),
            followers=_count(author.get("followers")),
            verified=author.get("verified") is True,
        ),
        addressed=addressed,
        subject=_optional(fields, "subject", str),
    )
    reach = Reach(
        views=_count(metrics.get("views")),
        followers=_count(author.get("followers")),
        verified=author.get("verified") is True,
        likes=_count(metrics.get("likes")),
        replies=_count(metrics.get("replies")),
        shares=_count(metrics.get("shares")),
    )
    return text, reach, visibility


def _around(fields: Mapping[str, Any], text: "Text", rules: "Severities") -> "Circumstances":
    """What a line alone tells of its author; what was before, only the desk knows."""
    from policy.circumstances import Circumstances

    author = fields.get("author")
    known = author if isinstance(author, dict) else {}
    return Circumstances(
        media_account=rules.is_media(
            handle=text.author.handle if text.author else None,
            email=_word(known.get("email")),
            url=_word(fields.get("url")),
        ),
        tier=_word(known.get("tier")),
    )


def _draft_of(fields: Mapping[str, Any]) -> "DraftText":
    from db.words import Kind, Visibility
    from policy.guard.draft import DraftText

    visibility = _optional(fields, "visibility", str) or Visibility.PUBLIC.value
    if visibility not in tuple(Visibility):
        raise Unusable(f"`visibility` is {visibility!r}; write public or private")
    kind = _optional(fields, "kind", str)
    if kind is not None and kind not in tuple(Kind):
        raise Unusable(f"`kind` is {kind!r}; write one of {', '.join(Kind)}")
    return DraftText(
        text=fields["text"],
        visibility=Visibility(visibility),
        channel=_optional(fields, "channel", str),
        complaint=_optional(fields, "complaint", str),
        lang=_optional(fields, "lang", str),
        category=_optional(fields, "category", str),
        risks=_words(fields, "risks"),
        facts=_words(fields, "facts"),
        statement=_optional(fields, "statement", str),
        kind=Kind(kind) if kind else None,
    )


_NAMES = {str: "a text", bool: "true or false", dict: "an object"}


def _optional(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    """A field that may be missing or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise Unusable(f"`{name}` is not {_NAMES[kind]}; correct it or leave it out")
    return value


def _words(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise Unusable(f'`{name}` is no list of texts; write ["…", "…"]')


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int:
    """A figure of reach; one that is none counts as not known, as in `tanggap import`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        return 0
    return int(value)
