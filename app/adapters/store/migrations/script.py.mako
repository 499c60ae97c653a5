"""${message}.

A program that does not know this migration goes on working with its tables, if it only adds what such a program leaves
at its default. If it does more, say so: op.execute("UPDATE floor SET oldest = '${up_revision}'").
"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
