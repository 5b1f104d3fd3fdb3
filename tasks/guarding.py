"""Runs the guardrails over a text for a complaint, with all that is known of the case and was said in it before."""

from collections.abc import Sequence

from sqlmodel import Session

from db.complaints import own_messages
from db.tables import Complaint
from db.words import Visibility
from policy.guard import DraftText, Finding, check
from tasks.consistency import current_statement, earlier_texts
from tasks.desk import Desk
from tasks.talk import private_talks
from tasks.words import spoken_date

NO_OFFER = "no_private_offer"


def guard(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    text: str,
    visibility: Visibility,
    known: Sequence[str] = (),
    unproven: Sequence[tuple[int, int]] = (),
) -> list[Finding]:
    """What the guardrails find in a text for this complaint.

    `known`: texts whose truth somebody answers for, such as an article that it cites; `unproven`: the spans of
    sentences that rest on nothing.
    """
    said = "\n".join(message.text for message in own_messages(session, complaint))
    draft = DraftText(
        text=text,
        visibility=visibility,
        channel=complaint.channel,
        complaint=said,
        lang=complaint.language,
        category=complaint.category.value if complaint.category else None,
        risks=tuple(complaint.risks),
        facts=(
            complaint.reference,
            *(spoken_date(desk, complaint.answer_by, language) for language in ("id", "en")),
            *known,
        ),
        kind=complaint.kind,
        statement=current_statement(session, complaint, desk.now()),
        earlier=earlier_texts(session, desk, complaint),
        unproven=unproven,
    )
    findings = check(draft, desk.policy.guardrails, desk.policy.company, desk.policy.channels.limits(visibility))
    if any(finding.rule == NO_OFFER for finding in findings) and private_talks(session, [complaint]):
        findings = [finding for finding in findings if finding.rule != NO_OFFER]  # they are talking already
    return [finding for finding in findings if not _in_own_link(finding, text, desk.tracking_url(complaint.token))]


def _in_own_link(finding: Finding, text: str, link: str) -> bool:
    """The private page's address is the complainant's own; a desk under a plain host name looks like internal text."""
    start = text.find(link)
    return start >= 0 and start <= finding.start and finding.end <= start + len(link)


def invites_private(desk: Desk, text: str) -> bool:
    """Whether a person's own words invite to a private talk: they name a contact of ours, or say so."""
    return desk.policy.company.invites_private(text)
