"""Is a request's text too long to fit into the model's context, however it is tokenised?

A server renders and tokenises a whole text before it knows, at about 2 s per MB. So a text far
beyond the context is refused by its size in bytes. A token has about four bytes; a limit of 64
leaves room for templates that drop parts of a conversation, and for text with long tokens.
"""

from llmstack.gateway.refusals import Refused, bad_request

BYTES_A_TOKEN = 64
"""Bytes of text allowed per token of context."""
ALWAYS = 1024 * 1024
"""Bytes that are always left for the server to judge."""


def check_length(text: int, context: int, prompts: int) -> None:
    """Raises Refused if `text` bytes cannot be `prompts` prompts for a context of this many tokens.

    `context` 0 means that it is unknown; nothing is refused then.
    """
    if context and text > max(ALWAYS, BYTES_A_TOKEN * context * prompts):
        raise Refused(
            bad_request(
                f"The text of this request has {text} bytes, far beyond the model's context of "
                f"{context} tokens. Send less text.",
                code="context_length_exceeded",
            )
        )
