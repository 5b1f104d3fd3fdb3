"""Whether the knowledge base answers what customers ask, and whether a reply may cite what was found.

    uv run python -m bench.knowledge [--misses] [--json FILE]

40 questions in chat Indonesian (tests/data/questions.tsv), each with the article that answers, and complaints with the
articles that a reply to them may cite (tests/data/citations.tsv; `-`: none). Prints how many questions find their
article first and among the first three, and what replies would cite under policy/articles.yaml and under other marks.
`--json` also has how long a search takes.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from bench import grounds, machine
from db.clock import SetClock
from db.session import make_engine
from db.tables import Complaint
from db.words import Category, Risk, Visibility
from integrations.channels.registry import Channels
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from policy.loading import load_policy
from tasks.desk import Desk
from tasks.knowledge import article_for, search

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
DAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIRST = 3
CERTAIN = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
Case = tuple[str, list[str], Complaint]
"""A complaint's text, the articles that a reply may cite, and the complaint as assessed."""
AHEAD = (1.0, 1.15, 1.3, 1.5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="print what is not found, with what is found instead")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with a_desk() as desk:
        search(desk, "halo")
        told = _questions(desk, misses=options.misses) | _citations(desk, misses=options.misses)
        told["goals"] += told.pop("citation goals")
    machine.tell(told, options.json)


@contextmanager
def a_desk() -> Iterator[Desk]:
    """A desk with the shipped policy on a database of its own."""
    with grounds.own_home() as home, grounds.own_postgres(home) as postgres, grounds.fresh_database(postgres) as url:
        engine = make_engine(url)
        policy = load_policy()
        yield Desk(engine, policy, Channels({}), RuleAssessor(policy.lexicon, policy.company), SetClock(DAY))
        engine.dispose()


def rows_of(name: str) -> list[tuple[str, str]]:
    """The texts of a file, each with what is expected of it."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [(text, right) for text, _, right in (line.partition("\t") for line in lines if line[:1] not in ("", "#"))]


def _questions(desk: Desk, *, misses: bool) -> dict[str, Any]:
    places, walls = [], []
    for question, slug in rows_of("questions.tsv"):
        began = time.perf_counter()
        found = search(desk, question, public_only=True, limit=2 * FIRST)
        walls.append(time.perf_counter() - began)
        slugs = [article.slug for article in found]
        place = slugs.index(slug) + 1 if slug in slugs else 0
        places.append(place)
        if misses and place != 1:
            print(f"{place or '-'}  {slug}: {question}\n     {', '.join(f'{a.slug} {a.score:.2f}' for a in found)}")
    first, first_three = recall(places, 1), recall(places, FIRST)
    return {
        "machine": machine.facts(),
        "questions": len(places),
        "seconds a search": machine.spread(walls),
        "goals": [
            machine.judged("recall at 1", first, ">= 0.9", first >= 0.9),
            machine.judged("recall at 3", first_three, ">= 0.95", first_three >= 0.95),
        ],
    }


def _citations(desk: Desk, *, misses: bool) -> dict[str, Any]:
    """What replies would cite, at several marks of how certain an article must be."""
    cases = cases_of(desk)
    rows = []
    for certain, ahead in product(CERTAIN, AHEAD):
        rules = desk.policy.articles.model_copy(update={"certain_from": certain, "ahead_by": ahead})
        tried = replace(desk, policy=replace(desk.policy, articles=rules))
        rows.append((certain, ahead, *cited(tried, cases)))
    machine.table(f"Of {len(cases)} complaints, replies that cite", ("certain", "ahead", "rightly", "wrongly"), rows)
    right, wrong = cited(desk, cases, told=misses)
    return {
        "citations": [dict(zip(("certain_from", "ahead_by", "right", "wrong"), row, strict=True)) for row in rows],
        "citation goals": [
            machine.judged("replies citing the wrong article, as shipped", wrong, "0", wrong == 0),
            machine.judged("replies citing the right one, as shipped", right, ">= 20", right >= 20),
        ],
    }


def cases_of(desk: Desk) -> list[Case]:
    """The complaints of citations.tsv as the desk would assess them."""
    rows = rows_of("citations.tsv")
    assessed = RuleAssessor(desk.policy.lexicon, desk.policy.company).assess([Text(text) for text, _ in rows])
    return [
        (text, allowed.split(","), complaint_of(one.language, one.category))
        for (text, allowed), one in zip(rows, assessed, strict=True)
    ]


def complaint_of(language: str, category: Category | None, *risks: Risk) -> Complaint:
    """A complaint as far as the search for an article looks at it."""
    return Complaint(
        channel="web", account="default", visibility=Visibility.PUBLIC, opened_at=DAY, state_since=DAY,
        language=language, category=category, risks=list(risks),
    )  # fmt: skip


def cited(desk: Desk, cases: Sequence[Case], *, told: bool = False) -> tuple[int, int]:
    """How many of these complaints would be answered with the right article, and how many with a wrong one."""
    right = wrong = 0
    with desk.transaction() as session:
        for text, allowed, complaint in cases:
            article = article_for(session, desk, complaint, [text])
            good = article is not None and article.slug in allowed
            right += good
            wrong += article is not None and not good
            if told and article is not None and not good:
                print(f"wrongly {article.slug} {article.score:.2f}: {text}")
    return right, wrong


def recall(places: Sequence[int], first: int) -> float:
    """The share of questions whose article stands among the first so many; place 0 is nowhere."""
    return round(sum(1 <= place <= first for place in places) / len(places), 3)


if __name__ == "__main__":
    main()
