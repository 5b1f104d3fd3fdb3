"""The conformance suite finds out adapters that claim more than they keep."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from integrations.channels.base import Certainty, Channel, Outgoing, Sent, Target
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World


@dataclass(frozen=True)
class Said:
    """One text on the board: who wrote it, below what."""

    name: str
    by_us: bool
    below: str | None
    text: str


@dataclass
class Board:
    """A platform in memory."""

    said: list[Said] = field(default_factory=list)

    def add(self, text: str, *, by_us: bool = False, below: str | None = None) -> str:
        self.said.append(Said(str(len(self.said)), by_us, below, text))
        return self.said[-1].name


class OnTheBoard(Platform[AccountSettings]):
    """Takes for its own text whatever `own` says."""

    certainty = Certainty.READ_BACK

    def __init__(self, board: Board, own: Callable[[Said, Outgoing], bool], world: World) -> None:
        super().__init__("board", "default", AccountSettings(), world)
        self._board = board
        self._own = own

    def reply(self, out: Outgoing) -> Sent:
        return Sent(self._board.add(out.text, by_us=True, below=out.target.external_id))

    def find_own(self, out: Outgoing) -> Sent | None:
        return next((Sent(said.name) for said in self._board.said if self._own(said, out)), None)


class BoardCounterpart(Counterpart):
    """A customer at the board."""

    def __init__(self, own: Callable[[Said, Outgoing], bool]) -> None:
        self.board = Board()
        self._own = own

    def channel(self, url: str, world: World) -> Channel:
        return OnTheBoard(self.board, self._own, world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        return Target(external_id=self.board.add(text, below=in_reply_to))


def ours_below_it(said: Said, out: Outgoing) -> bool:
    return said.by_us and said.below == out.target.external_id and said.text == out.text


def anybodys(said: Said, out: Outgoing) -> bool:
    return said.text == out.text


def ours_anywhere(said: Said, out: Outgoing) -> bool:
    return said.by_us and said.text == out.text


def test_who_finds_its_own_text_and_no_other_passes() -> None:
    Conformance().test_it_finds_its_own_text_and_no_other(BoardCounterpart(ours_below_it))


@pytest.mark.parametrize(
    ("own", "why"),
    [(anybodys, "a customer's words"), (ours_anywhere, "stands elsewhere")],
    ids=["a customer's words", "our words elsewhere"],
)
def test_who_takes_another_text_for_its_own_is_found_out(own: Callable[[Said, Outgoing], bool], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        Conformance().test_it_finds_its_own_text_and_no_other(BoardCounterpart(own))
