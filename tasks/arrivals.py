"""What a platform says of its own accord has arrived: a text of which nobody knew is doubtful no longer."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db.complaints import lock
from db.tables import Delivery, DeliveryState
from integrations.channels.base import Sent
from integrations.record import Arrived
from tasks.desk import Desk
from tasks.publish import record_sent

NOT_SETTLED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNKNOWN)


def arrive(session: Session, desk: Desk, item: Arrived, now: datetime) -> bool:
    """Write down that it stands there, as after a look that found it. False: not a text of ours, or settled already.

    The platform's word comes before our doubt, whoever holds the text at this moment: a worker that was about to ask,
    or to send it once more, finds it sent.
    """
    found = of_key(session, item.channel, item.account, item.key)
    if found is None or not (found.state in NOT_SETTLED or _without_place(found)):
        return False
    complaint = lock(session, found.complaint_id)
    row = session.get_one(Delivery, found.id, with_for_update=True, populate_existing=True)
    if _without_place(row):
        row.platform_id = item.platform_id
        session.add(row)
    if row.state not in NOT_SETTLED:
        return False
    record_sent(session, desk, complaint, row, Sent(item.platform_id, at=item.at), now)
    return True


def of_key(session: Session, channel: str, account: str, key: str) -> Delivery | None:
    """The text that was sent there under this key of ours."""
    return session.execute(
        select(Delivery).where(
            col(Delivery.key) == key, col(Delivery.channel) == channel, col(Delivery.account) == account
        )
    ).scalar_one_or_none()


def _without_place(row: Delivery) -> bool:
    """Whether it was sent, and where it stands is not known; of what was erased nothing is written down again."""
    return row.state is DeliveryState.SENT and row.platform_id is None and bool(row.text)
