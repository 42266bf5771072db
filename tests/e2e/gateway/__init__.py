"""The gateway in a cluster, in front of real replicas of real models.

Its protocol has tests of its own (tests/integration/gateway): here it is about what only a cluster
shows, such as names that lead to it, pods that go, and a Kubernetes API that is away.
"""
