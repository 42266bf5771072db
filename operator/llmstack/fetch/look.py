"""What can be said of a model without keeping any of it?

Every part is located: it exists, may be read, and has the sum that the spec names, as far as the
source announces one. Its header is read: is it what the deployment asks for? Where only the bytes
themselves can tell the sum, they are read to their end.
"""

import hashlib
from functools import partial

from llmstack.api import reasons
from llmstack.engines.facts import GGUFFile
from llmstack.engines.for_fetch import FILES
from llmstack.fetch.cache import Entry, Stored
from llmstack.fetch.client import host
from llmstack.fetch.faults import Fault
from llmstack.fetch.inspect import HeaderLook
from llmstack.fetch.remote import check_answer, locate
from llmstack.fetch.story import Part, locate_parts, require_sum
from llmstack.fetch.tools import PIECE, Tools
from llmstack.fetch.wanted import Wanted


def look(wanted: Wanted, tools: Tools) -> Entry:
    """The model as its source describes it. Raises FetchError if a fetch would fail."""
    parts = locate_parts(wanted, tools, one_stream=False)
    sizes = [part.located.size for part in parts]
    tools.meter.begin(0, None if None in sizes else sum(size or 0 for size in sizes))
    files: list[GGUFFile] = []
    stored = []
    for part in parts:
        tools.meter.work_on(part.file.name)
        file, size = tools.patience.persist(partial(_read, part, wanted, files, tools))
        files.append(file)
        stored.append(Stored(part.file.name, part.expected or "", size, part.file.revision))
    tools.meter.flush()
    return Entry(tuple(stored), FILES.combine([file.facts for file in files]))


def _read(part: Part, wanted: Wanted, before: list[GGUFFile], tools: Tools) -> tuple[GGUFFile, int]:
    """The part's header and the file's size, 0 if unknown. Raises Fault or FetchError."""
    needs_sum = part.expected is not None and part.located.sha256 is None
    name, size, client = part.file.name, part.located.size, tools.client
    beginning, digest, position = bytearray(), hashlib.sha256(), 0
    header = HeaderLook(
        name,
        lambda offset, length: bytes(beginning[offset : offset + length]),
        size,
        lambda file: wanted.check_files([*before, file]),
    )
    address = locate(client, part.file).address
    with client.get(address.url, token=address.token) as answer:
        check_answer(client, answer, address, name)
        for data in client.pieces(answer, address.url, PIECE):
            position += len(data)
            tools.meter.add(len(data))
            tools.meter.tick()
            if header.wanted:
                beginning += data
                header(position)
            if needs_sum:
                digest.update(data)
            elif header.found:
                return header.found, size or 0
    if size not in (None, position):
        what = f"{name} early, at byte {position} of {size}"
        raise Fault(reasons.SOURCE_TRUNCATED, f"{host(address.url)} ended {what}")
    header(position)
    assert header.found is not None, "the whole file is there: it has a header, or was refused"
    if needs_sum:
        require_sum(part, digest.hexdigest(), wanted)
    return header.found, position
