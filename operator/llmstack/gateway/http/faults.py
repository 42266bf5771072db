"""What can go wrong with a request at a replica?

ReplicaFault
├── BeforeFirstByte      the client has seen nothing: another replica may serve it
│   ├── Overtaken        nothing was sent: its slots may belong to another request by now
│   ├── Unreachable      nothing was sent
│   ├── Unanswered       it was sent, but no valid response came
│   ├── Loading          the replica has not loaded its model yet
│   └── Locked           the replica refuses the gateway's key, which is not the client's fault
├── Forgotten            the replica has dropped the request without sending a byte
└── CutOff               the client has a part of the response
"""

from llmstack.errors import LLMStackError
from llmstack.routing.suspects import Then


class ReplicaFault(LLMStackError):
    """A fault of a replica. The message continues the words "the replica"."""


class BeforeFirstByte(ReplicaFault):
    """The client has seen nothing of a response."""


class Overtaken(BeforeFirstByte):
    """The grant is too old: this process was paused or alone. The replica is not to blame."""

    def __init__(self) -> None:
        super().__init__("was not asked: its slots may belong to another request by now")


class Unreachable(BeforeFirstByte):
    """No connection could be opened."""


class Unanswered(BeforeFirstByte):
    """The connection ended, or what came was not HTTP. `silent` is True if no byte came.

    `then` says what happens to the request, once that is decided (routing/suspects.py).
    """

    def __init__(self, message: str, silent: bool) -> None:
        super().__init__(message)
        self.silent = silent
        self.then: Then | None = None


class Loading(BeforeFirstByte):
    """The replica says that it is loading its model."""


class Locked(BeforeFirstByte):
    """The replica refuses the gateway's key. It must not become a 401 for the client."""


class Forgotten(ReplicaFault):
    """The replica has dropped the request without a response; others would do the same."""


class CutOff(ReplicaFault):
    """The rest of the response did not come. The client was told in the way that was left."""
