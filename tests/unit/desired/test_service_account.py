"""As whom do replicas run?"""

from tests.unit.desired.samples import built, pod


def test_pods_run_as_an_account_without_a_token() -> None:
    account = built("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod()["serviceAccountName"] == account["metadata"]["name"]
