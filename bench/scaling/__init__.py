"""Do requests wait less when replicas follow slots? A simulation on a virtual clock.

The gateway's own routing gives out the slots, whoever scales; the project's own metric and
HorizontalPodAutoscaler scale ours.

    hpa.py      what the HorizontalPodAutoscaler controller makes of a metric
    traces.py   who asks when, and for how much
    replica.py  how fast a replica decodes
    world.py    the clock, the queue, the replicas
    ours.py     how the project scales
    scalers.py  how its rivals do
    sweep.py    each rival at its best
    report.py, plot.py, __main__.py  the page
"""
