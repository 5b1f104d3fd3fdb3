"""Answer what has been assessed: draft, guard, and either queue the reply or open its reviews.

Reads complaints in `assessed` and `drafting`; writes drafts, rounds of review, and starts a `review` run for each round
that PR, Legal or an executive must see. Safe to start again at any point.

Where the company has a language model (policy/llm.yaml) it words drafts anew before they are stored, and translates for
reviewers when nobody waits for an answer: a few calls at once, each bounded in time.
"""

from prefect import flow

from flows.duty import Duty, on_duty, shift_name
from flows.showing import show_batch
from flows.starting import start_reviews
from policy.spelled import counted
from tasks.answer import Answered, draft_answers, due_for_answer, take_aim
from tasks.escalation import rounds_without_run
from tasks.rephrase import batch_size
from tasks.translate import due_for_translation, translate


@flow(name="respond", flow_run_name=shift_name, persist_result=False, log_prints=False)
def respond(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass) and draft what waits for an answer."""
    with on_duty("respond", shift) as duty:
        if duty is None:
            return {}
        for _ in duty.rounds():
            while marks := due_for_answer(duty.desk, batch_size(duty.desk)):
                aimed = duty.do(f"ask where {counted(len(marks), 'answer')} can go", take_aim, duty.desk, marks)
                done = duty.do(f"draft {counted(len(marks), 'answer')}", draft_answers, duty.desk, aimed)
                if not done.references:
                    break
                show_answered(duty, done)
            if rounds := rounds_without_run(duty.desk):
                started = duty.do(f"start {counted(len(rounds), 'review')}", start_reviews, duty.desk, rounds)
                duty.count(reviews_started=started)
            translate_some(duty)
        return duty.done


def translate_some(duty: Duty) -> None:
    """A few texts that reviewers cannot read; the step wakes us for more, and who waits for an answer goes first."""
    if texts := due_for_translation(duty.desk):
        done = duty.do(f"translate {counted(len(texts), 'text')} for reviewers", translate, duty.desk, texts)
        duty.count(translated=done)


def show_answered(duty: Duty, done: Answered) -> None:
    """Count the batch, and show it as a table."""
    duty.count(drafted=done.drafted, blocked=done.blocked, held=done.held)
    counts = {"drafted": done.drafted, "blocked by guardrails": done.blocked, "held": done.held}
    show_batch("answers", counts, done.references)
