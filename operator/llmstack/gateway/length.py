"""Is the text of a request so long that no prompt of it can fit into the model's context?

A server renders and tokenises a text as a whole before it knows, about 2 s for each MB. So what is
far beyond the context is refused by its bytes. A token has about four; 64 leave room for templates
that drop parts of a conversation, and for text of which a token is long.
"""

from llmstack.gateway.refusals import Refused, bad_request

BYTES_A_TOKEN = 64
ALWAYS = 1024 * 1024
"""Bytes that are always left to the server to judge."""


def check_length(text: int, context: int, prompts: int) -> None:
    """Raises Refused if so many bytes cannot be so many prompts for a context of these tokens.

    `context` 0: it is not known, and nothing is refused.
    """
    if context and text > max(ALWAYS, BYTES_A_TOKEN * context * prompts):
        raise Refused(
            bad_request(
                f"The text of this request has {text} bytes, far beyond the model's context of "
                f"{context} tokens. Send less text.",
                code="context_length_exceeded",
            )
        )
