"""NumPy memory that plays the memory of a GPU: what is alive, how large it is, when the host waits for it.

`wrap` and `unwrap` are the border between the two worlds: neither copies.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from gpunn.emulator import recording
from gpunn.emulator.recording import EmulatorError as EmulatorError
from gpunn.emulator.recording import HostArray as HostArray

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
BLOCK = 512  # CuPy's pool hands out memory in multiples of 512 bytes
TOTAL_BYTES = 16 << 30  # of the emulated device


class OutOfMemoryError(MemoryError):
    """An allocation beyond the pool's limit; in CuPy `cupy.cuda.memory.OutOfMemoryError`."""


class Counter:
    """How often the host has waited for the device: `.get()`, `float(x)`, boolean masks, `synchronize()` …"""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        if recording.current() is not None:
            recording.refuse("the host waits for the device, or reads from it")
        self.count += 1


synchronisations = Counter()


class Pool:
    """The bytes of live emulated arrays; plays `cupy.cuda.MemoryPool`, with nothing cached.

    `using_allocator(pool.malloc)` makes the arrays of a thread live in `pool`.
    """

    everyone: ClassVar[weakref.WeakSet[Pool]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.everyone.add(self)
        # id of an allocation: its bytes, their owner, whether they were poisoned. One operation a change: thread-safe
        self.live: dict[int, tuple[int, HostArray, bool]] = {}
        self.limit = 0

    def malloc(self, size: int) -> Any:
        """What `using_allocator` takes. Arrays are not made of it: NumPy allocates."""
        raise EmulatorError("MemoryPool.malloc: the emulator takes a pool's malloc for using_allocator only")

    def used_bytes(self) -> int:
        return sum(size for size, _, _ in list(self.live.values()))

    def total_bytes(self) -> int:
        return self.used_bytes()

    def free_bytes(self) -> int:
        return 0

    def n_free_blocks(self) -> int:
        return 0

    def free_all_blocks(self, stream: Any = None) -> None:
        return None

    def get_limit(self) -> int:
        """The most bytes that may be alive at once; 0 where there is no limit."""
        return self.limit

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Let allocations beyond `size` bytes, or a `fraction` of the device, fail; 0 or nothing: none."""
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at one time")
        self.limit = int(TOTAL_BYTES * fraction) if fraction is not None else int(size or 0)


pool = Pool()
_chosen = threading.local()  # .pools: those that this thread's arrays live in, the current one last


class using_allocator:  # noqa: N801 - CuPy's name
    """A context in which this thread's arrays live in the pool whose `malloc` is given."""

    def __init__(self, allocator: Any = None) -> None:
        self._pool: Pool = pool if allocator is None else allocator.__self__

    def __enter__(self) -> None:
        _chosen.__dict__.setdefault("pools", []).append(self._pool)

    def __exit__(self, *exc: object) -> None:
        _chosen.pools.pop()


def current_pool() -> Pool:
    """The pool that this thread's arrays live in."""
    pools = _chosen.__dict__.get("pools")
    return pools[-1] if pools else pool


def everything() -> list[tuple[int, HostArray, bool]]:
    """Size, memory and poison of all that is alive on the device."""
    return [entry for each in list(Pool.everyone) for entry in list(each.live.values())]


class MemoryHook:
    """What is told of each allocation and of its end while it is entered, in its thread; plays CuPy's class."""

    name = "MemoryHook"

    def __enter__(self) -> MemoryHook:
        entered = hooks()
        if self.name in entered:
            raise KeyError(f"memory hook {self.name} already exists")
        entered[self.name] = self
        return self

    def __exit__(self, *exc: object) -> None:
        del hooks()[self.name]

    def malloc_postprocess(self, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        """After an allocation of `size` bytes, rounded up to `mem_size`."""

    def free_postprocess(self, device_id: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        """After its end."""


_entered = threading.local()


def hooks() -> dict[str, MemoryHook]:
    """The hooks that this thread has entered, by name."""
    found: dict[str, MemoryHook] = _entered.__dict__.setdefault("hooks", {})
    return found


class Allocation:
    """A block of emulated memory, alive while an array or view in it is; the NumPy array `root` owns it.

    `is_poisoned`: it was new memory, filled with the bytes of what nobody has written (functions.POISON).
    """

    __slots__ = ("__weakref__", "_live", "is_poisoned", "root", "size")

    def __init__(self, root: HostArray, is_poisoned: bool = False) -> None:
        self.root = root
        self.is_poisoned = is_poisoned
        self.size = size = -(-root.nbytes // BLOCK) * BLOCK
        self._live: dict[int, Any] = {}
        chosen = current_pool()
        if chosen.limit and (used := chosen.used_bytes()) + size > chosen.limit:
            raise OutOfMemoryError(
                f"Out of memory allocating {size:,} bytes "
                f"(allocated so far: {used:,} bytes, limit set to: {chosen.limit:,} bytes)."
            )
        if (graph := recording.current()) is not None:
            if chosen is pool:
                recording.refuse(
                    f"an allocation of {root.nbytes:,} bytes in the default pool, which would give the memory to "
                    "others while the graph still writes to it; allocate in a pool of the graph's own"
                )
            graph.allocated.append(root)
            graph.own.add(id(self))
        self._live = chosen.live
        self._live[id(self)] = size, root, is_poisoned
        for hook in _entered.__dict__.get("hooks", {}).values():
            hook.malloc_postprocess(device_id=0, size=root.nbytes, mem_size=size, mem_ptr=self.ptr, pmem_id=id(self))

    def __del__(self, entered: threading.local = _entered) -> None:
        if self._live.pop(id(self), None) is not None:
            for hook in entered.__dict__.get("hooks", {}).values():
                hook.free_postprocess(device_id=0, mem_size=self.size, mem_ptr=self.ptr, pmem_id=id(self))

    @property
    def ptr(self) -> int:
        return int(self.root.__array_interface__["data"][0])


class Storage:
    """An emulated array at its barest: a NumPy array, its allocation, the array that it is a view of."""

    __slots__ = ("_host", "_memory", "base")

    _host: HostArray
    _memory: Allocation
    base: Storage | None

    array_type: ClassVar[type[Storage]]  # emulator.array.ndarray, set there
    namespace: ClassVar[Any]  # emulator.namespace.cupy, set there


_new = object.__new__


def root_of(host: HostArray) -> Any:
    """The object that owns the memory of `host`, at the end of its chain of bases."""
    root: Any = host
    while (base := getattr(root, "base", None)) is not None:
        root = base
    return root


def wrap(host: HostArray, sources: Iterable[Storage] = (), keep_order: bool = False) -> Any:
    """`host` as an emulated array; a view of the one among `sources` whose memory it lies in.

    CuPy makes new arrays C-contiguous where NumPy follows the layout of the operands; so does this, unless
    `keep_order`.
    """
    root = host
    if host.base is not None:
        root = root_of(host)
    for source in sources:
        if host is source._host:
            return source
        if root is source._memory.root and host.base is not None:
            return view(host, source)
    if not keep_order and not host.flags.c_contiguous:
        host = root = np.ascontiguousarray(host)
    elif not isinstance(root, np.ndarray):
        host = root = host.copy()
    return adopt(host, root)


def adopt(host: HostArray, root: HostArray, is_poisoned: bool = False) -> Any:
    """`host`, which lies in the memory of `root`, as an emulated array of its own."""
    array = _new(Storage.array_type)
    array._memory = Allocation(root, is_poisoned)
    array._host = host
    array.base = None
    return array


def view(host: HostArray, source: Storage) -> Any:
    """`host` as an emulated view of `source`, in whose memory it lies. Device memory is never read-only."""
    if not host.flags.writeable:
        with suppress(ValueError):  # NumPy keeps sliding windows read-only
            host.flags.writeable = True
    array = _new(Storage.array_type)
    array._memory = source._memory
    array._host = host
    array.base = source if source.base is None else source.base
    return array


def unwrap(value: Any) -> Any:
    """`value` with NumPy arrays in place of emulated ones, also inside lists and tuples.

    Raises TypeError for a NumPy array, which CuPy takes in no operator, ufunc or function.
    """
    kind = type(value)
    if kind is Storage.array_type:
        return value._host
    if kind is list or kind is tuple:
        return kind([unwrap(item) for item in value])
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {kind}")
    return value


def emulated(values: Iterable[Any]) -> list[Storage]:
    """The emulated arrays among `values` and in the lists and tuples among them."""
    found: list[Storage] = []
    for value in values:
        kind = type(value)
        if kind is Storage.array_type:
            found.append(value)
        elif kind is list or kind is tuple:
            found += emulated(value)
    return found
