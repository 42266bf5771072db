"""How do clients come in from outside? By the real Traefik, in a namespace of its own.

It reads the Ingress and the HTTPRoute that the chart makes, and ends their TLS.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.cluster import gobuild, versions
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.images import write_archive
from tests.e2e.cluster.pki import Authority, Pair
from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.fixtures import own_namespace
from tests.e2e.stack.release import NAMESPACE

IMAGE = f"localhost/traefik:{versions.TRAEFIK}"
SECRET = "llm-tls"
DEFINITIONS = "config/crd/standard"


@dataclass(frozen=True)
class WayIn:
    """Where Traefik listens, for whoever believes the authority of its certificate."""

    url: str
    namespace: str
    authority: Path

    def client(self, host: str, key: str = "") -> httpx.Client:
        """A client that reaches Traefik under this name."""
        headers = {"Host": host} | ({"Authorization": f"Bearer {key}"} if key else {})
        client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=ssl.create_default_context(cafile=str(self.authority)),
        )
        # The name is looked up nowhere: it is what is asked for, and what the certificate is for.
        client.event_hooks["request"].append(
            lambda request: request.extensions.update({"sni_hostname": host})
        )
        return client


@contextmanager
def traefik(cluster: Provider, directory: Path, *hosts: str) -> Iterator[WayIn]:
    """Traefik, ready, with a certificate for these names; and the kinds of the Gateway API."""
    archive = write_archive(
        directory / "traefik.tar", IMAGE, {"/traefik": binary("traefik")}, ["/traefik"]
    )
    cluster.load_image(IMAGE, archive)
    module = gobuild.module_directory("sigs.k8s.io/gateway-api", versions.GATEWAY_API)
    definitions = f"--filename={module / DEFINITIONS}"
    cluster.kubectl("apply", "--server-side", definitions)
    cluster.kubectl("wait", "--for=condition=Established", definitions, "--timeout=30s")
    authority = Authority(directory, "authority")
    pair = authority.issue("server", "traefik", hosts=hosts)
    with own_namespace(cluster, "traefik") as home:
        for namespace in (home.namespace, NAMESPACE):
            _store(cluster, namespace, pair)
        manifest = Path(__file__).with_name("traefik.yaml").read_text()
        values = {"IMAGE": IMAGE, "NAMESPACE": home.namespace, "SECRET": SECRET}
        for key, value in values.items():
            manifest = manifest.replace(key, value)
        try:
            home.apply(manifest)
            home.kubectl("rollout", "status", "deployment/traefik", "--timeout=2m")
            url = cluster.forward(home.namespace, "traefik", 443).replace("http:", "https:")
            yield WayIn(url, home.namespace, authority.certificate)
        finally:
            home.kubectl("delete", "--filename=-", "--wait=false", stdin=manifest)
            cluster.kubectl("delete", "secret", SECRET, f"--namespace={NAMESPACE}")
            cluster.kubectl("delete", definitions, "--timeout=30s")


def _store(cluster: Provider, namespace: str, pair: Pair) -> None:
    files = (f"--cert={pair.certificate}", f"--key={pair.key}")
    cluster.kubectl("create", "secret", "tls", SECRET, f"--namespace={namespace}", *files)
