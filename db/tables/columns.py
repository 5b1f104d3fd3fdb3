"""Column types that every table shares, and the naming of constraints."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

Moment = DateTime(timezone=True)
"""An instant; the desk thinks in UTC and shows it in the policy's time zone."""

Id = BigInteger
Json = JSONB(none_as_null=True)
Words = ARRAY(Text)

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


def one_of(words: type[StrEnum], name: str) -> Enum:
    """A text column that holds one of the words, with a check in the database and the enum in Python."""
    return Enum(
        words,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def numbered(start: int = 1) -> Any:
    """A primary key that the database counts up."""
    return Field(default=None, primary_key=True, sa_type=Id, sa_column_args=[Identity(start=start)])
