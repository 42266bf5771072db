"""How is the metrics API served so that certificates change without a restart?

    connection ─> outer context ─ at its first message ─> the newest inner context
                                                          ├─ our certificate
                                                          └─ the API server's authority

An authority cannot be taken out of a context again, so each change makes a new inner one.
Connections that stand keep theirs.
"""

import ssl

from llmstack.kube.pem import load_chain
from llmstack.metricsapi.certificate import Material


class Contexts:
    """The context to listen with, `outer`, and what it leads to."""

    def __init__(self) -> None:
        self._newest: ssl.SSLContext | None = None
        self.outer = _context()
        self.outer.sni_callback = self._choose

    def renew(self, material: Material, authority: str) -> None:
        """New connections are served with this. Raises ssl.SSLError if it cannot be."""
        context = _context()
        context.load_verify_locations(cadata=authority)
        load_chain(context, material.certificate, material.key)
        self._newest = context

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> int | None:
        if self._newest is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._newest
        return None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Who brings no certificate is told so in words.
    context.verify_mode = ssl.CERT_OPTIONAL
    # A resumed session would bring the authority of yesterday with it.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context
