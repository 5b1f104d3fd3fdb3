"""The fixture `life`: a desk with nothing in it. Modules that lead complaints through their lives name this plugin.

One database serves all of them and is swept before each test, which takes a hundredth of the time of making one.
"""

from collections.abc import Iterator

import pytest
from factories import Life, fresh_life
from sqlalchemy import Engine, text

from db.session import make_engine
from desk.postgres import Database, scratch_database
from policy.loading import Policy


@pytest.fixture(scope="session")
def swept_engine(postgres: Database, template: str) -> Iterator[Engine]:
    """An engine on the database that these tests share, one after the other."""
    with scratch_database(postgres, template=template) as url:
        engine = make_engine(url, pool=12)
        with engine.begin() as connection:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            # Nothing here must outlive a crash of the machine.
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        engine.dispose()
        yield engine
        engine.dispose()


@pytest.fixture
def life(swept_engine: Engine, policy: Policy) -> Life:
    """A desk on sandbox channels with nothing in it, at a Monday morning; its assessor finds what the test says."""
    return fresh_life(swept_engine, policy)
