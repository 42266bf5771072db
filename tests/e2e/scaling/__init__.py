"""Do replicas follow the slots, on a real node with real servers?

watching.py   what objects showed, and when
streams.py    clients whose every byte is known beforehand
models.py     the deployments of these tests
"""
