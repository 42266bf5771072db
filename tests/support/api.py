"""How do tests reach a server that says what an API server would?"""

from kubernetes.aio.client.configuration import Configuration

from llmstack.kube.connection import Connection


def connection_to(url: str, token: str = "") -> Connection:
    """A connection without TLS, with this token."""
    configuration = Configuration(host=url)
    if token:
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    return Connection(configuration)
