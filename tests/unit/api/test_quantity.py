"""How are amounts read and written?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.quantity import format_bytes, normalise, parse_bytes, parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0"),
        ("4", "4"),
        (4, "4"),
        ("500m", "0.5"),
        ("1.5Gi", "1610612736"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("2M", "2000000"),
        ("3E", "3000000000000000000"),
        ("2e9", "2000000000"),
        ("2E-3", "0.002"),
        ("+1", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("7n", "0.000000007"),
        ("7u", "0.000007"),
    ],
)
def test_reads(text: str | int, amount: str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "Gi", "-1", "1gi", "1 Gi", "1GiB", "1.2.3", "e9", "0x10", "١"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        ("16Gi", "16Gi"),
        ("0.5", "0.5"),
        (4, "4"),
        ("2e9", "2000000000"),
        ("2.50e1", "25"),
        (".5Gi", "536870912"),
        ("5.", "5"),
        ("+5m", "0.005"),
        ("1n", "0.000000001"),
        ("0.1n", "0.000000001"),
        ("1e-99", "0.000000001"),
        ("0e5", "0"),
    ],
)
def test_writes_plainly(given_: str | int, plain: str) -> None:
    assert normalise(given_) == plain


@pytest.mark.parametrize("value", [None, True, 1.5, ["1"]])
def test_leaves_what_is_no_text_to_the_model(value: object) -> None:
    assert normalise(value) is value


@pytest.mark.parametrize("text", ["1e18", "1e999999999999", "+9E"])
def test_refuses_what_no_node_has(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        normalise(text)


def test_part_of_a_byte_is_a_byte() -> None:
    assert parse_bytes("1m") == 1


@given(st.integers(min_value=0, max_value=2**60))
def test_bytes_read_back_as_written(count: int) -> None:
    assert parse_bytes(format_bytes(count)) == count


@given(
    st.from_regex(r"\+?([0-9]{1,8}(\.[0-9]{0,9})?|\.[0-9]{1,9})", fullmatch=True),
    st.sampled_from(["", *"numkMG", "Ki", "Mi", "Gi", "e3", "E-2"]),
)
def test_the_plain_form_means_the_same_up_to_a_billionth(number: str, suffix: str) -> None:
    plain = normalise(number + suffix)
    assert normalise(plain) == plain
    assert 0 <= parse_quantity(str(plain)) - parse_quantity(number + suffix) < Decimal("1e-9")
