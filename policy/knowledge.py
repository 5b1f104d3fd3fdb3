"""The knowledge base: answers to what keeps coming back, each with its owner and the time for which it holds.

An article is Markdown under a YAML head. `answer` is the short form that a public reply quotes, the body the deep one;
`asks` are questions as customers write them, which are searched too. Translations share the name of their file up to
the language (`late-parcel.id.md`, `late-parcel.en.md`): that is the article's slug.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from db.words import Category
from policy.reading import PolicyError, Problem, Rules

LANGUAGES = ("id", "en")
LONGEST_ANSWER = 200
"""Characters of the short form: a public reply on the tightest platform has room for little more."""
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TOPIC = r"^[a-z0-9]+(?:_[a-z0-9]+)*$"


class _Head(Rules):
    """What stands above an article."""

    title: str = Field(min_length=1, max_length=120)
    category: Category
    language: Literal["id", "en"]
    products: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = ()
    topics: tuple[Annotated[str, Field(pattern=_TOPIC)], ...] = ()
    asks: tuple[Annotated[str, Field(min_length=3, max_length=200)], ...] = ()
    valid_from: date
    valid_until: date | None = None
    owner: str = Field(min_length=1)
    public: bool
    answer: str = Field(min_length=1, max_length=LONGEST_ANSWER)

    @field_validator("valid_from", "valid_until", mode="before")
    @classmethod
    def _a_day(cls, value: Any) -> Any:
        if value is not None and type(value) is not date:
            raise ValueError("write the day as 2026-01-31")
        return value

    @field_validator("answer", mode="before")
    @classmethod
    def _without_its_line_end(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _in_order(self) -> "_Head":
        if self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("the article ends before it begins")
        return self


class Article(_Head):
    """One article. `answer` is what a public reply quotes; only `public` ones may be quoted."""

    file: Path
    slug: str
    """Shared by the translations."""
    version: str
    """Of all that it says: what cites the article names both."""
    body: str

    def line_of(self, key: str) -> int:
        """The line of its file on which this part of the head stands."""
        try:
            lines = self.file.read_text(encoding="utf-8-sig").split("\n")
        except OSError:
            return 1
        return _line_of(key, lines)

    def as_file(self) -> str:
        """The article as its file would say it: what `read_article` reads as the same version."""
        head = self.model_dump(mode="json", include=set(_Head.model_fields), exclude_defaults=True)
        for day in ("valid_from", "valid_until"):
            if value := getattr(self, day):
                head[day] = value  # a date, which YAML writes without quotes
        said = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=120)
        return f"---\n{said}---\n\n{self.body}\n"


def read_articles(directory: Path) -> tuple[Article, ...]:
    """Every `*.md` of the directory, by file name.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    articles: dict[tuple[str, str], Article] = {}
    problems: list[Problem] = []
    for file in sorted(directory.glob("*.md")):
        try:
            article = read_article(file)
        except PolicyError as error:
            problems.extend(error.problems)
            continue
        twin = articles.setdefault((article.slug, article.language), article)
        if twin is not article:
            message = f"`{article.slug}` stands twice in this language (also in {twin.file.name})"
            problems.append(Problem(file, 1, message))
    if problems:
        raise PolicyError(problems)
    return tuple(articles.values())


def read_article(file: Path) -> Article:
    """One article's file.

    Raises:
        PolicyError: with everything wrong in it.
    """
    try:
        text = file.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PolicyError([Problem(file, 1, f"cannot be read: {reason}")]) from error
    if not text.startswith("---\n") or "\n---\n" not in text:
        raise PolicyError([Problem(file, 1, "an article begins with its head between two lines `---`")])
    head, body = text[4:].split("\n---\n", 1)
    if not body.strip():
        raise PolicyError([Problem(file, text.count("\n"), "the article has a head and nothing under it")])
    try:
        data = yaml.safe_load(head)
        known = _Head.model_validate(data)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise PolicyError([Problem(file, line, f"its head is no YAML: {error.problem}")]) from error
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise PolicyError(_said(file, head, error)) from error
        raise PolicyError([Problem(file, 2, f"its head is no YAML: {error}")]) from error
    slug = _slug(file, known.language)
    return _article(known, file, slug, body.strip())


def written(name: str, body: str, **head: Any) -> Article:
    """An article that stands in no file, named as its file would be.

    Raises:
        ValueError: something in it would not stand in a file.
    """
    known = _Head.model_validate(head)
    return _article(known, Path(f"{name}.{known.language}.md"), name, body.strip())


def _article(head: _Head, file: Path, slug: str, body: str) -> Article:
    said = json.dumps([slug, head.model_dump(mode="json"), body], sort_keys=True)
    version = hashlib.sha256(said.encode()).hexdigest()[:16]
    return Article(**head.model_dump(), file=file, slug=slug, version=version, body=body)


def _slug(file: Path, language: str) -> str:
    slug, _, named = file.name.removesuffix(".md").partition(".")
    if not _SLUG.fullmatch(slug):
        message = "an article's file is named in small letters, digits and hyphens: late-parcel.id.md"
        raise PolicyError([Problem(file, 1, message)])
    if named and named != language:
        message = f"its name says {named} and its head {language}; name it {slug}.{language}.md"
        raise PolicyError([Problem(file, 1, message)])
    return slug


def _said(file: Path, head: str, error: ValidationError) -> list[Problem]:
    problems = []
    for found in error.errors():
        key = str(found["loc"][0]) if found["loc"] else ""
        line = _line_of(key, ["---", *head.split("\n")])
        said = "is missing" if found["type"] == "missing" else str(found["msg"]).removeprefix("Value error, ")
        problems.append(Problem(file, line, f"`{key}`: {said}" if key else said))
    return problems


def _line_of(key: str, lines: Sequence[str]) -> int:
    return next((number for number, text in enumerate(lines, 1) if key and text.startswith(f"{key}:")), 1)
