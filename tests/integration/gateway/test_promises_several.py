"""Does one of three gateways keep its promises where another one owns the model?

The same tests as for one gateway, of the table in docs/gateway.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gateway import (
    test_promises_clients,
    test_promises_faults,
    test_promises_queue,
    test_slots_come_back,
)
from tests.integration.gateway.serving import SEVERAL

_OF_ONE_PROCESS = {
    "test_the_load_is_a_stream_of_changes",
    "test_a_gateway_that_is_killed_frees_the_slots_of_its_replicas",
    "test_what_is_not_served_is_said_in_openais_shape",
    "test_without_keys_only_a_loopback_address_is_served",
    "test_the_configuration_changes_under_load_without_a_lost_request",
}
"""About the page of the process itself, what needs no owner, killing the only one, and a file that
all read at once.
"""

for _module in (
    test_promises_queue,
    test_promises_clients,
    test_promises_faults,
    test_slots_come_back,
):
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and callable(_test) and _name not in _OF_ONE_PROCESS:
            globals()[_name] = _test


@pytest.fixture(autouse=True)
def several() -> Iterator[None]:
    token = SEVERAL.set(True)
    yield
    SEVERAL.reset(token)
