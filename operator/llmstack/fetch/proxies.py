"""What does a proxy's refusal mean, and what can be done about it?"""

from urllib.parse import urlsplit

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.secret import host_of


def proxy_refusal(proxy: str, url: str, status: int, *, may_be_host: bool = False) -> FetchError:
    """What to do about a proxy that answers 403 or 407, say.

    `may_be_host`: the request was not tunnelled, so the answer may be the host's own.
    """
    target, variable = host_of(url), f"{urlsplit(url).scheme.upper()}_PROXY"
    place = shown_proxy(proxy)
    given = "other credentials than it was given" if urlsplit(proxy).username else "credentials"
    what = f"it wants {given}" if status == 407 else "it refuses that host, or wants " + given
    host_too = (
        f". If the answer is {target}'s own, put a token into a Secret with the key `token` and "
        "name that in spec.model.secretRef"
    )
    return FetchError(
        reasons.SOURCE_UNREACHABLE,
        f"the proxy {place} answers {status} for {target}: {what}. Credentials belong in its "
        f"address, {variable}=http://USER:PASSWORD@{place} in the chart value fetchEnv, with "
        f"special characters percent-encoded. Or name {target} in NO_PROXY if pods reach it "
        f"directly{host_too if may_be_host else ''}",
    )


def shown_proxy(proxy: str) -> str:
    """A proxy's host and port, without the credentials."""
    return host_of(proxy)
