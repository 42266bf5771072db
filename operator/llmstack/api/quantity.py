"""How is an amount of memory, CPU or storage written?

The API server accepts the whole notation of Kubernetes, as a number or as text: `4`, `500m`,
`1.5Gi`, `2e9`. `normalise` brings what is exotic (exponents, `n`, `u`, a bare leading or trailing
point) into the plain form that a pod shows: digits, perhaps a fraction, perhaps a suffix.
"""

import re
from decimal import ROUND_CEILING, Decimal

PLAIN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
LARGEST = "1E"
"""Amounts stay below this: more than any node has, and well inside 64 bits."""

_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_SMALLEST = Decimal("1e-9")
_FAR = 100
_PLAIN = re.compile(PLAIN)
_ANY = re.compile(
    r"\+?(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?:[eE](?P<exponent>[+-]?[0-9]+)|(?P<suffix>[KMGTPE]i|[numkMGTPE]|))"
)


def parse_quantity(text: str | int) -> Decimal:
    """Return a quantity in its base unit (bytes, cores). Raises ValueError for an invalid one."""
    text = str(text)
    match = _ANY.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a quantity; valid examples are 4, 500m and 1.5Gi")
    number = Decimal(match["number"])
    if match["exponent"]:
        # Far outside of what is of use, and inside of what Decimal can do.
        exponent = max(-_FAR, min(int(match["exponent"]), _FAR))
        return number.scaleb(exponent)
    return number * _FACTORS[match["suffix"]]


def parse_bytes(text: str | int) -> int:
    """Return a quantity in whole bytes, rounded up as Kubernetes does."""
    return int(parse_quantity(text).to_integral_value(rounding=ROUND_CEILING))


def format_bytes(count: int) -> str:
    """Format bytes in the largest binary unit that divides them, for example 3Gi."""
    for power, suffix in reversed(list(enumerate("KMGTPE", 1))):
        if count and count % 1024**power == 0:
            return f"{count // 1024**power}{suffix}i"
    return str(count)


def normalise(value: object) -> object:
    """Return a quantity in plain form, rounded up to a billionth as Kubernetes does. Plain
    quantities, and values that are no text, are returned unchanged.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or _PLAIN.match(value):
        return value
    exact = parse_quantity(value)
    if exact >= parse_quantity(LARGEST):
        raise ValueError(f"{value!r} is out of range: it must be less than {LARGEST}")
    rounded = max(exact, _SMALLEST) if exact else exact
    return f"{rounded.quantize(_SMALLEST, rounding=ROUND_CEILING).normalize():f}"
