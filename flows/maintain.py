"""Keep the house in order, once a night.

Reads the trail and the policy's articles; writes the day's anchor and the articles' versions; clears the ledger of
limits.
A broken chain fails the run, so that an engineer sees it.
"""

from prefect import flow, task

from flows.opening import opened_desk
from flows.showing import show_batch
from tasks.maintain import anchor_trail, bring_in_articles, clear_ledger


class BrokenTrail(Exception):
    """Events were changed or removed after they were written."""


@flow(name="maintain", persist_result=False, log_prints=False)
def maintain() -> dict[str, int]:
    """Anchor and prove the trail, bring in the articles, clear the ledger."""
    with opened_desk() as (desk, _):
        chains, broken = task(name="maintain.anchor_trail", task_run_name="anchor the trail")(
            lambda: anchor_trail(desk)
        )()
        done = {
            "chains": chains,
            "broken": len(broken),
            "articles": bring_in_articles(desk),
            "ledger rows cleared": clear_ledger(desk),
        }
    show_batch("maintain", done, broken)
    if broken:
        raise BrokenTrail(f"{len(broken)} places in the trail do not prove themselves; `tanggap doctor` lists them")
    return done
