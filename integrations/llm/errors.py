"""What went wrong with a language model. No text here quotes its server: it may quote a customer."""


class LlmTrouble(Exception):
    """There is no answer that could be used. `why` is a token, the text is for a person."""

    def __init__(self, why: str, message: str) -> None:
        self.why = why
        super().__init__(message)


class Away(LlmTrouble):
    """The server is away, busy or too slow; later it may be there."""


class NeedsPerson(LlmTrouble):
    """Somebody must mend it: address, key, name of the model, what the server takes."""


class Unfit(LlmTrouble):
    """It answered, and what it said is no answer: cut off, too long, a refusal, a call of a tool."""

    def __init__(self, why: str, message: str, tokens: tuple[int, int] | None = None) -> None:
        super().__init__(why, message)
        self.tokens = tokens
        """What the server counted, in and out."""
