"""Channels: how each account fares and what it cost, tickets of the company's own, who is acknowledged first."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the SQL file of the same name; squawk reads it too."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
