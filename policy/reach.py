"""How many people a message reaches, as its channel counts them, and the conditions on it that rules may name."""

from dataclasses import dataclass

from pydantic import Field

from policy.reading import Rules


@dataclass(frozen=True)
class Reach:
    """What is known of a message's spread and of its author's audience; 0 where the channel does not say.

    `views_a_day_ago` is the lowest count known within the last 24 hours; None: no earlier count, so growth is unknown.
    """

    views: int = 0
    followers: int = 0
    verified: bool = False
    views_a_day_ago: int | None = None
    likes: int = 0
    replies: int = 0
    shares: int = 0

    @property
    def growth(self) -> float:
        """How many times its views multiplied within a day; 1 where that is unknown."""
        if self.views_a_day_ago is None:
            return 1.0
        return self.views / max(self.views_a_day_ago, 1)


class ReachCondition(Rules):
    """Conditions on reach; all that are given must hold."""

    views_from: int | None = Field(default=None, ge=1)
    followers_from: int | None = Field(default=None, ge=1)
    growth_from: int | None = Field(default=None, ge=2)
    """How many times the views grew within a day."""
    verified: bool | None = None

    def reached(self, reach: Reach) -> bool:
        """Whether the conditions on reach hold."""
        return (
            (self.views_from is None or reach.views >= self.views_from)
            and (self.followers_from is None or reach.followers >= self.followers_from)
            and (self.growth_from is None or reach.growth >= self.growth_from)
            and (self.verified is None or reach.verified is self.verified)
        )
