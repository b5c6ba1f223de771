import os
import signal
import threading

import pytest

from embedtune.signals import TerminatedError, catch_stop, raise_on_termination


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_remembered_and_the_second_acts(number):
    signal.signal(number, signal.default_int_handler)
    with catch_stop("the step is finished") as request:
        assert not request
        os.kill(os.getpid(), number)
        assert request and request.signal_number == number
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_handlers_are_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with catch_stop("all"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_is_left_alone():
    seen = []

    def work():
        with catch_stop("all") as request:
            seen.append(bool(request))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [False]


def test_termination_becomes_an_exception_that_tidies_up():
    raise_on_termination()
    with pytest.raises(TerminatedError):
        os.kill(os.getpid(), signal.SIGTERM)
