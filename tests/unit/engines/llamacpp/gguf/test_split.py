"""Are parts that do not belong together refused before llama-server crashes on them?"""

from dataclasses import replace

import pytest

from llmstack.engines.facts import NotGGUF, Split
from llmstack.engines.llamacpp.gguf.file import read_file
from llmstack.engines.llamacpp.gguf.split import check_parts
from tests.support.gguf_writer import split_bytes


def splits(files):
    return [
        read_file(lambda at, count, data=data: data[at : at + count], len(data)).split
        for data in files
    ]


NAMES = [f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
GOOD = splits(split_bytes(3))
OTHER = replace(GOOD[1], total=7)


def test_the_parts_of_one_model():
    for known in (1, 2, 3):
        check_parts(NAMES, GOOD[:known])
    check_parts(["m.gguf"], [Split(None, None, None, frozenset("a"))])
    check_parts(["m.gguf"], [Split(0, 1, 1, frozenset("a"))])


def test_parts_that_leave_out_what_the_first_says():
    check_parts(NAMES, [GOOD[0], *(replace(part, count=None, total=None) for part in GOOD[1:])])


REFUSED = [
    ("in the wrong order", [GOOD[0], GOOD[2], GOOD[1]], "part 3 by its header"),
    ("the first three times", [GOOD[0]] * 3, r"part 1 by its header \(split.no 0\) and part 2"),
    ("begun in the middle", GOOD[1:], "part 2 by its header .* and part 1"),
    ("of another model", [GOOD[0], OTHER, GOOD[2]], "a part of a model of 7 tensors"),
    ("of a model in more parts", splits(split_bytes(4))[:3], "one of 4 parts by its header"),
    (
        "with a tensor of another part",
        [*GOOD[:2], replace(GOOD[2], tensors=GOOD[1].tensors)],
        "m-00003-of-00003.gguf and m-00002-of-00003.gguf both have the tensor blk.1.weight",
    ),
    (
        "with a tensor too many",
        [*GOOD[:2], replace(GOOD[2], tensors=GOOD[2].tensors | {"x"})],
        "4 tensors together and split.tensors.count is 3",
    ),
    ("with one missing", [*GOOD[:2], replace(GOOD[2], tensors=frozenset())], "2 tensors together"),
    ("without numbers", [Split(None, None, None, frozenset("a"))] * 3, "no split.no"),
    ("a second part without one", [GOOD[0], replace(GOOD[1], number=None)], "no split.no"),
    ("without a total", [replace(GOOD[0], total=None)], "without split.tensors.count"),
]


@pytest.mark.parametrize(("sentence", "parts", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(sentence, parts, words):
    with pytest.raises(NotGGUF, match=words):
        check_parts(NAMES, parts)


def test_a_part_that_was_renamed():
    with pytest.raises(NotGGUF, match=r"part 1 of 3 .* keep the names …-00001-of-00003\.gguf"):
        check_parts(["m.gguf"], GOOD[:1])
