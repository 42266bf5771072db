"""Which deployment has a name that several claim?"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.key import Key
from llmstack.controller.names import NameIndex

A, B, C = Key("team-a", "qwen"), Key("team-b", "llama"), Key("team-b", "qwen")


def body(key: Key, *aliases: str, held: tuple[str, ...] = (), **spec: Any) -> dict[str, Any]:
    model = {"source": "hf://o/r/m.gguf", "aliases": list(aliases)}
    metadata = {"namespace": key.namespace, "name": key.name, "uid": str(key)}
    metadata["creationTimestamp"] = f"2026-01-0{(A, B, C).index(key) + 1}T00:00:00Z"
    status = {"names": list(held)}
    return {"metadata": metadata, "spec": {"model": model, **spec}, "status": status}


def test_alone_with_its_names_it_has_no_conflict() -> None:
    index = NameIndex()

    assert index.note(body(A, "gpt-4o-mini")) == []
    assert index.conflicts(A) == {}


def test_an_alias_that_two_claim_is_the_older_ones_and_the_newer_is_told() -> None:
    index = NameIndex()
    index.note(body(A, "gpt-4o-mini"))

    assert index.note(body(B, "gpt-4o-mini", "other")) == [A]
    assert index.conflicts(A) == {}
    assert index.conflicts(B) == {"gpt-4o-mini": "team-a/qwen"}


def test_an_alias_that_another_has_is_not_taken_away_by_an_edit_of_an_older_one() -> None:
    index = NameIndex()
    index.note(body(A))
    index.note(body(B, "gpt-4o-mini", held=("gpt-4o-mini",)))

    assert index.note(body(A, "gpt-4o-mini")) == [B]
    assert index.conflicts(A) == {"gpt-4o-mini": "team-b/llama"}
    assert index.conflicts(B) == {}


def test_a_name_that_is_held_from_now_on_concerns_those_who_claim_it() -> None:
    index = NameIndex()
    index.note(body(A, "gpt-4o-mini"))
    index.note(body(B, "gpt-4o-mini"))

    assert index.note(body(A, "gpt-4o-mini", held=("gpt-4o-mini",))) == [B]
    assert index.note(body(A, "gpt-4o-mini", held=("gpt-4o-mini", "qwen"))) == []


def test_one_name_in_two_namespaces_is_a_conflict() -> None:
    index = NameIndex()
    index.note(body(A))

    assert index.note(body(C)) == [A]
    assert index.conflicts(C) == {"qwen": "team-a/qwen"}
    assert index.conflicts(A) == {}


def test_an_alias_that_is_the_name_or_the_full_name_of_another_means_that_one() -> None:
    index = NameIndex()
    index.note(body(A))
    index.note(body(B, "qwen", "team-a/qwen"))

    assert index.conflicts(A) == {}
    assert index.conflicts(B) == {"qwen": "team-a/qwen", "team-a/qwen": "team-a/qwen"}


def test_an_alias_that_repeats_its_own_name_is_no_conflict() -> None:
    index = NameIndex()
    index.note(body(A, "qwen", "team-a/qwen"))

    assert index.conflicts(A) == {}


def test_giving_a_name_up_is_told_to_those_who_had_it_too() -> None:
    index = NameIndex()
    index.note(body(A, "gpt-4o-mini"))
    index.note(body(B, "gpt-4o-mini"))

    assert index.note(body(B)) == [A]
    assert index.conflicts(A) == {}


def test_a_deleted_deployment_claims_nothing() -> None:
    index = NameIndex()
    index.note(body(A, "gpt-4o-mini"))
    index.note(body(B, "gpt-4o-mini"))

    assert index.note(body(B, "gpt-4o-mini"), deleted=True) == [A]
    assert index.conflicts(A) == index.conflicts(B) == {}


def test_a_change_that_is_about_no_name_concerns_nobody() -> None:
    index = NameIndex()
    index.note(body(A, "gpt-4o-mini"))
    index.note(body(B, "gpt-4o-mini"))

    assert index.note(body(B, "gpt-4o-mini", slots=8)) == []


def test_a_spec_that_cannot_be_read_claims_the_name_it_has_anyway() -> None:
    index = NameIndex()
    index.note(body(A))
    index.note(body(C, slots="many"))

    assert index.conflicts(A) == {}
    assert index.conflicts(C) == {"qwen": "team-a/qwen"}


KEYS = st.sampled_from([A, B, C])
NAMES = st.lists(st.sampled_from(["x", "y", "qwen", "team-a/qwen"]), unique=True, max_size=3)
CHANGES = st.lists(st.tuples(KEYS, NAMES, st.booleans()), max_size=12)


@given(CHANGES)
def test_whoever_has_other_conflicts_after_a_change_was_named_by_it(
    changes: list[tuple[Key, list[str], bool]],
) -> None:
    index = NameIndex()
    for key, aliases, deleted in changes:
        before = {other: index.conflicts(other) for other in (A, B, C)}
        concerned = index.note(body(key, *aliases), deleted=deleted)
        for other in {A, B, C} - {key}:
            assert other in concerned or index.conflicts(other) == before[other]
        # Whoever has a name that another claims has no conflict about it.
        for one in (A, B, C):
            for name, first in index.conflicts(one).items():
                assert name not in index.conflicts(Key(*first.split("/")))
