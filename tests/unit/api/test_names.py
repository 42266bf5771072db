"""Who has a name that several claim?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.names import Claim, holder

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
QWEN_A = Claim("team-a", "qwen", "u1", OLD)
QWEN_B = Claim("team-b", "qwen", "u2", NEW)
PHI_OLD = Claim("team-b", "phi", "u3", OLD, aliases=("gpt", "qwen"))
PHI_NEW = Claim("team-c", "phi", "u4", NEW, aliases=("gpt", "team-a/qwen"))
HOLDING = frozenset({"gpt", "qwen"})

ROWS = [
    ("nobody else claims it", "qwen", [QWEN_B], QWEN_B),
    ("the one created first has a name of its own", "qwen", [QWEN_B, QWEN_A], QWEN_A),
    (
        "of two created in one second the first in the alphabet",
        "qwen",
        [replace(QWEN_B, created=OLD), QWEN_A],
        QWEN_A,
    ),
    ("a name of one's own beats an older alias", "qwen", [PHI_OLD, QWEN_B], QWEN_B),
    (
        "and one that was held before",
        "qwen",
        [replace(PHI_OLD, held=HOLDING), QWEN_B],
        QWEN_B,
    ),
    (
        "a full name beats every alias",
        "team-a/qwen",
        [replace(PHI_NEW, created=""), QWEN_A],
        QWEN_A,
    ),
    ("an alias is the one's that was created first", "gpt", [PHI_NEW, PHI_OLD], PHI_OLD),
    (
        "an older deployment that claims an alias later does not take it away",
        "gpt",
        [PHI_OLD, replace(PHI_NEW, held=HOLDING)],
        PHI_NEW,
    ),
    (
        "of two that held it the one created first",
        "gpt",
        [replace(PHI_NEW, held=HOLDING), replace(PHI_OLD, held=HOLDING)],
        PHI_OLD,
    ),
]


@pytest.mark.parametrize(
    ("sentence", "name", "claims", "first"), ROWS, ids=[row[0] for row in ROWS]
)
def test_one_of_those_that_claim_a_name_has_it(
    sentence: str, name: str, claims: list[Claim], first: Claim
) -> None:
    assert holder(name, claims).uid == first.uid


NAMES = ("x", "y", "team-a/x")
ALIASES = st.lists(st.sampled_from(NAMES), unique=True, max_size=3).map(tuple)
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.sampled_from(["team-a", "team-b"]),
        st.sampled_from(["x", "y", "z"]),
        st.just("u"),
        st.sampled_from(["1", "2", "3"]),
        ALIASES,
    ),
    unique_by=lambda claim: claim.full_name,
    max_size=6,
)


def settled(claims: list[Claim]) -> dict[str, Claim]:
    """Who has which name."""
    names = {name for claim in claims for name in claim.names}
    return {
        name: holder(name, [claim for claim in claims if name in claim.names]) for name in names
    }


def told(claims: list[Claim]) -> list[Claim]:
    """The same claims once their status says what they hold."""
    have = settled(claims)
    return [
        replace(claim, held=frozenset(name for name in claim.names if have[name] is claim))
        for claim in claims
    ]


@given(CLAIMS, st.randoms())
def test_neither_order_nor_a_restart_changes_who_has_a_name(claims, random):
    before = {name: claim.full_name for name, claim in settled(claims).items()}
    shuffled = random.sample(claims, len(claims))
    assert {name: claim.full_name for name, claim in settled(shuffled).items()} == before
    assert {name: claim.full_name for name, claim in settled(told(claims)).items()} == before


@given(CLAIMS, st.data())
def test_claiming_a_name_takes_it_from_nobody_but_an_own_name_from_an_alias(claims, data):
    """A new deployment is the youngest; an old one may claim another alias."""
    now = told(claims)
    have = settled(now)
    newcomer = Claim("team-c", data.draw(st.sampled_from(["x", "w"])), "n", "9", data.draw(ALIASES))
    edited = [replace(claim, aliases=data.draw(ALIASES)) for claim in now]
    after = settled([*edited, newcomer])
    for name, first in have.items():
        still = next(claim for claim in edited if claim.full_name == first.full_name)
        if name not in still.names or after[name] is still:
            continue
        assert name not in (still.full_name, still.name)
        assert name in (after[name].full_name, after[name].name)
