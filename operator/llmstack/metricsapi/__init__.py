"""How does an autoscaler read a model's load? The aggregated API custom.metrics.k8s.io.

    HPA ─> API server ── front-proxy certificate, X-Remote-User ──> every operator process
                                                                     └─ the gateway's /load

Every process of the operator answers (`serving.py`); the one that leads also keeps the serving
certificate and the APIServices (`keeper.py`). What is not known is an error, never 0: an autoscaler
does not scale down on an error.
"""
