"""Do requests wait less when replicas follow slots? A simulation on a virtual clock.

The gateway's own routing gives out the slots, whoever scales; the project's own metric and
HorizontalPodAutoscaler scale ours.

    hpa.py         what the HorizontalPodAutoscaler controller makes of a metric
    traces.py      who asks when, and for how much
    replica.py     how fast a replica decodes
    world.py       the clock, the queue, the replicas
    ours.py        how the project scales
    scalers.py     how its rivals do
    candidates.py  what is tried of each
    sweep.py       each rival at its best, and ours
    report.py, plot.py, __main__.py  the page
    floor.py       what a tuned minReplicas is worth
    limits.py      who scales better than anyone can
    bounds.py      what such reach within a budget
"""
