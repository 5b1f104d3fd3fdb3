"""The knowledge base: answers to recurring problems, each with its owner and the time for which it holds.

An article is Markdown under a YAML head; `answer` is the short form that fits a public reply, the body the deep one.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from db.words import Category
from policy.reading import PolicyError, Problem, Rules


class _Head(Rules):
    """What stands above an article."""

    title: str = Field(min_length=1)
    category: Category
    language: Literal["id", "en"]
    valid_from: date
    valid_until: date | None = None
    owner: str = Field(min_length=1)
    public: bool
    answer: str = Field(min_length=1, max_length=110)

    @field_validator("valid_from", "valid_until", mode="before")
    @classmethod
    def _a_day(cls, value: Any) -> Any:
        if value is not None and type(value) is not date:
            raise ValueError("write the day as 2026-01-31")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "_Head":
        if self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("the article ends before it begins")
        return self


class Article(_Head):
    """One article. `answer` (at most 110 characters) is what a public reply quotes; `public` ones may be quoted."""

    file: Path
    body: str

    def valid_on(self, day: date) -> bool:
        """Whether it holds on that day, the last one included."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


def read_articles(directory: Path) -> tuple[Article, ...]:
    """Every `*.md` of the directory, by file name.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    articles: list[Article] = []
    problems: list[Problem] = []
    for file in sorted(directory.glob("*.md")):
        try:
            articles.append(_read(file))
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(problems)
    return tuple(articles)


def article_for(
    category: Category | str | None, language: str, articles: Iterable[Article], on: date
) -> Article | None:
    """The public article that answers about this category on that day, the newest first; mixed texts get Indonesian."""
    wanted = language if language in ("id", "en") else "id"
    fitting = [
        article
        for article in articles
        if article.public and article.category == category and article.language == wanted and article.valid_on(on)
    ]
    return max(fitting, key=lambda article: (article.valid_from, article.file.name), default=None)


def _read(file: Path) -> Article:
    try:
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([Problem(file, 1, f"cannot be read: {error}")]) from error
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
    return Article(**known.model_dump(), file=file, body=body.strip())


def _said(file: Path, head: str, error: ValidationError) -> list[Problem]:
    problems = []
    for found in error.errors():
        key = str(found["loc"][0]) if found["loc"] else ""
        line = next(
            (number for number, text in enumerate(head.split("\n"), 2) if key and text.startswith(f"{key}:")), 1
        )
        said = "is missing" if found["type"] == "missing" else str(found["msg"]).removeprefix("Value error, ")
        problems.append(Problem(file, line, f"`{key}`: {said}" if key else said))
    return problems
