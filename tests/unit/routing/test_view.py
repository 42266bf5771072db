"""Who owns a model, and what moves when a gateway comes or goes?"""

from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.view import Member, View

NAMES = st.sets(st.from_regex(r"10\.0\.0\.[0-9]{1,3}:9191", fullmatch=True), min_size=1, max_size=6)
MODELS = [f"team/model-{number}" for number in range(40)]


def members(names: set[str]) -> list[Member]:
    return [Member(name, f"epoch of {name}") for name in names]


@given(NAMES, st.randoms())
def test_who_names_the_same_view_agrees_about_every_owner(names: set[str], random: object) -> None:
    one, other = members(names), members(names)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert View(one).id == View(other).id
    assert [View(one).owner(m) for m in MODELS] == [View(other).owner(m) for m in MODELS]


@given(NAMES)
def test_one_more_takes_only_what_it_then_owns(names: set[str]) -> None:
    before, after = View(members(names)), View(members(names | {"new:1"}))
    moved = [model for model in MODELS if before.owner(model) != after.owner(model)]
    assert all(after.owner(model) == "new:1" for model in moved)


@given(NAMES)
def test_one_less_leaves_only_what_it_owned(names: set[str]) -> None:
    gone = min(names)
    if len(names) > 1:
        before, after = View(members(names)), View(members(names - {gone}))
        moved = [model for model in MODELS if before.owner(model) != after.owner(model)]
        assert all(before.owner(model) == gone for model in moved)


def test_a_process_that_comes_again_by_its_name_owns_the_same_in_another_view() -> None:
    one = View([Member("a:1", "x"), Member("b:1", "y")])
    again = View([Member("a:1", "z"), Member("b:1", "y")])
    assert one.id != again.id
    assert [one.owner(model) for model in MODELS] == [again.owner(model) for model in MODELS]


def test_who_is_about_to_stop_owns_nothing_unless_all_are() -> None:
    leaving = Member("a:1", "x", owning=False)
    assert {View([leaving, Member("b:1", "y")]).owner(model) for model in MODELS} == {"b:1"}
    assert View([leaving]).owner("m") == "a:1"


def test_models_are_spread() -> None:
    view = View(members({"a:1", "b:1", "c:1"}))
    counts = [
        sum(view.owner(f"m{n}") == name for n in range(900)) for name in ("a:1", "b:1", "c:1")
    ]
    assert all(220 < count < 380 for count in counts), counts
