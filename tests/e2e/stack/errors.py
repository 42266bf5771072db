"""What can go wrong while the stack is set up?"""

from __future__ import annotations


class StackError(Exception):
    """A step failed; the message says what was seen, and what to do."""
