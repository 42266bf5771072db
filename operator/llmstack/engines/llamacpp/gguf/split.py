"""Do these files make up one split model?

llama-gguf-split numbers its parts in `split.no` (from 0), and writes the number of parts
(`split.count`) and of all tensors (`split.tensors.count`) into each. llama.cpp crashes on a part
that is out of place, and only after all of them have been downloaded.
"""

from collections.abc import Sequence

from llmstack.engines.facts import NotGGUF, Split


def check_parts(names: Sequence[str], parts: Sequence[Split]) -> None:
    """Raises NotGGUF unless the parts are those of one model, in order.

    `names` are the file names of all parts; `parts` may hold only the first of them so far.
    """
    if len(names) == 1:
        _check_single(names[0], parts[0])
        return
    seen: dict[str, str] = {}
    for number, (name, part) in enumerate(zip(names, parts, strict=False)):
        _check_place(name, number, len(names), part)
        _check_total(names[0], parts[0], name, part)
        for tensor in part.tensors:
            if tensor in seen:
                raise NotGGUF(f"{name} and {seen[tensor]} both have the tensor {tensor}: {_ADVICE}")
            seen[tensor] = name
    if len(parts) == len(names) and len(seen) != parts[0].total:
        raise NotGGUF(
            f"the {len(names)} parts have {len(seen)} tensors together and split.tensors.count is "
            f"{parts[0].total}: a part is of another model, {_ADVICE}"
        )


_ADVICE = "fetch all parts anew from one upload of llama-gguf-split, under the names it gave them"


def _check_single(name: str, part: Split) -> None:
    count = part.count or 1
    if count != 1:
        raise NotGGUF(
            f"{name} is part {(part.number or 0) + 1} of {count} by its header, and its name does "
            f"not say so: keep the names …-00001-of-{count:05d}.gguf of llama-gguf-split and name "
            "the first"
        )


def _check_place(name: str, number: int, count: int, part: Split) -> None:
    if part.count is not None and part.count != count:
        raise NotGGUF(
            f"{name} is one of {part.count} parts by its header (split.count) and one of {count} "
            f"by its name: keep the names …-00001-of-{part.count:05d}.gguf of llama-gguf-split"
        )
    if part.number is None or (number == 0 and part.count is None):
        raise NotGGUF(
            f"{name} is one of {count} parts by its name, and its header has no split.no and "
            "split.count: llama.cpp takes parts that llama-gguf-split made, and no others"
        )
    if part.number != number:
        raise NotGGUF(
            f"{name} is part {part.number + 1} by its header (split.no {part.number}) and part "
            f"{number + 1} by its name: {_ADVICE}"
        )


def _check_total(first_name: str, first: Split, name: str, part: Split) -> None:
    if first.total is None:
        raise NotGGUF(f"{first_name} is the first of several parts without split.tensors.count")
    if part.total not in (None, first.total):
        raise NotGGUF(
            f"{name} is a part of a model of {part.total} tensors (split.tensors.count) and "
            f"{first_name} of one of {first.total}: {_ADVICE}"
        )
