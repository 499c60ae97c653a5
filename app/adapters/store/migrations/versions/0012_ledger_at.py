"""What models took lately is found without reading the whole ledger."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add an index of blocks: rows lie in the order of their time. Older programs do not mind."""
    op.create_index("ledger_at", "ledger", ["at"], postgresql_using="brin")


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ledger_at", table_name="ledger")
