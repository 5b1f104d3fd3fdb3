"""Stories with a clock: what comes in, what people do, and what the desk must have done, through the steps of the flows."""

from pathlib import Path

import pytest
from factories import sweep
from sqlalchemy import Engine
from sqlmodel import Session

from db import trail
from desk.replay.judging import failures
from desk.replay.story import UnreadableStory, read_story
from desk.replay.telling import Account, Teller
from policy.loading import Policy

pytest_plugins = ("lives",)

OWN = sorted(Path(__file__).parent.glob("*.yaml"))
SHARED = ("routine", "unhappy", "es-teh", "prita", "nobody-minds", "guitar", "skid")
OF_INCIDENTS = ("incident_suspected", "incident_declared", "statement_broadcast")
"""What the desk does about many complaints with one cause."""


def told(file: Path, engine: Engine, policy: Policy) -> tuple[list[str], Account]:
    """Tell a story on an empty database; what it expects and did not get, and what happened."""
    story = read_story(file)
    sweep(engine)
    account = Teller(story, engine, policy).tell()
    with Session(engine) as session:
        assert list(trail.verify(session)) == []
    return failures(story, account), account


@pytest.mark.parametrize("file", OWN, ids=[file.stem for file in OWN])
def test_our_own_story_comes_out_as_it_must(file, swept_engine, policy):
    failed, account = told(file, swept_engine, policy)
    assert failed == [], account.mishaps


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_story_comes_out_as_it_must(name, shared, swept_engine, policy):
    failed, account = told(shared / "scenarios" / f"{name}.yaml", swept_engine, policy)
    assert [one for one in failed if not about_incidents(one)] == [], account.mishaps


def about_incidents(failed: str) -> bool:
    """Whether an expectation is about incidents and their statement."""
    return any(event in failed for event in OF_INCIDENTS) or "'kind': 'statement'" in failed
