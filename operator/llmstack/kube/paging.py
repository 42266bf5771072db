"""How is a long list asked for? Page after page, all of one version of the cluster."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from llmstack.kube.objects import Object

_PAGE = "500"

Ask = Callable[[Mapping[str, str]], Awaitable[Object]]
"""Gets the page for these parameters of the query."""


async def pages(ask: Ask, query: Mapping[str, str]) -> AsyncIterator[Object]:
    """The pages as the API server answers them."""
    parameters = {"limit": _PAGE, **query}
    while True:
        page = await ask(parameters)
        yield page
        parameters["continue"] = page["metadata"].get("continue", "")
        if not parameters["continue"]:
            return
