"""Keep the house in order, once a night.

Reads the trail, the policy's articles, what people corrected and what they approved; writes the day's anchor, the
articles' versions, proposals of new articles, and, where enough was corrected (policy/learning.yaml), a model that
learned from it; clears the ledger of limits.
A broken chain fails the run, so that an engineer sees it.
"""

from prefect import flow, task

from db.tables import ModelAct
from flows.opening import opened_desk
from flows.showing import show_batch
from policy.spelled import counted
from tasks.article_proposals import propose_articles
from tasks.articles import bring_in_articles
from tasks.learn import learn
from tasks.llm_calls import clear_answers
from tasks.maintain import anchor_trail, clear_ledger, clear_receipts

LEARNING = ("models trained", "models promoted", "complaints learned from")


class BrokenTrail(Exception):
    """Events were changed or removed after they were written."""


@flow(name="maintain", persist_result=False, log_prints=False)
def maintain() -> dict[str, int]:
    """Anchor and prove the trail, bring in and propose articles, clear the ledger, learn from corrections."""
    with opened_desk() as (desk, _):
        chains, broken = task(name="maintain.anchor_trail", task_run_name="anchor the trail")(
            lambda: anchor_trail(desk)
        )()
        done = {
            "chains": chains,
            "broken": len(broken),
            "articles": bring_in_articles(desk),
            "articles proposed": propose_articles(desk),
            "ledger rows cleared": clear_ledger(desk),
            "Slack receipts cleared": clear_receipts(desk),
            "model's answers cleared": clear_answers(desk),
        }
        show_batch("maintain", done, broken)
        # After the rest is on record: it takes minutes where there is something to learn.
        learned = task(name="maintain.learn", task_run_name="learn from corrections", retries=0)(lambda: learn(desk))()
    done |= {
        "models trained": int(learned.model is not None),
        "models promoted": int(learned.what is ModelAct.PROMOTED),
        "complaints learned from": learned.corrections,
    }
    show_batch("learn", {name: done[name] for name in LEARNING}, [f"{learned.model or 'no model'}: {learned.why}"])
    if broken:
        raise BrokenTrail(f"the trail is not proven at {counted(len(broken), 'place')}; `tanggap doctor` lists them")
    return done
