"""One recorded step: its graph, the memory that the graph works in, and what the host does around each launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from gpunn import backend, capture, engine
from gpunn.capture import Capture, CaptureError, StaleError
from gpunn.compile.keys import replaced
from gpunn.compile.refusals import explained
from gpunn.engine import Function, autocast
from gpunn.tensor import Tensor

Entry = dict[int, tuple[Any, Any]]  # by id: leaves, and the gradients that they had
Launch = tuple[str, tuple[Any, ...], str]


class UnfinishedError(Exception):
    """A step whose result could still be differentiated: a graph has no graph of operations behind it."""


class RecordedStep:
    """A step as a CUDA graph. Call it with the tensors of a call that has the same key."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, tensors: list[Tensor], leaves: Sequence[Any]
    ) -> None:
        """`leaves`: what got gradients in an eager run of the same step."""
        self._cupy = backend.cuda_module()
        entry = {id(x): (x, x._grad) for x in leaves}
        # What a graph reads lies where it always lies: copies of the arguments, but for parameters.
        self._inputs = [_copied(x) for x in tensors]
        given = {id(x): copy for x, copy in zip(tensors, self._inputs, strict=True)}
        self._call = (function, *replaced((args, kwargs), lambda x: given[id(x)]))
        versions = [_version(x) for x in self._inputs]
        first = self._record(entry)[0]
        self._recording, result = self._record(entry)
        _compare(first.launches, self._recording.launches)
        self._recording.fill_constants()
        self._result = replaced(result, self._static)
        self._changed = [_version(x) != before for x, before in zip(self._inputs, versions, strict=True)]
        self._note_gradients(entry)
        self._recording.launches.clear()
        del self._call

    def _record(self, entry: Entry) -> tuple[Capture, Any]:
        """Record the step once, on a stream of its own and in a pool of its own: what was noted, and the result."""
        cuda = self._cupy.cuda
        noted, pool, stream = Capture(True), cuda.MemoryPool(), cuda.Stream(non_blocking=True)
        cuda.runtime.deviceSynchronize()
        function, args, kwargs = self._call
        with ExitStack() as stack:
            stack.enter_context(stream)
            stack.enter_context(cuda.using_allocator(pool.malloc))
            stack.enter_context(_hook(cuda, noted))
            stack.enter_context(capture.noting(noted))
            stack.enter_context(autocast.as_in(autocast.current.get()))  # casts of before are not the graph's
            stream.begin_capture()
            try:
                result = function(*args, **kwargs)
                for act in noted.at_end:
                    act()
            except BaseException as error:
                with suppress(Exception):  # CUDA has given the capture up, and says so once more
                    stream.end_capture()
                _give_back(noted, entry)
                raise explained(error) from error
            graph = stream.end_capture()
        self._graph, self._pool = graph, pool
        noted.launches += getattr(graph, "numbers", ())  # the emulated one tells what NumPy's functions got
        self._gradients = [(x, x._grad) for x, _ in noted.gradients.values()]
        _give_back(noted, entry)
        _check_finished(result)
        return noted, result

    def _note_gradients(self, entry: Entry) -> None:
        """What `.grad` must be before a launch, and what it is afterwards.

        A gradient that the step adds to, or starts because there is none, must be so at each launch; where the step
        itself forgets the old one first, anything may be there.
        """
        found = self._recording.gradients.values()
        self._needed = [(x, old) for x, old in found if old is not None or entry.get(id(x), (x, None))[1] is None]
        self._recording.gradients = {}

    def _static(self, x: Tensor) -> Any:
        """A tensor of the result: a place that launches write to, or what was there before."""
        return _Output(x.array) if backend.is_cuda(x.array) and self._recording.owns(x.array) else x

    def __call__(self, tensors: list[Tensor]) -> Any:
        """Launch the graph on `tensors`; the result in new tensors. StaleError if it no longer fits."""
        for x, grad in self._needed:
            if x._grad is not grad:
                raise StaleError("a gradient that the step adds to is another one")
        for act in self._recording.before:
            act()
        for mine, theirs in zip(self._inputs, tensors, strict=True):
            if mine is not theirs:
                mine.array[...] = theirs.array
        self._graph.launch()
        for act in self._recording.after:
            act()
        for mine, theirs, is_changed in zip(self._inputs, tensors, self._changed, strict=True):
            if is_changed and mine is not theirs:
                theirs.array[...] = mine.array
                engine.bump(theirs)
        for x, grad in self._gradients:
            x._grad = grad
        back = {id(mine): theirs for mine, theirs in zip(self._inputs, tensors, strict=True)}
        return replaced(self._result, partial(_finished, back=back), (_Output, Tensor))


class _Output:
    """Where launches leave a tensor of the result."""

    def __init__(self, array: Any) -> None:
        self.array = array


def _finished(x: Tensor | _Output, back: dict[int, Tensor]) -> Tensor:
    """A tensor of the result: a copy of what the launch has left, or the caller's own for the graph's copy of it."""
    return Tensor(x.array.copy(order="K")) if isinstance(x, _Output) else back.get(id(x), x)


def _copied(x: Tensor) -> Tensor:
    """The graph's own copy of an argument, laid out as it is; a parameter, or what is on the CPU, stays what it is."""
    if x.requires_grad or not backend.is_cuda(x.array):
        return x
    copy = backend.array_module(x.array).empty_like(x.array)
    if copy.strides != x.array.strides:
        raise UnfinishedError(f"an argument of shape {tuple(x.shape)} with strides {x.stride()} is a view with gaps")
    copy[...] = x.array
    return Tensor(copy)


def _version(x: Tensor) -> int:
    return 0 if x._version is None else x._version[0]


def _check_finished(result: Any) -> None:
    """Raise UnfinishedError if a tensor of `result` could be differentiated, because backward was not called."""

    def check(x: Tensor) -> None:
        node = x.grad_fn
        if isinstance(node, Function) and node._saved is not None:
            raise UnfinishedError(f"a result of shape {tuple(x.shape)} is a tensor that backward was not called on")

    replaced(result, check)


def _give_back(noted: Capture, entry: Entry) -> None:
    """Let gradients and the host's counts be what they were before recording, which computed nothing."""
    for act in noted.undo:
        act()
    for x, found in noted.gradients.values():
        x._grad = entry.get(id(x), (x, found))[1]


def _compare(first: list[Launch], second: list[Launch]) -> None:
    """Raise CaptureError unless two recordings of a step are the same launches with the same numbers."""
    for (name, numbers, line), (again, others, _) in zip(first, second, strict=False):
        if name != again or len(numbers) != len(others):
            raise CaptureError(f"{line}: the step is not the same each time: it launches {name}, and then {again}")
        for i, (one, other) in enumerate(zip(numbers, others, strict=True)):
            if one != other and not (one != one and other != other):
                raise CaptureError(
                    f"{line}: number {i} of {name} comes from the host and changes, {one!r} and then {other!r}; a "
                    "graph would repeat it for ever. Keep it in a CUDA tensor, or pass it as an argument"
                )
    if len(first) != len(second):
        raise CaptureError(f"the step is not the same each time: it has {len(first)} and {len(second)} launches")


def _hook(cuda: Any, noted: Capture) -> Any:
    """A memory hook that tells `noted` of allocations."""

    def malloc_postprocess(self: Any, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        noted.allocated(mem_ptr)

    body = {"name": "gpunn capture", "malloc_postprocess": malloc_postprocess}
    return type("CaptureHook", (cuda.MemoryHook,), body)()
