"""What is raised for a body that must not reach a llama-server?"""

from llmstack.errors import InvalidInput


class Unfit(InvalidInput):
    """A body that is refused. `param` is the member's name, or "" if no one member is at fault."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param
