"""What `tanggap doctor` says of the knowledge base."""

from datetime import timedelta
from typing import TYPE_CHECKING

from desk.cli.findings import Finding, Findings, Level

if TYPE_CHECKING:
    from tasks.desk import Desk

SOON = timedelta(days=30)
NAMED = 5


def articles(desk: "Desk") -> Findings:
    """Articles that hold no more or not much longer, and what waits to be published."""
    from tasks.article_acts import list_articles
    from tasks.articles import bring_in_articles

    bring_in_articles(desk)
    ended, coming = list_articles(desk, expired=True), list_articles(desk, ends_within=SOON)
    for found, said in ((ended, "have ended: nobody finds them"), (coming, f"end within {SOON.days} days")):
        if found:
            named = sorted({one.slug for one in found})
            more = ", …" if len(named) > NAMED else ""
            yield Finding(
                "articles",
                Level.WARNING,
                f"{len(found)} {said} ({', '.join(named[:NAMED])}{more})",
                "Write what holds now, with a later `valid_until`; `tanggap kb list` names their owners.",
            )
    if not ended and not coming:
        waiting = len(list_articles(desk, proposed=True))
        proposed = f"; {waiting} wait to be published (`tanggap kb list --proposed`)" if waiting else ""
        yield Finding("articles", Level.GOOD, f"{len(list_articles(desk))} hold{proposed}")
