"""`tanggap kb`: what the desk knows – searched, brought in, published by somebody else, withdrawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.words import Category
from desk.cli.common import AsJson, AsPerson, author, group, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import one_line, plain, safe, say, say_json, say_json_list, show, styled, table
from policy.spelled import counted

if TYPE_CHECKING:
    from policy.knowledge import Article
    from tasks.article_acts import ArticleLine

Language = Annotated[str | None, typer.Option("--language", metavar="id|en", help="Only in this language.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The article's name, such as late-parcel.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    made = group("kb", "What the desk knows: articles that answer what keeps coming back.")
    for command in (search, add, import_, list_, show_, publish, withdraw):
        made.command(command.__name__.rstrip("_"))(command)
    app.add_typer(made)


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question, as a customer would write it.")],
    language: Language = None,
    category: Annotated[Category | None, typer.Option("--category", help="Only of this category.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, metavar="N")] = 5,
    as_json: AsJson = False,
) -> None:
    """Find the articles that answer a question: those that are published and hold today."""
    from tasks.knowledge import search as find

    with the_desk() as desk:
        found = find(desk, text, language=_language(language), category=category, limit=limit)
    if as_json:
        say_json_list(found)
        return
    if not found:
        say("No article answers that. `tanggap kb add FILE --as PERSON` brings one in.")
        return
    for article in found:
        internal = "" if article.public else ", internal"
        show(styled(f"{article.score:.2f}  {article.slug} ({article.language}{internal})  {article.title}", "bold"))
        say(f"      {safe(article.answer)}")
        if article.url:
            say(f"      {article.url}")


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Markdown under its head: late-parcel.id.md.")],
    as_: AsPerson,
) -> None:
    """Propose an article; somebody else publishes it."""
    _propose([file], as_)


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="DIR|FILE…", help="Articles, or directories of them (*.md).")],
    as_: AsPerson,
) -> None:
    """Propose many articles at once: all of them, or none where one cannot be taken."""
    named = [file for one in files for file in (sorted(one.glob("*.md")) if one.is_dir() else [one])]
    if not named:
        raise Trouble(f"There is no article (*.md) in {', '.join(str(one) for one in files)}.")
    _propose(named, as_)


def _propose(files: list[Path], as_: str) -> None:
    from policy.knowledge import read_article
    from policy.reading import PolicyError, Problem
    from tasks.article_acts import propose

    articles: list[Article] = []
    problems: list[Problem] = []
    for file in files:
        try:
            articles.append(read_article(file))
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(problems)
    with the_desk() as desk:
        new = propose(desk, articles, author(as_))
    known = f"; {len(articles) - new} stood there already" if new < len(articles) else ""
    say(f"{counted(new, 'article')} proposed{known}. Somebody else publishes: `tanggap kb publish`.")


def list_(
    proposed: Annotated[bool, typer.Option("--proposed", help="What waits for somebody to publish it.")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="What is published and holds no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is published and holds; or what is proposed; or what has ended."""
    from tasks.article_acts import list_articles
    from tasks.articles import bring_in_articles

    if proposed and expired:
        raise typer.BadParameter("give --proposed or --expired, not both")
    with the_desk() as desk:
        bring_in_articles(desk)
        found = list_articles(desk, proposed=proposed, expired=expired)
    if as_json:
        say_json_list(found)
        return
    if not found:
        say("Nothing is proposed." if proposed else "No article has ended." if expired else "There is no article.")
        return
    rows = (
        (
            one.slug,
            one.language,
            one_line(one.title),
            one.category,
            "public" if one.public else "internal",
            one.owner,
            one.valid_until,
            one.from_complaint if proposed else one.origin.value,
        )
        for one in found
    )
    whence = "From" if proposed else "Origin"
    show(
        table("Article", "", "Title", "Category", "For", "Owner", "Until", whence, rows=rows, folds=("Title", "Owner"))
    )


def show_(slug: Slug, language: Language = None, as_json: AsJson = False) -> None:
    """Show an article as its file would be: save it, change it, `tanggap kb add` it."""
    from tasks.article_acts import read
    from tasks.articles import bring_in_articles

    with the_desk() as desk:
        bring_in_articles(desk)
        line, article = read(desk, slug, _language(language))
    if as_json:
        say_json(
            {
                **plain(line),
                "asks": article.asks,
                "topics": article.topics,
                "answer": article.answer,
                "text": article.body,
            }
        )
        return
    say(safe(article.as_file()).rstrip())


def publish(slug: Slug, as_: AsPerson, language: Language = None) -> None:
    """Publish what somebody else wrote and owns; it takes the place of what stood there."""
    from tasks.article_acts import publish as step

    with the_desk() as desk:
        done = step(desk, slug, author(as_), _language(language))
    _say_of_each(done, "is published")


def withdraw(
    slug: Slug,
    as_: AsPerson,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the article.")],
    language: Language = None,
) -> None:
    """Take an article back: nobody finds or cites it any more."""
    from tasks.article_acts import withdraw as step
    from tasks.articles import bring_in_articles

    if not reason.strip():
        raise Trouble("Say why: --reason TEXT.")
    with the_desk() as desk:
        bring_in_articles(desk)
        done = step(desk, slug, reason.strip(), author(as_), _language(language))
    _say_of_each(done, "is withdrawn")


def _say_of_each(articles: list["ArticleLine"], what: str) -> None:
    for one in articles:
        say(f"{one.slug} ({one.language}) {what}{f': {one.url}' if one.url else ''}.")


def _language(given: str | None) -> str | None:
    if given not in (None, "id", "en"):
        raise typer.BadParameter(f"{given} is no language of articles; they are id and en")
    return given
