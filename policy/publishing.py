"""How much may leave, and what leaves even while publishing is switched off."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field, field_validator

from db.words import DeliveryKind, Visibility
from policy.durations import Wall
from policy.reading import Contradiction, Rules


class KillSwitch(Rules):
    """What the switch does not stop."""

    exempt: tuple[DeliveryKind, ...] = ()


class Budget(Rules):
    """At most so many texts on a channel within a sliding window, whoever sends them."""

    channel: str = Field(min_length=1)
    visibility: Visibility | None = None
    """None: public and private together."""
    at_most: int = Field(ge=1)
    per: Wall

    @field_validator("per")
    @classmethod
    def _some_time(cls, per: timedelta) -> timedelta:
        if per <= timedelta(0):
            raise ValueError("a window of no length limits nothing; write one like 15m")
        return per


class PerSender(Rules):
    """At most so many acknowledgements to one person, so that two machines never answer each other for ever."""

    at_most: int = Field(ge=1)
    per: Wall
    incident_once_in: Wall = timedelta(days=7)
    """Whoever complains of one incident on several channels is acknowledged once in this time."""


class Publishing(Rules):
    """The rules of the outbox."""

    kill_switch: KillSwitch = KillSwitch()
    budgets: tuple[Budget, ...] = ()
    acknowledgements: PerSender

    def contradictions(self) -> Iterator[Contradiction]:
        """A kill switch that would not stop what it is for."""
        for index, kind in enumerate(self.kill_switch.exempt):
            if kind in (DeliveryKind.REPLY, DeliveryKind.STATEMENT):
                message = f"a {kind} is what the kill switch is for; only texts approved beforehand may be exempt"
                yield ("kill_switch", "exempt", index), message

    def budgets_for(self, channel: str, visibility: Visibility) -> tuple[Budget, ...]:
        """Every budget that a text on this channel falls under."""
        return tuple(
            budget for budget in self.budgets if budget.channel == channel and budget.visibility in (None, visibility)
        )
