"""Does the API server take every sample as it stands?

What is built from them, and whether the server takes that, is in test_desired.py.
"""

from __future__ import annotations

import pytest

from tests.integration.gate import Gate
from tests.support.examples import ALL, Object


@pytest.mark.parametrize("body", ALL, ids=lambda body: body["metadata"]["name"])
def test_the_schema_takes_it(gate: Gate, body: Object) -> None:
    stored = gate.accepted(body)

    assert stored["spec"]["model"]["source"] == body["spec"]["model"]["source"]
