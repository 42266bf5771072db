"""Which texts are refused by their bytes alone?"""

import pytest

from llmstack.gateway.length import ALWAYS, BYTES_A_TOKEN, check_length
from llmstack.gateway.refusals import Refused

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "context", "prompts"),
    [
        (ALWAYS, 128, 1),
        (64 * MIB, 0, 1),
        (BYTES_A_TOKEN * 131_072, 131_072, 1),
        (10 * MIB, 4096, 100),
        (0, 4096, 1),
    ],
)
def test_what_may_fit_is_left_to_the_server(text: int, context: int, prompts: int) -> None:
    check_length(text, context, prompts)


@pytest.mark.parametrize(
    ("text", "context", "prompts"),
    [(ALWAYS + 1, 128, 1), (BYTES_A_TOKEN * 131_072 + 1, 131_072, 1), (64 * MIB, 4096, 100)],
)
def test_what_cannot_is_refused_with_the_code_by_which_clients_shorten_it(
    text: int, context: int, prompts: int
) -> None:
    with pytest.raises(Refused) as caught:
        check_length(text, context, prompts)
    assert (caught.value.answer.status, caught.value.answer.code) == (
        400,
        "context_length_exceeded",
    )
