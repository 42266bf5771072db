"""Which words does a user read who mistypes `model.source`?

Rules in words, where one `pattern` would print a regular expression. What they accept is accepted
by `models.source.parse_source`, which the download goes by: an integration test compares both.
"""

from llmstack.api.base import Rule
from llmstack.api.escapes import ESCAPE


def _part(not_in_it: str) -> str:
    """A part of a path that is neither empty nor "." or ".."."""
    char, no_dot = f"([^{not_in_it}%]|{ESCAPE})", f"([^{not_in_it}.%]|{ESCAPE})"
    return f"({no_dot}|[.]{no_dot}|[.][.]{char}){char}*"


_OWNER = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_CLAIM = "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_WORD = f"([A-Za-z0-9]|{ESCAPE})([A-Za-z0-9._-]|{ESCAPE})*"
_REVISION = f"{_WORD}(/{_WORD})*"
_HOST = r"([^/?#@:\\[\\]]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,4}|:[1-5][0-9]{4})?"
_WEB_PART = "([^/?#.]|[.][^/?#.]|[.][.][^/?#])[^/?#]*"

_HUB = f"^hf://{_OWNER}/{_OWNER}(/{_part('/@')})+(@{_REVISION})?$"
_CLAIMED = f"^pvc://{_CLAIM}(/{_part('/')})+$"
_WEB = f"^https?://{_HOST}/([^?#]*/)?{_WEB_PART}([?][^#]*)?$"


def _of(scheme: str, pattern: str, message: str) -> Rule:
    """A rule for sources of one scheme alone, so that each mistake is told once."""
    return Rule(f"!self.startsWith('{scheme}') || self.matches('{pattern}')", message)


SOURCE_RULES = (
    Rule(
        "self.matches('^(hf|https?|pvc)://')",
        "a source must start with hf://, https://, http:// or pvc://, for example "
        "hf://owner/repo/file.gguf",
    ),
    Rule(
        r"!self.matches('[\\x00-\\x20\\x7f\\\\]')",
        "a source must not contain spaces, backslashes or control characters: write %20 for a "
        "space and %5C for a backslash",
    ),
    Rule(
        "!self.matches('^https?://[^/?#]*@')",
        "a source must not contain credentials: remove user:password@, store a token in a Secret "
        "under the key `token`, and set spec.model.secretRef to that Secret",
    ),
    Rule(
        f"!self.matches('^https?://') || self.matches('^https?://[^/?#]*@') || "
        f"self.matches('{_WEB}')",
        "a web source must have the form https://host/path/file.gguf: a host, an optional port, "
        "the path of a file and an optional query, without a #fragment",
    ),
    _of(
        "hf://",
        _HUB,
        "a hub source must have the form hf://owner/repo/path/to/file.gguf, optionally followed by "
        "@branch, @tag or @commit. In the path, write %20 for a space, %40 for @ and %25 for %; do "
        "not encode letters, digits, -, ., _ and ~",
    ),
    Rule(
        "!self.matches('^hf://.*@.*[.]gguf$')",
        "@ must be followed by a branch, a tag or a commit, not by a file name: write %40 for an @ "
        "that is part of the file name",
    ),
    _of(
        "pvc://",
        _CLAIMED,
        "a claim source must have the form pvc://claim/path/to/file.gguf, where claim is a "
        "PersistentVolumeClaim in the same namespace. In the path, write %20 for a space and %25 "
        "for %; do not encode letters, digits, -, ., _ and ~",
    ),
    Rule(
        "!self.matches('-[0-9]{5}-of-[0-9]{5}[.]gguf([?@].*)?$') || "
        "self.matches('-00001-of-[0-9]{5}[.]gguf([?@].*)?$')",
        "for a split model, give the first part: the file that ends in -00001-of-….gguf",
    ),
)
