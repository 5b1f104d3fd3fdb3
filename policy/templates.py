"""Templates of what leaves without being composed: plain text in both languages, where only slots are filled.

A file may hold several variants, separated by a line `---`, that state the same facts in other words, so that ten
answers on one page do not read like one robot's. The comment on its first line says what a text is:
`{# invites_private: true, states_facts: false #}`.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from db.words import Kind, Risk
from policy.filling import Fillable, faults, nearest, slots_of
from policy.reading import PolicyError, Problem

LANGUAGES = ("id", "en")
SLOTS = frozenset(
    (
        *("name", "company", "reference", "contact", "answer_by", "tracking_url"),
        *("other_reference", "survey_url", "automatic", "letter"),
    )
)
"""What a template may use; each is a plain string, and may be empty.

`automatic` and `letter` are only asked about: whether a text says there that no person wrote it, and whether it ends
with our name, as letters do (channels.yaml).
"""

ACKNOWLEDGEMENTS = (
    "acknowledgement",
    "acknowledgement_media",
    "acknowledgement_injury",
    "acknowledgement_distress",
    "acknowledgement_question",
)
WRITE_BACK = "write_back"
"""Asks a customer to write again, where the platform lets nothing but this leave until they do."""
PRE_APPROVED = (
    *ACKNOWLEDGEMENTS,
    *("holding", "survey", "ask", "thanks", "merged_notice", "protect_your_data", WRITE_BACK),
)
"""What leaves without a review: a named person approved it once, by hash."""
NAMES = (*PRE_APPROVED, "statement_holding")
_HEADER = re.compile(r"\A\{#-?(?P<meta>[^\n]*?)-?#\}[ \t]*\n")
_SEPARATOR = re.compile(r"^---[ \t]*$\n?", re.MULTILINE)


@dataclass(frozen=True)
class Rendered:
    """A filled text and where it comes from.

    `template` names file and variant (`id/acknowledgement#2`, counted from 1), `sha256` the template file's text.
    """

    text: str
    template: str
    sha256: str
    invites_private: bool
    states_facts: bool


@dataclass(frozen=True)
class TemplateFile:
    """One file: its variants, and the line (from 1) on which each begins."""

    file: Path
    name: str
    language: str
    sha256: str
    invites_private: bool
    states_facts: bool
    variants: tuple[Fillable, ...]
    lines: tuple[int, ...]

    @property
    def key(self) -> str:
        """As approvals name it: `id/acknowledgement`."""
        return f"{self.language}/{self.name}"


@dataclass(frozen=True)
class Templates:
    """All templates of a policy."""

    directory: Path
    files: Mapping[str, TemplateFile]

    def names(self) -> list[str]:
        """Every template's name, once for both languages."""
        return sorted({file.name for file in self.files.values()})

    def file(self, name: str, language: str) -> TemplateFile:
        """The template in this language; a mixed or any other language gets Indonesian.

        Raises:
            KeyError: there is no template of this name.
        """
        return self.files[f"{language if language in LANGUAGES else 'id'}/{name}"]

    def render(self, name: str, language: str, slots: Mapping[str, str], variant: int = 0) -> Rendered:
        """Fill a template. Slots that are not given are empty; their text is never read as a template.

        Raises:
            KeyError: there is no template of this name.
            PolicyError: the template cannot be rendered, with its file and line.
        """
        source = self.file(name, language)
        index = variant % len(source.variants)
        try:
            text, _ = source.variants[index].fill(slots_of(slots, SLOTS))
        except (UndefinedError, SecurityError, TypeError, ValueError) as error:
            message = f"does not render: {error}"
            raise PolicyError([Problem(source.file, source.lines[index], message)]) from error
        return Rendered(
            text,
            f"{source.key}#{index + 1}",
            source.sha256,
            source.invites_private,
            source.states_facts,
        )


def read_templates(directory: Path) -> Templates:
    """Read `id/*.txt.j2` and `en/*.txt.j2`; every name of NAMES must stand in both languages.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    problems: list[Problem] = []
    files: dict[str, TemplateFile] = {}
    for language in LANGUAGES:
        for file in sorted((directory / language).glob("*.txt.j2")):
            try:
                read = _read(file, language)
            except PolicyError as error:
                problems.extend(error.problems)
                read = None
            name = file.name.removesuffix(".txt.j2")
            if name not in NAMES:
                problems.append(Problem(file, 1, f"`{name}` is no template that the desk uses{nearest(name, NAMES)}"))
            elif read:
                files[read.key] = read
        broken = {problem.file for problem in problems}
        problems.extend(
            Problem(file, 1, f"this template is missing in `{language}`")
            for name in NAMES
            if f"{language}/{name}" not in files and (file := directory / language / f"{name}.txt.j2") not in broken
        )
    if problems:
        raise PolicyError(problems)
    return Templates(directory, files)


def sha256_of(text: str) -> str:
    """The hash that an approval belongs to; line ends are no difference."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def acknowledgement_name(kind: Kind, risks: Collection[Risk]) -> str:
    """Which acknowledgement a message gets: people before press, press before the usual."""
    for risk in (Risk.INJURY, Risk.DISTRESS, Risk.MEDIA):
        if risk in risks:
            return f"acknowledgement_{risk}"
    return "acknowledgement_question" if kind is Kind.QUESTION else "acknowledgement"


def _read(file: Path, language: str) -> TemplateFile:
    try:
        source = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([Problem(file, 1, f"cannot be read: {error}")]) from error
    meta, body_at = _meta(file, source)
    problems: list[Problem] = []
    variants: list[Fillable] = []
    lines: list[int] = []
    for start, text in _split(source, body_at):
        line = source.count("\n", 0, start) + 1
        found = list(faults(file, line, text, SLOTS))
        problems.extend(found)
        if not found:
            variants.append(Fillable(text))
            lines.append(line)
    if problems:
        raise PolicyError(problems)
    return TemplateFile(
        file,
        file.name.removesuffix(".txt.j2"),
        language,
        sha256_of(source),
        meta["invites_private"],
        meta["states_facts"],
        tuple(variants),
        tuple(lines),
    )


def _meta(file: Path, source: str) -> tuple[dict[str, bool], int]:
    usual = "the first line says what the text is: {# invites_private: true, states_facts: false #}"
    header = _HEADER.match(source)
    if not header:
        raise PolicyError([Problem(file, 1, usual)])
    try:
        meta = yaml.safe_load("{" + header["meta"] + "}")
    except yaml.YAMLError:
        meta = None
    keys = {"invites_private", "states_facts"}
    if not isinstance(meta, dict) or set(meta) != keys or not all(isinstance(value, bool) for value in meta.values()):
        raise PolicyError([Problem(file, 1, usual)])
    return meta, header.end()


def _split(source: str, body_at: int) -> Iterator[tuple[int, str]]:
    start = body_at
    for separator in _SEPARATOR.finditer(source, body_at):
        yield start, source[start : separator.start()]
        start = separator.end()
    yield start, source[start:]
