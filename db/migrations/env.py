"""How Alembic reaches the database; `attributes["url"]` names it."""

from alembic import context
from sqlalchemy import create_engine, pool, text
from sqlmodel import SQLModel

import db.tables

assert db.tables
target = SQLModel.metadata
url = context.config.attributes.get("url", "postgresql+psycopg://")

if context.is_offline_mode():
    context.configure(url=url, target_metadata=target, literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, target_metadata=target, transaction_per_migration=False)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('tanggap:migrations'))"))
            context.run_migrations()
