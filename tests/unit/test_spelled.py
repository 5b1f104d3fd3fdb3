"""Numbers, counts and months as people spell them."""

import pytest

from policy.spelled import counted


@pytest.mark.parametrize(
    ("count", "names", "said"),
    [
        (0, ("message",), "0 messages"),
        (1, ("message",), "1 message"),
        (1_200, ("message",), "1,200 messages"),
        (1, ("process", "processes"), "1 process"),
        (2, ("process", "processes"), "2 processes"),
    ],
)
def test_one_is_said_in_the_singular_and_others_are_not(count: int, names: tuple[str, ...], said: str) -> None:
    assert counted(count, *names) == said
