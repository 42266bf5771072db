"""What did the Kubernetes API answer instead of success?"""

import json
from typing import Any

from llmstack.errors import LLMStackError

UNREACHABLE = "Unreachable"
TIMEOUT = "Timeout"


class ApiError(LLMStackError):
    """One call of the Kubernetes API failed.

    `status` is the HTTP status, 0 if there was no answer; `reason` the word of the API's Status
    object (NotFound, Conflict, AlreadyExists, Invalid, Forbidden …), UNREACHABLE or TIMEOUT;
    `message` its sentence. `retry_after`: the API server asks to be left alone for so many seconds.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def not_found(self) -> bool:
        """True if the object, or its kind, does not exist."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        """True if someone else has changed or created the object in the meantime."""
        return self.status == 409

    @property
    def refused(self) -> bool:
        """True if the same call will fail again until somebody changes something."""
        return self.status in (400, 403, 404, 405, 413, 415, 422)


def from_answer(status: int, body: str, retry_after: float = 0.0) -> ApiError:
    """Return the error in an API response. A body that is not a Status object is quoted."""
    answer = _status_object(body)
    reason = str(answer.get("reason") or f"HTTP{status}")
    message = str(answer.get("message") or body[:512].strip() or "no message")
    return ApiError(status, reason, message, retry_after)


def _status_object(body: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}
