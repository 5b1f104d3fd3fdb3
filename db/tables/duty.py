"""Who is on duty at each stage."""

from datetime import datetime

from sqlalchemy import Sequence
from sqlmodel import Field, SQLModel

from db.tables.columns import Moment


class Duty(SQLModel, table=True):
    """The run that holds a stage's shift. The advisory lock proves that it lives; this row says which run it is."""

    __tablename__ = "duty"

    stage: str = Field(primary_key=True)
    run_id: str | None = None
    pid: int
    host: str
    since: datetime = Field(sa_type=Moment)


WORKER_NUMBERS = Sequence(
    "delivery_worker_number", start=1, maxvalue=2_147_483_647, cycle=True, metadata=SQLModel.metadata
)
"""Numbers for delivery workers: a claim carries one, and a lock on it proves that its worker lives."""
