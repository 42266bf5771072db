"""May this `pattern` of a JSON schema become a grammar? Raises Unfit if it would stop the server.

llama-server translates what stands between ^ and $; any other pattern means "any string" to it.
"""

import re

from llmstack.engines.llamacpp.chars import BadChars, class_chars
from llmstack.engines.llamacpp.gbnf import MOST_TIMES
from llmstack.engines.llamacpp.unfit import Unfit

LONGEST = 1000
DEEPEST = 20
_WORDS = re.compile(
    r"""\\.
    |\[(?P<chars>(?:[^\]\\]|\\.)*)\]
    |(?P<times>\{[^}]*\})
    |(?P<mark>[()])
    |[^\\]""",
    re.VERBOSE | re.DOTALL,
)


def check_pattern(pattern: str) -> int:
    """Return the most elements that the server compiles this pattern to. Raises Unfit."""
    if len(pattern) > LONGEST:
        raise Unfit(f"a pattern may have at most {LONGEST} characters")
    if len(pattern) < 2 or not (pattern.startswith("^") and pattern.endswith("$")):
        return 1
    depth, weight = 0, 1
    for word in _WORDS.finditer(pattern, 1, len(pattern) - 1):
        depth += {"(": 1, ")": -1}.get(word["mark"] or "", 0)
        if depth > DEEPEST:
            raise Unfit(f"groups of a pattern may be at most {DEEPEST} deep")
        if word["times"]:
            # What is repeated may be a literal as long as the pattern.
            weight += _most(word["times"]) * len(pattern)
        elif word["chars"] is not None:
            _check_class(word["chars"])
        weight += 1
    return weight


def _check_class(text: str) -> None:
    try:
        class_chars(text)
    except BadChars as bad:
        # A class of regular expressions, such as \d: the server takes any string instead.
        if "escape" not in str(bad):
            raise Unfit(f"the pattern's [{text[:40]}] matches nothing: {bad}") from bad


def _most(text: str) -> int:
    """The most of "{2,3}" as the server reads it, spaces and signs included."""
    first, comma, last = text[1:-1].partition(",")
    try:
        least = int(first) if first.strip() else 0
        most = int(last) if last.strip() else least if not comma else None
    except ValueError:
        return 1
    if min(least, most or 0) < 0 or max(least, most or 0) > MOST_TIMES:
        raise Unfit(f"{text[:40]} of a pattern repeats more than {MOST_TIMES} times")
    if most is not None and most < least:
        raise Unfit(f"{text[:40]} of a pattern has its bounds the wrong way round")
    return max(least, most or 1)
