"""Which short text stands for a value where only equality counts?"""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """SHA-256 in 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()
