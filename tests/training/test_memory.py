import weakref

import pytest

from embedtune.training.memory import new_garbage_only, return_memory


class Cycle:
    def __init__(self):
        self.itself = self


def watched():
    cycle = Cycle()
    return cycle, weakref.ref(cycle)


def test_what_nobody_holds_is_given_back():
    _, left = watched()
    del _
    return_memory()
    assert left() is None


def test_only_new_garbage_is_looked_for_until_the_end():
    held, old = watched()
    with pytest.raises(RuntimeError), new_garbage_only():
        held, new = watched()
        del held
        return_memory()
        assert old() is not None
        assert new() is None
        raise RuntimeError
    return_memory()
    assert old() is None
