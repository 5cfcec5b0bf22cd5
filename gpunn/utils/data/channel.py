"""The sending end of a pipe between processes, whose owner never waits for the other side to read."""

from __future__ import annotations

import queue
import threading
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any


class Sender:
    """Sends objects through `connection`, from a thread of its own; `connection.recv()` gets them at the other end.

    What cannot be sent raises in `put`, not in the thread: `multiprocessing.Queue` would lose it, and its reader
    would wait forever.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, value: Any) -> None:
        """Send `value` when the other side is ready; returns at once."""
        self._waiting.put(bytes(ForkingPickler.dumps(value)))

    def close(self) -> None:
        """Close the connection once everything is sent; returns at once."""
        self._waiting.put(None)

    def _work(self) -> None:
        with self._connection:
            while (message := self._waiting.get()) is not None:
                try:
                    self._connection.send_bytes(message)
                except OSError:  # nobody is there to read
                    return
