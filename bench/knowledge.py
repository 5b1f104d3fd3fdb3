"""Whether the knowledge base answers what customers ask, and whether a reply may cite what was found.

    uv run python -m bench.knowledge [--misses] [--json FILE]

40 questions in chat Indonesian (tests/data/questions.tsv), each with the article that answers, and complaints with the
articles that a reply to them may cite (tests/data/citations.tsv; `-`: none). Prints how many questions find their article
first and among the first three, what replies would cite under policy/articles.yaml and under other marks, and how long a
search takes.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import grounds, machine
from db.clock import SetClock
from db.session import make_engine
from integrations.channels.registry import Channels
from policy.assess.rules import RuleAssessor
from policy.loading import load_policy
from tasks.desk import Desk
from tasks.knowledge import search

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
DAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIRST = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="print what is not found, with what is found instead")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with a_desk() as desk:
        search(desk, "halo")
        told = _questions(desk, misses=options.misses)
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


def recall(places: Sequence[int], first: int) -> float:
    """The share of questions whose article stands among the first so many; place 0 is nowhere."""
    return round(sum(1 <= place <= first for place in places) / len(places), 3)


if __name__ == "__main__":
    main()
