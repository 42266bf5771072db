"""What do several gateways tell together, in any order?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.key import Key
from llmstack.routing.deaths import Death
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad
from llmstack.scaling.several import Kept, merged

QWEN, GEMMA = Key("team-a", "qwen"), Key("team-a", "gemma")
VIEWS = st.lists(
    st.builds(
        lambda term, waiting, epoch, owns: GatewayLoad(
            epoch,
            {QWEN: ModelLoad(waiting=waiting, epoch=epoch, term=term)} if owns else {},
            shared=True,
        ),
        st.integers(1, 5),
        st.integers(0, 9),
        st.sampled_from("abc"),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda view: view.epoch,
)


def test_one_gateway_that_owns_all_is_told_as_it_says() -> None:
    only = GatewayLoad("e1", {QWEN: ModelLoad(waiting=3)})
    assert merged([only], {GEMMA: Kept(ModelLoad(), 1.0)}, 2.0, 10.0) == (only, {})


@given(VIEWS, st.randoms(use_true_random=False))
def test_what_is_told_is_what_the_newest_owner_says_in_any_order(
    views: list[GatewayLoad], random: object
) -> None:
    owners = [view.models[QWEN] for view in views if QWEN in view.models]
    load, _ = merged(views, {}, 1.0, 10.0)
    random.shuffle(views)  # type: ignore[attr-defined]
    again, _ = merged(views, {}, 1.0, 10.0)
    assert load.models == again.models
    if owners:
        assert load.models[QWEN].waiting in {
            each.waiting for each in owners if each.term == max(o.term for o in owners)
        }
    else:
        assert QWEN not in load.models


def test_a_model_in_transit_is_what_it_was_for_a_while_and_then_unknown() -> None:
    owner = GatewayLoad("a", {QWEN: ModelLoad(waiting=4, epoch="a", term=2)}, shared=True)
    nobody = GatewayLoad("b", {}, shared=True)
    _, kept = merged([owner], {}, 1.0, 10.0)
    load, kept = merged([nobody], kept, 5.0, 10.0)
    assert load.models[QWEN].waiting == 4
    load, kept = merged([nobody], kept, 11.0, 10.0)
    assert QWEN not in load.models


def test_an_owner_that_was_told_of_before_does_not_come_back_against_a_newer_one() -> None:
    old = GatewayLoad("a", {QWEN: ModelLoad(waiting=4, epoch="a", term=2)}, shared=True)
    new = GatewayLoad("b", {QWEN: ModelLoad(waiting=0, epoch="b", term=3)}, shared=True)
    load, _ = merged([old, new], {}, 1.0, 10.0)
    assert load.models[QWEN].epoch == "b"


def test_deaths_are_those_of_all_gateways() -> None:
    one, two = Death("a-1", "r", 5.0, 1, "t", ""), Death("b-1", "r", 4.0, 1, "t", "")
    owner = GatewayLoad("a", {QWEN: ModelLoad(deaths=(one,), epoch="a", term=1)}, shared=True)
    other = GatewayLoad("b", {}, True, {QWEN: (two, one)})
    load, _ = merged([owner, other], {}, 1.0, 10.0)
    assert load.models[QWEN].deaths == (two, one)
