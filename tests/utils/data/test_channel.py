import multiprocessing
import threading

import pytest

from gpunn.utils.data.channel import Sender


def test_the_sender_does_not_wait_for_the_reader():
    reader, writer = multiprocessing.Pipe(duplex=False)
    sender = Sender(writer)
    large = bytes(1 << 20)  # more than a pipe holds
    for i in range(3):
        sender.put((i, large))
    sender.close()
    assert [reader.recv() == (i, large) for i in range(3)] == [True] * 3
    with pytest.raises(EOFError):
        reader.recv()


def test_what_cannot_be_sent_raises_and_the_rest_arrives():
    reader, writer = multiprocessing.Pipe(duplex=False)
    sender = Sender(writer)
    with pytest.raises(Exception, match=r"pickle|local object"):
        sender.put(lambda: 1)
    sender.put([1])
    assert reader.recv() == [1]
    sender.close()


def test_the_thread_ends_when_nobody_reads():
    before = set(threading.enumerate())
    reader, writer = multiprocessing.Pipe(duplex=False)
    sender = Sender(writer)
    sender.put(bytes(1 << 20))
    (thread,) = set(threading.enumerate()) - before
    reader.close()
    thread.join(5)
    assert not thread.is_alive() and writer.closed
