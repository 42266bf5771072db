"""How do bytes pass between clients and replicas? HTTP/1.1 only.

    client ──> server.py, connection.py ── intake.py (bytes -> request) ──> exchange.py, the story
    client <── client.py <── relay.py ── framing.py (where a body ends) <── upstream.py <── replica

PURE: limits, head, framing, reader; request and response heads in, bytes out. Only connection,
client, server, relay and upstream use sockets.
"""
