"""What Slack's answers mean for whoever called it."""


class SlackTrouble(Exception):
    """Slack did not do it. `why` is Slack's own word (`channel_not_found`), the text is for a person."""

    def __init__(self, why: str, message: str) -> None:
        self.why = why
        super().__init__(message)


class Later(SlackTrouble):
    """Not now: Slack is busy, away, or asks to wait. `seconds` is how long, where it said so."""

    def __init__(self, why: str, message: str, seconds: float | None = None, *, may_have_arrived: bool = False) -> None:
        super().__init__(why, message)
        self.seconds = seconds
        self.may_have_arrived = may_have_arrived
        """The request left and nobody knows what came of it."""


class NotThere(SlackTrouble):
    """The message is gone, or can be changed no more: a new one is needed."""


class BadWords(SlackTrouble):
    """Slack does not take these blocks or this length; plainer words may do."""


class NeedsPerson(SlackTrouble):
    """Somebody must mend it: a channel, a token, a scope, an invitation."""
