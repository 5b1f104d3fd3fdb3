"""Does an adapter keep its word? Tests that every adapter passes, to be run by anybody on theirs (with pytest).

Describe the other side once, as a `Counterpart`, and inherit the tests:

    class TestForum(Conformance):
        @pytest.fixture
        def other(self, tmp_path) -> Iterator[Counterpart]:
            with a_forum_server(tmp_path) as server:
                yield ForumCounterpart(server)

docs/write-a-channel.md builds a complete small adapter and its counterpart.
"""

from integrations.channels.conformance.counterpart import Counterpart
from integrations.channels.conformance.suite import Conformance
from integrations.channels.conformance.wire import Cut, Fault, Garbage, Huge, Redirect, Silent, Status, Truncated, Wire

__all__ = [
    "Conformance",
    "Counterpart",
    "Cut",
    "Fault",
    "Garbage",
    "Huge",
    "Redirect",
    "Silent",
    "Status",
    "Truncated",
    "Wire",
]
