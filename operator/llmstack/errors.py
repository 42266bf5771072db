"""What can go wrong, as a tree?

LLMStackError
├── InvalidInput          the user's words are off; the message says what to write instead
│   ├── InvalidSpec       an LLMDeployment that the schema let through
│   └── InvalidSource     a model source that names nothing
├── ConfigurationError    the operator's own environment or flags are off
├── LeaseLost             another operator leads, or the Lease could not be renewed in time
└── FetchError            a model did not arrive; carries the condition reason
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
