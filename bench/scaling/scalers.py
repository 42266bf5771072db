"""Who else scales, and by what? Three rivals, as their sources describe them.

- LLMKube (defilantech/LLMKube, internal/controller/hpa_reconciler.go): a HorizontalPodAutoscaler
  without a behavior of its own, Pods metric `llamacpp:requests_processing`, AverageValue 2. A pod
  never processes more than its slots, whatever waits.
- KubeAI (substratusai/kubeai, internal/modelautoscaler/autoscaler.go, internal/config/system.go,
  internal/modelclient/scale.go): every 10 s ceil(mean of the active requests, waiting ones
  included, over 10 min ÷ targetRequests); up at once; down after as many looks in a row that want
  fewer as scaleDownDelaySeconds takes. The mean begins full of zeros. A request at 0 starts one.
- GPU percentage: a HorizontalPodAutoscaler on the mean of the pods' GPU utilization, which is 100
  with any slot busy.

All see the truth of the moment: no rival pays for a scrape interval.
"""

import math
from collections import deque

from bench.scaling.hpa import SYNC, Behavior, Hpa, Rules, pods_average
from bench.scaling.view import MOST, View


class RequestsProcessing:
    """LLMKube: the mean of the requests that the ready pods process."""

    interval = SYNC

    def __init__(self, target: float, least: int = 1) -> None:
        self._target = target
        self._hpa = Hpa(least, MOST, Behavior())

    def wanted(self, view: View, now: float) -> int:
        missing = view.replicas - len(view.busy)
        wanted = pods_average(view.busy, missing, self._target, view.replicas)
        return self._hpa.sync(view.replicas, wanted, now)

    def called(self, view: View, now: float) -> bool:
        return False  # Its least is 1.


class GpuPercentage:
    """The mean of the ready pods' GPU utilization."""

    interval = SYNC

    def __init__(self, target: float, down: float = 300) -> None:
        self._target = target
        policies = Behavior().down.policies
        self._hpa = Hpa(1, MOST, Behavior(down=Rules(down, policies)))

    def wanted(self, view: View, now: float) -> int:
        values = [100.0 if busy else 0.0 for busy in view.busy]
        missing = view.replicas - len(values)
        wanted = pods_average(values, missing, self._target, view.replicas)
        return self._hpa.sync(view.replicas, wanted, now)

    def called(self, view: View, now: float) -> bool:
        return False  # Its least is 1.


class ActiveRequests:
    """KubeAI: the mean of the active requests over a window."""

    interval = 10.0

    def __init__(
        self, target: float, window: float, delay: float, sleeps: bool, least: int = 1
    ) -> None:
        self._least = 0 if sleeps else least
        self._target = target
        count = math.ceil(window / self.interval)
        self._seen: deque[int] = deque([0] * count, maxlen=count)
        self._delay = math.ceil(delay / self.interval)
        self._downs = 0

    def wanted(self, view: View, now: float) -> int:
        if not view.busy:
            return view.replicas  # Without an endpoint it does nothing.
        self._seen.append(view.active)
        mean = sum(self._seen) / len(self._seen)
        wanted = min(MOST, max(self._least, math.ceil(mean / self._target)))
        if wanted >= view.replicas:
            self._downs = 0
            return wanted
        if self._downs < self._delay:
            self._downs += 1
            return view.replicas
        return wanted

    def called(self, view: View, now: float) -> bool:
        return self._least == 0
