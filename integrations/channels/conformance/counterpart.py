"""The other side of an adapter in its tests: a server, best somebody else's, with a customer on it."""

from integrations.channels.base import Asked, Channel, Target
from integrations.channels.world import World


class Counterpart:
    """What the suite needs of a platform. Override what the platform has; the rest is skipped with its reason."""

    url = ""
    """The server's base address. The suite puts a wire before it that can break (`wire.Wire`)."""
    speaks_http = True
    """False for IMAP and the like: faults on the wire are the adapter's own tests then."""
    reads = True
    """Whether the adapter can be asked for what is new (`fetch`)."""
    answers_publicly = True
    answers_privately = True
    private_intake = False
    """Whether customers can write privately, too."""
    edits = False
    """Whether `customer_edits` does something that `fetch` or `look_at` shows."""
    removes = False
    """Whether `customer_removes` does something that `fetch` or `look_at` shows."""
    longest = 250
    """Characters that a text of the suite may have."""
    keeps_order = True
    """Whether posts come oldest first, also over several pages."""
    shows_answers = True
    """Whether `standing` can tell what people read there."""
    seconds_to_show = 10.0
    """How long the platform may take until what was posted is shown."""

    def channel(self, url: str, world: World) -> Channel:
        """Our adapter with good credentials, speaking to the platform at this address."""
        raise NotImplementedError

    def locked_out(self, url: str, world: World) -> Channel | None:
        """The same with credentials that are not taken; None where the counterpart takes any."""
        return None

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        """A customer writes to us, so that the adapter must hear it. Returns it as the desk would aim at it.

        `in_reply_to` is the `platform_id` of a text of ours that they answer.
        """
        raise NotImplementedError

    def customer_edits(self, target: Target, text: str) -> None:
        """The customer changes their words."""
        raise NotImplementedError

    def customer_removes(self, target: Target) -> None:
        """The customer takes their message down."""
        raise NotImplementedError

    def we_write(self, text: str) -> bool:
        """Our own account posts something by itself, such as marketing; False where that cannot be done there."""
        return False

    def gone(self) -> Target | None:
        """Something to answer that is no longer there; None where the counterpart cannot tell."""
        return None

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        """Our answers that people read there now, in the words of the platform."""
        raise NotImplementedError

    def called(self, text: str) -> Asked | None:
        """The platform's signed call to our gateway about a new message; None where it makes none."""
        return None
