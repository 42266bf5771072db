"""How is a number of bytes shown?"""

import pytest

from llmstack.api.sizes import gib


@pytest.mark.parametrize(
    ("size", "digits", "shown"),
    [
        (0, 1, "0 MiB"),
        (2**29, 1, "512 MiB"),
        (2**30, 1, "1.0 GiB"),
        (20 * 2**20, 2, "20.0 MiB"),
        (5 * 2**30 // 4, 2, "1.25 GiB"),
    ],
)
def test_a_size_has_its_unit(size: int, digits: int, shown: str) -> None:
    assert gib(size, digits) == shown
