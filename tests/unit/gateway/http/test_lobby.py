"""Who makes room for others?"""

from llmstack.gateway.http.lobby import Lobby


class Guest:
    """A connection that leaves when it is told to."""

    def __init__(self, name: str, lobby: Lobby, gone: list[str]) -> None:
        self.name = name
        self.lobby = lobby
        self.gone = gone

    def evict(self) -> None:
        self.lobby.leave(self)
        self.gone.append(self.name)


def test_the_oldest_unfinished_heads_go_when_there_are_too_many_bytes_of_them() -> None:
    lobby, gone = Lobby(100), list[str]()
    guests = [Guest(name, lobby, gone) for name in "abcd"]
    for guest in guests:
        lobby.idles(guest)
        lobby.reads(guest, 30)
    assert gone == ["a"]
    lobby.reads(guests[1], 40)
    assert (gone, lobby.held) == (["a"], 100)
    lobby.reads(guests[3], 95)
    assert (gone, lobby.held) == (["a", "b", "c"], 95)


def test_one_that_alone_is_too_much_goes() -> None:
    lobby, gone = Lobby(100), list[str]()
    lobby.reads(Guest("a", lobby, gone), 101)
    assert (gone, lobby.held) == (["a"], 0)


def test_unfinished_heads_go_first_then_the_idle_each_the_oldest() -> None:
    lobby, gone = Lobby(100), list[str]()
    for name in "abcd":
        guest = Guest(name, lobby, gone)
        lobby.idles(guest)
        if name in "bd":
            lobby.reads(guest, 1)
    while lobby.make_room():
        pass
    assert gone == ["b", "d", "a", "c"]
    assert lobby.held == 0


def test_who_is_served_or_gone_makes_no_room() -> None:
    lobby, gone = Lobby(100), list[str]()
    guest = Guest("a", lobby, gone)
    lobby.idles(guest)
    lobby.leave(guest)
    lobby.leave(guest)
    assert not lobby.make_room()
    assert not gone
