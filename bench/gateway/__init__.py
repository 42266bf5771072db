"""What does the gateway cost, and what is it worth, beside Envoy and HAProxy?

    python -m bench.gateway [--only chunks,short,…] [--write]

Processes on loopback, all measured in the same run with the same load:

    client (this process) ──> nothing | Envoy | HAProxy | the gateway ──> backend.py | llama-server

load.py is the client, answers.py says which bytes must come back, proxies.py starts what is
compared; chunks.py, short.py, crowd.py, conversations.py and flood.py are the measurements.
"""
