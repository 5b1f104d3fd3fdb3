"""The whole policy at once: every file read, every contradiction between files found, all problems told together."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from db.words import DeliveryKind, Gate
from policy.approvals import Approvals, read_approvals, unapproved
from policy.articles import ArticleRules, SearchWords
from policy.assess.deciding import Assessing
from policy.assess.lexicon import Lexicon, read_lexicon
from policy.calendar import Calendar
from policy.channels import Channels
from policy.company import Company, read_company
from policy.composing import Parts, TopicFinder, read_parts
from policy.deadlines import Deadlines
from policy.follow_up import FollowUp
from policy.guard.rules import Guardrails, read_guardrails
from policy.intake import Intake
from policy.knowledge import Article, read_articles
from policy.learning import Learning
from policy.legal_road import LegalRules, Precedent, read_precedents
from policy.llm import LanguageModel
from policy.people import People
from policy.publishing import Publishing
from policy.reading import Model, Place, PolicyError, Problem, line_of, read_rules, read_yaml
from policy.routing import Routing
from policy.severity import Severities
from policy.slack import SlackRules
from policy.templates import Templates, read_templates
from policy.watching import Watching

SHIPPED = Path(__file__).resolve().parent
"""The policy that comes with Tanggap."""

FILES = (
    "approvals.yaml",
    "articles.yaml",
    "assessing.yaml",
    "calendar.yaml",
    "channels.yaml",
    "company.yaml",
    "deadlines.yaml",
    "follow_up.yaml",
    "intake.yaml",
    "learning.yaml",
    "legal_road.yaml",
    "llm.yaml",
    "people.yaml",
    "publishing.yaml",
    "routing.yaml",
    "severities.yaml",
    "slack.yaml",
    "watching.yaml",
)
FOLDERS = ("guardrails", "knowledge", "lexicon", "parts", "precedents", "templates")
_KINDS = frozenset((".yaml", ".md", ".j2"))

Part = TypeVar("Part")
Contradictions = Iterator[tuple[str, Place, str]]
"""File, place in it, and what is wrong."""


@dataclass(frozen=True)
class Policy:
    """All that the company decides. `version` is a SHA-256 over every file of it: equal versions decide equally."""

    directory: Path
    version: str
    company: Company
    people: People
    assessing: Assessing
    severities: Severities
    routing: Routing
    calendar: Calendar
    deadlines: Deadlines
    watching: Watching
    follow_up: FollowUp
    intake: Intake
    learning: Learning
    legal: LegalRules
    precedents: tuple[Precedent, ...]
    channels: Channels
    publishing: Publishing
    slack: SlackRules
    llm: LanguageModel
    approvals: Approvals
    guardrails: Guardrails
    lexicon: Lexicon
    templates: Templates
    parts: Parts
    topics: TopicFinder
    """What customers write about, found in their texts."""
    knowledge: tuple[Article, ...]
    articles: ArticleRules

    @cached_property
    def search_words(self) -> SearchWords:
        """What brings a text to the words by which articles are searched."""
        return SearchWords(self.articles, self.lexicon)


def load_policy(
    directory: Path | None = None, *, overlay: Path | None = None, company: Path | Company | None = None
) -> Policy:
    """Read a policy: the shipped one, or a directory that `tanggap policy init` made.

    A file or folder of `overlay` takes the place of the one with the same name. `company` takes the place of
    company.yaml, as a file or as read already.

    Raises:
        PolicyError: with every problem of every file, and, where each file is good by itself, with every contradiction
            between them.
    """
    place = _Places((directory or SHIPPED).resolve(), overlay.resolve() if overlay else None)
    reader = _Reader(place.problems())
    if reader.problems and not place.directory.is_dir():
        raise PolicyError(reader.problems)
    people = reader.rules(place("people.yaml"), People)
    assessing = reader.rules(place("assessing.yaml"), Assessing)
    severities = reader.rules(place("severities.yaml"), Severities)
    routing = reader.rules(place("routing.yaml"), Routing)
    calendar = reader.rules(place("calendar.yaml"), Calendar)
    deadlines = reader.rules(place("deadlines.yaml"), Deadlines)
    watching = reader.rules(place("watching.yaml"), Watching)
    follow_up = reader.rules(place("follow_up.yaml"), FollowUp)
    intake = reader.rules(place("intake.yaml"), Intake)
    learning = reader.rules(place("learning.yaml"), Learning)
    legal = reader.rules(place("legal_road.yaml"), LegalRules)
    precedents = reader.read(place("precedents"), read_precedents)
    channels = reader.rules(place("channels.yaml"), Channels)
    publishing = reader.rules(place("publishing.yaml"), Publishing)
    slack = reader.rules(place("slack.yaml"), SlackRules)
    llm = reader.rules(place("llm.yaml"), LanguageModel)
    articles = reader.rules(place("articles.yaml"), ArticleRules)
    approvals = reader.read(place("approvals.yaml"), read_approvals)
    guardrails = reader.read(place("guardrails"), read_guardrails)
    lexicon = reader.read(place("lexicon"), read_lexicon)
    templates = reader.read(place("templates"), read_templates)
    parts = reader.read(place("parts"), read_parts)
    knowledge = reader.read(place("knowledge"), read_articles)
    company_file = place("company.yaml") if company is None else company
    ours = company_file if isinstance(company_file, Company) else reader.read(company_file, read_company)
    # Spelled out, so that the type checker follows: with no problem, every part is there.
    if (
        reader.problems
        or people is None
        or assessing is None
        or severities is None
        or routing is None
        or calendar is None
        or deadlines is None
        or watching is None
        or follow_up is None
        or intake is None
        or learning is None
        or legal is None
        or precedents is None
        or channels is None
        or publishing is None
        or slack is None
        or llm is None
        or approvals is None
        or guardrails is None
        or lexicon is None
        or templates is None
        or parts is None
        or knowledge is None
        or articles is None
        or ours is None
    ):
        raise PolicyError(reader.problems)
    policy = Policy(
        directory=place.directory,
        version=_version(place, ours),
        company=ours,
        people=people,
        assessing=assessing,
        severities=severities,
        routing=routing,
        calendar=calendar,
        deadlines=deadlines,
        watching=watching,
        follow_up=follow_up,
        intake=intake,
        learning=learning,
        legal=legal,
        precedents=precedents,
        channels=channels,
        publishing=publishing,
        slack=slack,
        llm=llm,
        approvals=approvals,
        guardrails=guardrails,
        lexicon=lexicon,
        templates=templates,
        parts=parts,
        topics=TopicFinder(parts.topics, lexicon),
        knowledge=knowledge,
        articles=articles,
    )
    problems = [*unapproved(templates, approvals), *_placed(_contradictions(policy), place), *_unknown_topics(policy)]
    if company is None:
        problems += _placed(_strange_contacts(ours), place)
    if problems:
        raise PolicyError(problems)
    return policy


def copy_policy(target: Path) -> list[Path]:
    """Write the shipped policy into a directory, for a company to change; returns the files written.

    Raises:
        PolicyError: a file stands there already, or the directory cannot be written; nothing is overwritten.
    """
    sources = [file for name in (*FILES, *FOLDERS) for file in _files_of(SHIPPED / name)]
    copies = [target / file.relative_to(SHIPPED) for file in sources]
    standing = [copy for copy in copies if copy.exists()]
    if standing:
        message = "stands there already and is not overwritten; name an empty directory, or move it away"
        raise PolicyError(Problem(copy, 1, message) for copy in standing)
    try:
        for source, copy in zip(sources, copies, strict=True):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    except OSError as error:
        raise PolicyError([Problem(target, 1, f"cannot be written: {error.strerror or error}")]) from error
    return copies


class _Places:
    """Where each file or folder of the policy stands: in the overlay if it is there, else in the directory."""

    def __init__(self, directory: Path, overlay: Path | None) -> None:
        self.directory = directory
        self._overlay = overlay

    def __call__(self, name: str) -> Path:
        if self._overlay is not None and (self._overlay / name).exists():
            return self._overlay / name
        return self.directory / name

    def problems(self) -> Iterator[Problem]:
        """Directories that are none, folders that are missing, and rules that nobody would read."""
        for directory in filter(None, (self.directory, self._overlay)):
            if not directory.is_dir():
                message = "is no directory; `tanggap policy init DIR` writes a whole policy into one"
                yield Problem(directory, 1, message)
                continue
            for file in sorted(directory.iterdir()):
                if file.suffix in (".yaml", ".yml") and file.name not in FILES:
                    near = get_close_matches(f"{file.stem}.yaml", FILES, n=1)
                    hint = f"; did you mean {near[0]}?" if near else f"; the files are {', '.join(FILES)}"
                    yield Problem(file, 1, f"nobody reads a file of this name{hint}")
        for name in FOLDERS:
            if self.directory.is_dir() and not self(name).is_dir():
                yield Problem(self(name), 1, "this folder is missing; `tanggap policy init DIR` writes a whole policy")


class _Reader:
    """Reads part after part and keeps what is wrong, so that one run tells everything."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)

    def read(self, at: Path, how: Callable[[Path], Part]) -> Part | None:
        try:
            return how(at)
        except PolicyError as error:
            self.problems += [problem for problem in error.problems if problem not in self.problems]
            return None

    def rules(self, file: Path, model: type[Model]) -> Model | None:
        return self.read(file, lambda at: read_rules(at, model))


def _contradictions(policy: Policy) -> Contradictions:
    """What each file allows alone but the files together do not."""
    yield from _unseen_growth(policy)
    yield from _names_to_call(policy)
    yield from _names_for_the_law(policy)
    yield from _threats_let_through(policy)
    yield from _unknown_channels(policy)
    yield from _gates_against_the_clock(policy)


def _strange_contacts(company: Company) -> Contradictions:
    """An invitation to an address of which nobody knows that it is ours: no public answer could leave with it."""
    for field, language, found in company.strange_contacts():
        message = f"names {found}, which is not ours: add it to `emails`, `domains` or `hotlines`, or correct it here"
        yield "company.yaml", (field, language), message


def _unseen_growth(policy: Policy) -> Contradictions:
    """A threshold that a watched message could pass without being looked at again."""
    marks = policy.watching.reassess_at
    conditions = [rule.when for rule in policy.severities.rules] + [rule.when for rule in policy.routing.rules]
    for when in conditions:
        if when.views_from is not None and when.views_from not in marks.views and when.growth_from is None:
            message = f"must include {when.views_from}: severities.yaml or routing.yaml has a rule from there on"
            yield "watching.yaml", ("reassess_at", "views"), message
        if when.followers_from is not None and when.followers_from not in marks.followers:
            message = f"must include {when.followers_from}: severities.yaml or routing.yaml has a rule from there on"
            yield "watching.yaml", ("reassess_at", "followers"), message
        if when.growth_from is not None and (
            marks.growth.times > when.growth_from or marks.growth.from_views > (when.views_from or 0)
        ):
            message = f"would miss a growth of {when.growth_from} times from {when.views_from or 0} views on"
            yield "watching.yaml", ("reassess_at", "growth"), message
    few = policy.watching.few
    for index, rule in enumerate(policy.severities.rules):
        grave = rule.severity.at_least(policy.watching.answer_from)
        if grave and rule.when.model_fields_set == {"views_from"} and (rule.when.views_from or 0) < few.views_under:
            message = f"{rule.when.views_from} views are {rule.severity} here, but few in watching.yaml"
            yield "severities.yaml", ("rules", index), message


def _names_to_call(policy: Policy) -> Contradictions:
    """More levels of escalation than a gate has names for."""
    for severity, delays in policy.deadlines.escalation.items():
        for gate, people in policy.people.gates.items():
            if len(delays) > len(people.escalation):
                message = (
                    f"{severity} escalates {len(delays)} times, but people.yaml names {len(people.escalation)} to call "
                    f"for {gate}; add names there or take delays away here"
                )
                yield "deadlines.yaml", ("escalation", severity.value), message
    executives = policy.people.gates[Gate.EXECUTIVE].escalation
    if len(policy.deadlines.suspicion.escalation) > len(executives):
        message = f"a suspicion escalates more often than people.yaml names executives to call ({len(executives)})"
        yield "deadlines.yaml", ("suspicion", "escalation"), message


def _names_for_the_law(policy: Policy) -> Contradictions:
    """An emergency or a breach that escalates further than there are names."""
    rules = policy.legal
    wanted = (
        ("emergency", len(rules.emergency.escalation), (Gate.LEGAL, Gate.EXECUTIVE)),
        ("breach", len(rules.breach.escalation), (Gate.LEGAL,)),
    )
    for part, levels, gates in wanted:
        for gate in gates:
            names = len(policy.people.gates[gate].escalation)
            if levels > names:
                message = f"calls {levels} names, but people.yaml names {names} to call for {gate}"
                yield "legal_road.yaml", (part, "escalation"), message


def _threats_let_through(policy: Policy) -> Contradictions:
    """The one guardrail that no company may soften: the way past it is the legal road."""
    rule = next((rule for rule in policy.guardrails.rules if rule.rule == "legal_threat"), None)
    if rule is not None and rule.level != "block":
        yield "guardrails/legal_threat.yaml", ("level",), "must be `block`; who needs the law opens a legal road"


def _unknown_channels(policy: Policy) -> Contradictions:
    """Rules for channels that channels.yaml does not have, and a review platform on which people would be asked."""
    known = policy.channels.known
    for index, budget in enumerate(policy.publishing.budgets):
        if budget.channel not in known:
            yield "publishing.yaml", ("budgets", index), f"`{budget.channel}` is no channel of channels.yaml"
    for index, channel in enumerate(policy.follow_up.ask.never_on):
        if channel not in known:
            yield "follow_up.yaml", ("ask", "never_on", index), f"`{channel}` is no channel of channels.yaml"
    for number, term in enumerate(policy.deadlines.regulator_terms):
        for channel in term.channels:
            if channel not in known:
                place = ("regulator_terms", number, "channels")
                yield "deadlines.yaml", place, f"`{channel}` is no channel of channels.yaml"
    for name, rules in policy.channels.channels.items():
        if rules.review_platform and name not in policy.follow_up.ask.never_on:
            message = f"must include {name}: channels.yaml calls it a review platform, where nobody may be asked"
            yield "follow_up.yaml", ("ask", "never_on"), message


def _gates_against_the_clock(policy: Policy) -> Contradictions:
    """What leaves by the clock must not wait for a person."""
    by_the_clock = [DeliveryKind.ACKNOWLEDGEMENT]
    if policy.deadlines.holding.send:
        by_the_clock.append(DeliveryKind.HOLDING)
    for kind in by_the_clock:
        if kind not in policy.routing.automatic:
            message = f"must include {kind}: deadlines.yaml sends it by the clock, when nobody may be there to decide"
            yield "routing.yaml", ("automatic",), message


def _unknown_topics(policy: Policy) -> Iterator[Problem]:
    """Articles that say to answer what nobody is heard to ask."""
    known = [topic.topic for topic in policy.parts.topics]
    for article in policy.knowledge:
        for topic in article.topics:
            if topic not in known:
                near = get_close_matches(topic, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield Problem(article.file, article.line_of("topics"), f"`{topic}` is no topic of topics.yaml{hint}")


def _placed(found: Contradictions, place: _Places) -> Iterator[Problem]:
    for name, where, message in dict.fromkeys(found):
        yield problem_at(place(name), where, message)


def problem_at(file: Path, where: Sequence[str | int], message: str) -> Problem:
    """What is wrong at a place of a file, with its line."""
    said = f"`{'.'.join(str(part) for part in where)}`: {message}"
    return Problem(file, line_of(where, read_yaml(file)[1]), said)


def _version(place: _Places, company: Company) -> str:
    digest = hashlib.sha256()
    for name in sorted((*FILES, *FOLDERS)):
        root = place(name)
        for file in _files_of(root):
            inner = file.relative_to(root).as_posix() if root.is_dir() else ""
            content = company.model_dump_json().encode() if name == "company.yaml" else file.read_bytes()
            digest.update(f"{name}/{inner}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files_of(root: Path) -> list[Path]:
    """The policy's files at or under a path, in order; Python's own are none."""
    if root.is_file():
        return [root]
    return sorted(file for file in root.rglob("*") if file.is_file() and file.suffix in _KINDS)
