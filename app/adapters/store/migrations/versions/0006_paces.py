"""How fast each installation is used, for all workers together.

Unlogged: a call must not wait for a disk, and a server that crashed has nothing to lose here but that GitHub says stop
once more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "paces",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("next_write_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_notification_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("creations", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("app_id", "installation_id"),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "places",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "installation_id", "number"),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("places")
    op.drop_table("paces")
