"""Do these addresses answer as they should? `ask.py SECONDS STATUS=URL…`

STATUS may be followed by `-CODE`, which the answer must not hold: 401-no_keys_configured. Each
has so many seconds to do so: a new pod may be let through a NetworkPolicy a moment late.
"""

import http.client
import sys
import time
import urllib.error
import urllib.request


def answer(url: str, wrong: str) -> str:
    """The status that comes back, or why none does; with `wrong` if the answer's code is that."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        said = error.read(65536).decode(errors="replace")
        return f"{error.code} {wrong}" if wrong and wrong in said else str(error.code)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or repr(error)


def ask(wanted: str, url: str, seconds: float) -> bool:
    """Did it answer so in time? Says what came."""
    wanted, _, wrong = wanted.partition("-")
    end = time.monotonic() + seconds
    while (found := answer(url, wrong)) != wanted and time.monotonic() < end:
        time.sleep(1)
    print(f"{url}: {found}" + ("" if found == wanted else f", and not {wanted}"))
    return found == wanted


if __name__ == "__main__":
    asked = [each.split("=", 1) for each in sys.argv[2:]]
    answers = [ask(wanted, url, float(sys.argv[1])) for wanted, url in asked]
    sys.exit(not all(answers))
