"""Which replica is a prompt at home on?"""

import random
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.affinity import BLOCK, REMEMBERED, TAIL, Index, Match, blocks
from llmstack.routing.chain import DENSE, FIRST, named_of

KEY = b"model adapter tenant"
RNG = random.Random(5)
SYSTEM, DOCUMENT = RNG.randbytes(4 * BLOCK), RNG.randbytes(20 * BLOCK)


def text(length: int) -> bytes:
    return RNG.randbytes(length)


class TestBlocks:
    """The chain of a prompt."""

    def test_a_longer_conversation_begins_with_the_chain_of_the_shorter_one(self) -> None:
        first = text(10 * BLOCK)
        shorter, longer = blocks(KEY, first + b'"}]}'), blocks(KEY, first + text(4 * BLOCK))
        assert len(shorter) >= 9
        assert longer[: len(shorter)] == shorter

    def test_the_end_of_a_body_is_no_beginning_of_another(self) -> None:
        assert blocks(KEY, text(BLOCK + TAIL - 1)) == ()
        assert len(blocks(KEY, text(BLOCK + TAIL))) == 1

    def test_of_messages_each_ends_a_block(self) -> None:
        one, two, three = text(50), text(3 * BLOCK), text(20)
        chain = blocks(KEY, one, two, three)
        assert len(chain) == 5
        assert blocks(KEY, one, two) == chain[:4]

    def test_a_change_changes_all_that_follows_and_nothing_before(self) -> None:
        prompt = text(10 * BLOCK)
        changed = prompt[: 4 * BLOCK] + b"!" + prompt[4 * BLOCK + 1 :]
        before, after = blocks(KEY, prompt), blocks(KEY, changed)
        assert before[:4] == after[:4]
        assert not set(before[4:]) & set(after[4:])

    def test_another_key_shares_nothing(self) -> None:
        prompt = text(10 * BLOCK)
        assert not set(blocks(KEY, prompt)) & set(blocks(b"another tenant", prompt))

    def test_all_of_it_is_looked_at_however_long_it_is(self) -> None:
        prompt = bytearray(5_000_000)
        chain = blocks(KEY, prompt)
        prompt[-2000] = 1
        assert len(chain) < 600
        assert blocks(KEY, prompt)[-4:] != chain[-4:]
        prompt[0] = 1
        assert not set(blocks(KEY, prompt)) & set(chain)

    def test_it_is_the_same_for_all_kinds_of_buffers(self) -> None:
        prompt = text(10 * BLOCK)
        assert blocks(KEY, prompt) == blocks(KEY, memoryview(bytearray(prompt)))

    @settings(deadline=None)
    @given(st.integers(1, 9000), st.integers(0, 9000))
    def test_whatever_a_longer_one_names_of_both_the_shorter_one_does(
        self, count: int, more: int
    ) -> None:
        shorter = set(named_of(count))
        assert shorter.issuperset(n for n in named_of(count + more) if n <= count)
        assert len(shorter) <= 2 * DENSE + FIRST + DENSE * max(0, (count // DENSE).bit_length())

    def test_every_process_names_them_alike(self) -> None:
        program = (
            "from llmstack.routing.affinity import blocks\n"
            f"print(*blocks(b'key', bytes(range(256)) * {BLOCK // 64}))"
        )
        told = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        chain = blocks(b"key", bytes(range(256)) * (BLOCK // 64))
        assert told.stdout.split() == [str(block) for block in chain]
        assert len(chain) == 3


class TestHome:
    """What a replica has, and for whom."""

    def test_a_conversation_that_goes_on_is_at_home_where_it_was(self) -> None:
        index, talk = Index(), text(8 * BLOCK)
        index.add("a", blocks(KEY, talk + b"}" * TAIL))
        chain = blocks(KEY, talk + text(3 * BLOCK))
        assert index.matches(chain) == {"a": Match(8, 8)}

    def test_another_conversation_is_at_home_nowhere(self) -> None:
        index = Index()
        index.add("a", blocks(KEY, text(8 * BLOCK)))
        assert index.matches(blocks(KEY, text(8 * BLOCK))) == {}

    def test_a_common_system_prompt_makes_nobody_at_home(self) -> None:
        index = Index()
        index.add("a", blocks(KEY, SYSTEM + text(6 * BLOCK)))
        assert index.matches(blocks(KEY, SYSTEM + text(6 * BLOCK))) == {"a": Match(4, 0)}

    def test_nor_does_a_long_one_when_a_third_shares_it(self) -> None:
        index = Index()
        for _ in range(2):
            index.add("a", blocks(KEY, DOCUMENT + text(4 * BLOCK)))
        assert index.matches(blocks(KEY, DOCUMENT + text(4 * BLOCK))) == {"a": Match(20, 0)}

    def test_nor_a_whole_prompt_that_comes_again_and_again(self) -> None:
        index, chain = Index(), blocks(KEY, DOCUMENT)
        owns = []
        for _ in range(3):
            index.add("a", chain)
            owns.append(index.matches(chain)["a"].own)
        assert owns[0] == len(chain)
        assert owns[-1] == 0

    def test_a_conversation_with_a_common_beginning_is_at_home_by_the_rest(self) -> None:
        index, talk = Index(), SYSTEM + text(6 * BLOCK)
        for _ in range(4):
            index.add("a", blocks(KEY, SYSTEM + text(6 * BLOCK)))
        index.add("a", blocks(KEY, talk + b"}" * TAIL))
        assert index.matches(blocks(KEY, talk + text(2 * BLOCK))) == {"a": Match(10, 6)}

    def test_what_follows_the_messages_in_a_body_does_not_estrange_it(self) -> None:
        index, talk, tools = Index(), text(8 * BLOCK), text(4 * BLOCK)
        for _ in range(6):
            index.add("a", blocks(KEY, talk + tools))
            talk += text(2 * BLOCK)
            assert index.matches(blocks(KEY, talk + tools))["a"].own > 0

    def test_a_replica_that_went_is_forgotten(self) -> None:
        index, chain = Index(), blocks(KEY, DOCUMENT)
        index.add("a", chain)
        index.add("b", chain)
        index.forget("a")
        assert list(index.matches(chain)) == ["b"]


class TestWhatTheAnswersSay:
    """The index believes; the server knows."""

    def test_a_miss_makes_it_forget_what_is_older_than_most(self) -> None:
        index, chains = Index(), [blocks(KEY, text(20 * BLOCK)) for _ in range(8)]
        for chain in chains:
            index.add("a", chain)
        index.learn("a", chains[-1], hit=False)
        assert [bool(index.matches(chain)) for chain in chains] == [False] * 4 + [True] * 4

    def test_a_server_that_keeps_nothing_is_believed_to_keep_the_newest_only(self) -> None:
        index, chains = Index(), [blocks(KEY, text(20 * BLOCK)) for _ in range(8)]
        for chain in chains * 2:
            index.add("a", chain)
            index.learn("a", chain, hit=False)
        assert [bool(index.matches(chain)) for chain in chains] == [False] * 7 + [True]

    def test_hits_make_it_remember_more_again(self) -> None:
        index, chains = Index(), [blocks(KEY, text(20 * BLOCK)) for _ in range(8)]
        index.add("a", chains[0])
        index.learn("a", chains[0], hit=False)
        for chain in chains:
            index.add("a", chain)
            index.learn("a", chain, hit=True)
        assert all(index.matches(chain) for chain in chains)

    def test_of_a_replica_that_went_nothing_is_learnt(self) -> None:
        index = Index()
        index.learn("a", blocks(KEY, DOCUMENT), hit=False)
        assert len(index) == 0


class TestMemory:
    """Bounded, and sound for all that."""

    def test_the_oldest_are_forgotten(self) -> None:
        index = Index()
        chains = [blocks(KEY, text(100 * BLOCK)) for _ in range(REMEMBERED // 80)]
        for chain in chains:
            index.add("a", chain)
        assert len(index) == REMEMBERED
        assert index.matches(chains[0]) == {}
        assert index.matches(chains[-1])["a"].cached == len(chains[-1])

    @settings(deadline=None)
    @given(
        st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=12), min_size=1, max_size=30),
        st.integers(1, 20),
    )
    def test_it_finds_what_a_search_without_shortcuts_finds(
        self, paths: list[list[int]], remembered: int
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("llmstack.routing.affinity.REMEMBERED", remembered)
            index = Index()
            for path in paths:
                index.add("a", _chain(path))
                assert len(index) <= remembered
            known = index._caches["a"].reach
            for path in paths:
                chain = _chain(path)
                cached = next((n for n, b in enumerate(chain) if b not in known), len(chain))
                match = index.matches(chain).get("a", Match(0, 0))
                assert match.cached == cached
                assert 0 <= match.own <= cached
                assert not set(chain[cached:]) & set(known)


def _chain(path: Sequence[int]) -> tuple[int, ...]:
    """Names of the blocks on a path of small steps: the same for the same beginnings."""
    return tuple(int("9" + "".join(map(str, path[: n + 1]))) for n in range(len(path)))
