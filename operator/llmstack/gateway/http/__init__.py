"""How do bytes pass between clients and replicas? HTTP/1.1 only.

    client ──> server.py, connection.py ── reader.py (bytes -> request) ──> exchange.py, the story
    client <── relay.py ── framing.py (where a body ends) <── upstream.py <── replica

PURE: limits, head, framing, reader, request and response heads in, bytes out. Sockets are in
connection, server, relay and upstream alone.
"""
