"""What can a replica do to a request, as a tree?

ReplicaFault
├── BeforeFirstByte      the client has seen nothing: another replica may serve it
│   ├── Unreachable      nothing was sent
│   ├── Unanswered       it was sent; what came, if anything, is no answer
│   ├── Loading          it has not loaded its model yet
│   └── Locked           it refuses the gateway's key, which is not the client's fault
├── Forgotten            it works for the request no more, and no byte of an answer came
└── CutOff               the client has a part of the answer
"""

from llmstack.errors import LLMStackError
from llmstack.routing.suspects import Then


class ReplicaFault(LLMStackError):
    """The message says what happened, after the words "the replica"."""


class BeforeFirstByte(ReplicaFault):
    """The client has seen nothing."""


class Unreachable(BeforeFirstByte):
    """No connection came about."""


class Unanswered(BeforeFirstByte):
    """The connection ended, or what came is no HTTP. `silent`: not a byte came.

    `then` is what follows for the request, once somebody has judged it.
    """

    def __init__(self, message: str, silent: bool) -> None:
        super().__init__(message)
        self.silent = silent
        self.then: Then | None = None


class Loading(BeforeFirstByte):
    """It says that it is loading its model."""


class Locked(BeforeFirstByte):
    """It refuses the gateway's key: the client's own 401 must not be made of that."""


class Forgotten(ReplicaFault):
    """It is through with the request and answers nothing; another one would do the same."""


class CutOff(ReplicaFault):
    """The rest of the answer did not come. The client was told in the way that was left."""
