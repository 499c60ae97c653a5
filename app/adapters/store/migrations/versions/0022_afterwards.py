"""What becomes of a pull request after its run: reactions, reverts by hand; and how things stood at the last look."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0022"
down_revision = "0018"

_SUMMARIES = (
    sa.Column("commits", ARRAY(sa.Text()), nullable=True),
    sa.Column("thumbs_up", sa.Integer(), nullable=True),
    sa.Column("thumbs_down", sa.Integer(), nullable=True),
    sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
)
_RECOVERIES = (
    sa.Column("undelivered", sa.Integer(), nullable=True),
    sa.Column("clock_off_s", sa.Float(), nullable=True),
    sa.Column("calls_left", sa.Float(), nullable=True),
)


def upgrade() -> None:
    """Add columns that an older program leaves empty, and an index by which old deliveries are found."""
    for column in _SUMMARIES:
        op.add_column("summaries", column)
    for column in _RECOVERIES:
        op.add_column("recoveries", column)
    op.create_index("deliveries_by_time", "deliveries", ["received_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("deliveries_by_time", "deliveries")
    for table, columns in (("summaries", _SUMMARIES), ("recoveries", _RECOVERIES)):
        for column in columns:
            op.drop_column(table, column.name)
