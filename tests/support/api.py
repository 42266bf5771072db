"""How do tests reach a server that says what an API server would?"""

from kubernetes.aio.client.configuration import Configuration

from llmstack.kube.cluster_access import ClusterAccess


def connection_to(url: str, token: str = "") -> ClusterAccess:
    """A connection without TLS, with this token."""
    configuration = Configuration(host=url)
    if token:
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    return ClusterAccess(configuration)
