"""How does a context get a certificate that is text and no file?"""

import ssl
import tempfile


def load_chain(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Lets a context present a certificate, both as PEM text.

    Raises ssl.SSLError if the two do not fit together.
    """
    # The ssl module reads certificates from files only; this one lives for the call.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        context.load_cert_chain(file.name)
