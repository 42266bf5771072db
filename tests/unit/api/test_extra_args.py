"""Which entries of extraArgs are refused?"""

from llmstack.api.extra_args import extra_args_rules
from llmstack.engines.llamacpp.owned_flags import OWNED

RULES = extra_args_rules()


def test_each_spelling_of_an_owned_flag_is_in_one_rule() -> None:
    for owned in OWNED:
        for flag in owned.spellings:
            assert sum(f"'{flag}'" in rule.rule for rule in RULES[1:]) == 1, flag


def test_each_message_names_the_flags_and_what_to_do_instead() -> None:
    for owned in OWNED:
        (rule,) = [rule for rule in RULES[1:] if f"'{owned.spellings[0]}'" in rule.rule]
        assert all(flag in rule.message for flag in owned.spellings)
        assert owned.instead.removeprefix("remove it: ") in rule.message


def test_no_two_rules_say_the_same() -> None:
    assert len({rule.message for rule in RULES}) == len(RULES)
