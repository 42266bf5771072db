"""How many replicas may a drain take at once?"""

from tests.unit.desired.samples import built


def test_one_at_a_time_and_the_unready_always() -> None:
    spec = built("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert spec["selector"] == built("Deployment")["spec"]["selector"]
