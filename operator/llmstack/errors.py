"""Which errors are there? All that this project raises on purpose, as a tree.

LLMStackError
├── InvalidInput               the user's words are off; the message says what to write instead
│   ├── InvalidSpec            an LLMDeployment that the schema let through
│   ├── InvalidSource          a model source that names nothing
│   ├── DefinitionRefused      a CRD that would make stored objects unreadable
│   ├── NotGGUF                a file that llama.cpp could not load
│   ├── Unfit                  a body that must not reach a llama-server
│   └── BadChars               characters of a grammar or a pattern that no token can match
├── ConfigurationError         the settings of the process cannot work
├── LeaseLost                  another operator leads, or the Lease could not be renewed in time
├── ApiError                   a call of the Kubernetes API failed
│   └── AlreadyThere           an object has the name that the operator wants to write
├── NoCredentials              no token for the API server; a connection error of aiohttp, too
├── FetchError                 a model did not arrive; carries the condition reason
│   ├── StartAgain             what was begun cannot be finished
│   │   └── Changed            the server names another version of the file now
│   └── _Stale                 bytes of an earlier fetch are bad
├── Fault                      a failure of a download that may pass
├── NotYet                     the bytes that were asked for have not come yet
├── NotJSON                    a body is no JSON, or more of it than is read
├── NotForm                    a body is no form, or more of one than is read
├── Malformed                  a client's request that ends its connection
├── Refused                    a request that the gateway answers itself
├── Garbage                    a replica's answer is no HTTP/1.1
├── ReplicaFault               a replica failed a request
│   ├── BeforeFirstByte        the client has seen nothing: another replica may answer
│   │   ├── Unreachable        no connection came about
│   │   ├── Unanswered         the connection ended, or what came is no HTTP
│   │   ├── Overtaken          the replica was not asked: its slots may be another request's
│   │   ├── Loading            the replica says that it loads its model
│   │   └── Locked             the replica refuses the gateway's key
│   ├── CutOff                 the rest of the answer did not come
│   └── Forgotten              the replica is through with the request and answers nothing
├── NoConnection               a poll: the replica takes no connection
├── Broken                     a poll: the connection ended, or what came is no HTTP
├── _NoAnswer                  a poll that tells nothing; the next one may
└── _Gone                      a poll: the replica serves nobody now

Outside of it is fetch's Stopped alone, a BaseException: SIGTERM is no failure to be handled.
"""


class LLMStackError(Exception):
    """Base of every error that this project raises on purpose."""


class InvalidInput(LLMStackError):
    """User input that is invalid. The message says what to write instead."""


class InvalidSpec(InvalidInput):
    """An LLMDeployment that no object can be built from."""


class InvalidSource(InvalidInput):
    """A `model.source` that is no usable URI."""


class ConfigurationError(LLMStackError):
    """The process was started with settings that cannot work."""


class LeaseLost(LLMStackError):
    """This process may no longer write: it must end before the Lease expires."""


class FetchError(LLMStackError):
    """A model did not arrive. `reason` is a condition reason of `llmstack.api.reasons`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
