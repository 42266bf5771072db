"""Why is a condition as it is? One sentence each: the cluster, then the answer."""

from tests.unit.status.rows import (
    answering,
    autoscaling,
    held,
    model_ready,
    progressing,
    ready,
    scheduled,
    spec_valid,
    stuck,
    uncached,
    unreachable,
    up_to_date,
    wedged,
)

ROWS = [
    *spec_valid.ROWS,
    *model_ready.ROWS,
    *scheduled.ROWS,
    *stuck.ROWS,
    *progressing.ROWS,
    *autoscaling.ROWS,
    *ready.ROWS,
    *wedged.ROWS,
    *uncached.ROWS,
    *answering.ROWS,
    *unreachable.ROWS,
    *held.ROWS,
    *up_to_date.ROWS,
]
