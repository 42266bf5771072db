"""Which grammars may reach a server?"""

import pytest

from llmstack.engines.llamacpp.ambiguity import check_grammar
from llmstack.engines.llamacpp.gbnf import read
from llmstack.engines.llamacpp.unfit import Unfit

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""
ARITHMETIC = """
root  ::= (expr "=" ws term "\\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \\t\\n]*
"""
CHESS = r"""
root   ::= ("1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n")+)
move   ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle  ::= "O-O" "-O"?
"""
LIST = """
root ::= item+
item ::= "- " [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ "\\n"
"""
CHOICE = 'root ::= "positive" | "negative" | "neutral"'
RIGHT = """
root ::= word | word " " root
word ::= [a-z]+
"""


@pytest.mark.parametrize(
    "text", [JSON, ARITHMETIC, CHESS, LIST, CHOICE, RIGHT, 'root ::= "é" .{3}']
)
def test_grammars_that_people_write_are_let_through(text):
    check_grammar(read(text))


def nested(depth: int) -> str:
    return "root ::= " + "(" * depth + '"a"' + ")" * depth


def chain(length: int) -> str:
    rules = [f"r{n} ::= r{n + 1}" for n in range(length)]
    return "\n".join(["root ::= r0", *rules, f'r{length} ::= "a"'])


def doubling(depth: int, before: str = "") -> str:
    """Each rule has two alternatives that begin alike: 2 to the depth places."""
    rules = [f'r{n} ::= {before} r{n + 1} "a" | {before} r{n + 1} "b"' for n in range(depth)]
    return "\n".join(["root ::= r0", *rules, f'r{depth} ::= "a"'])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (nested(20_000), "at most 50 deep"),
        (nested(51), "at most 50 deep"),
        (chain(1000), "More than 200 rules"),
        (chain(100_000)[:60_000], "at most 2000 rules|no rule"),
        ('root ::= "a"' * 100_000, "at most 65536 characters"),
        ('root ::= root "a" | "b"', "begins with itself"),
        ('root ::= a; a ::= "b"', "cannot be read"),
        ('root ::= b root "z" | "x"\nb ::= c\nc ::= ""', "begins with itself"),
        ('root ::= b* root "z" | "x"\nb ::= "y"', "begins with itself"),
        ("root ::= a\na ::= b\nb ::= a", "begins with itself"),
        ('root ::= "a"{1,100000}', "more than 2000 times"),
        ('root ::= "a"{100000}', "more than 2000 times"),
        ('root ::= "a"{3000,}', "more than 2000 times"),
        # llama-server counts down from the difference, below zero.
        ('root ::= "a"{2,1}', "wrong way round"),
        ('root ::= "a"{1,0}', "wrong way round"),
        ('root ::= "%s"{2000}' % ("a" * 100), "repeats more than 100000"),
        ('root ::= "a"{1000}{1000}', "repeats more than 100000"),
        ("\n".join(f'r{n} ::= "a"{{2000}}' for n in range(60)) + '\nroot ::= "a"', "repeats more"),
        ('root ::= "x" root "y" | "x" root "z"', "lead back"),
        ('root ::= ("x" root "y" | "x" root "z")', "lead back"),
        ('root ::= a root "y" | b root "z"\na ::= "x"\nb ::= [x]', "lead back"),
        ('expr ::= term | term "+" expr\nterm ::= "1" | "(" expr ")"\nroot ::= expr', "lead back"),
        ('root ::= "x" b? c?\nb ::= root "p"?\nc ::= root "q"?', "lead back"),
        (doubling(30), "ways to begin alike"),
        (doubling(30, '"x"'), "ways to begin alike"),
        ('root ::= "a" (b | [0-9]', "without its"),
        ('root ::= "a")', "without its"),
        ("root ::= *", "repeats nothing"),
        ("root ::= a", "no rule 'a'"),
        ('a ::= "a"', "no rule 'root'"),
        ('root ::= "a"\nroot ::= "b"', "two rules"),
        ('"a"', "outside of a rule"),
        ("root ::= <think>", "cannot be read"),
        ("root ::= <[5]>", "cannot be read"),
        ("root ::= !<[5]>", "cannot be read"),
        ('root ::= "a', "cannot be read"),
        ("root ::= []", "needs a character"),
        ("root ::= [^]", "needs a character"),
        ("root ::= [z-a]", "backwards"),
        (r"root ::= [^\x01-\U0010FFFF]", "excludes every"),
        (r'root ::= "\x00"', "no text has"),
        (r"root ::= [\x00]", "no text has"),
        (r"root ::= [\uD800-\uDBFF]", "no text has"),
        (r"root ::= [\UFFFFFFF0-\UFFFFFFFF]", "no text has"),
        (r'root ::= "\uD800"', "no text has"),
        (r'root ::= "\UFFFFFFFF"', "no text has"),
        (r'root ::= "\d"', "unknown escape"),
        ("%llguidance {}", "cannot be read"),
        ("", "no rule 'root'"),
    ],
)
def test_what_would_stop_or_fill_a_server_is_refused(text, says):
    with pytest.raises(Unfit, match=says):
        check_grammar(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "root ::= " + "(a)" * 9000 + '\na ::= "b"',
        "root ::= " + "a? " * 20_000 + '\na ::= "b"',
        "root ::= " + " | ".join(f'"a{n}"' for n in range(1000)),
        "\n".join(f"r{n} ::= " + " | ".join(f"r{m}" for m in range(n)) for n in range(150)),
        "#" * 65_000,
    ],
)
def test_the_bounds_end_in_an_answer(text):
    """What is large, but within the limit of characters, is judged as well."""
    try:
        check_grammar(read(text))
    except Unfit as unfit:
        assert str(unfit)
