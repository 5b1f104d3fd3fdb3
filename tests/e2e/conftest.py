"""What the tests on real processes share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from db.session import make_engine
from desk.postgres import Database, scratch_database


@pytest.fixture(scope="module")
def module_engine(postgres: Database, template: str) -> Iterator[Engine]:
    """An engine on a migrated database of this module's own."""
    with scratch_database(postgres, template=template) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()
