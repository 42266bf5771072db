"""Why is a body refused?"""

from llmstack.errors import LLMStackError


class NotJSON(LLMStackError):
    """The body is no JSON, or more of it than is read. `offset`: the byte where that shows."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def malformed(what: str, offset: int) -> NotJSON:
    """It breaks JSON's grammar: `what` says how."""
    return NotJSON(f"The body is no JSON: {what} at byte {offset}.", offset)
