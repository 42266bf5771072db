"""Which percent-encoded characters may a name in `model.source` have?

A module of its own: the init container reads sources, and starts faster without pydantic, which the
rules of the schema need.
"""

_C = "%[89ABab][0-9A-Fa-f]"
ESCAPE = "|".join(
    (
        # ASCII that is neither a letter, a digit, one of - . _ ~ /, nor a control character.
        "%(2[0-9A-Ca-c]|3[A-Fa-f]|40|5[B-Eb-e]|60|7[B-Db-d])",
        # UTF-8 of two, three and four bytes, as the standard allows it.
        f"%([Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f]){_C}",
        f"%[Ee]0%[ABab][0-9A-Fa-f]{_C}",
        f"%[Ee][1-9A-Ca-cEFef]({_C}){{2}}",
        f"%[Ee][Dd]%[89][0-9A-Fa-f]{_C}",
        f"%[Ff]0%[9ABab][0-9A-Fa-f]({_C}){{2}}",
        f"%[Ff][1-3]({_C}){{3}}",
        f"%[Ff]4%8[0-9A-Fa-f]({_C}){{2}}",
    )
)
"""Percent-encoded characters that a name may have (a regular expression)."""
