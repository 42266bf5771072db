"""Which llama-server do tests of the gateway talk to? A fake one, or the real one.

    shape.py    how large and how fast a fake one is
    engine.py   its slots, its queue and its steps: when is which token computed?
    tasks.py    what it computes, and for whom
    tokens.py   its tokenizer and what it says
    shapes.py   what its answers look like, event by event
    bodies.py   what a request asks it to compute
    answers.py  one HTTP request: from its body to the end of its answer
    wire.py     one connection: parsing, keep-alive, clients that leave
    faults.py   what it does wrong when a test asks for it
    fake.py     all of it together, in this process or as a program
    real.py     the real one, with its debug log
    client.py   a client of either, down to half-closed connections

tests/integration/gateway/test_contract.py runs the same assertions on both.
"""
