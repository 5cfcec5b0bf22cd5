"""One recorded step: its graph, the memory that the graph works in, and what the host does around each launch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from gpunn import backend, capture, engine
from gpunn.capture import Capture, CaptureError, StaleError
from gpunn.compile.keys import replaced
from gpunn.compile.refusals import explained
from gpunn.engine import Function
from gpunn.tensor import Tensor


class UnfinishedError(Exception):
    """A step whose result could still be differentiated: a graph has no graph of operations behind it."""


class RecordedStep:
    """A step as a CUDA graph. Call it with the tensors of a call that has the same key."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, tensors: list[Tensor], seen: Capture):
        """`seen`: what an eager run of the same step has noted."""
        self._cupy = backend.cuda_module()
        self._entry = [(x, x._grad) for x, _ in seen.gradients.values()]
        # What a graph reads lies where it always lies: copies of the arguments, but for parameters.
        self._inputs = [_copied(x) for x in tensors]
        given = {id(x): copy for x, copy in zip(tensors, self._inputs, strict=True)}
        self._call = (function, *replaced((args, kwargs), lambda x: given[id(x)]))
        versions = [_version(x) for x in self._inputs]
        first = self._record()[0]
        self._recording, result = self._record()
        _compare(first, self._recording)
        self._recording.fill_constants()
        self._result = replaced(result, self._static)
        self._changed = [_version(x) != before for x, before in zip(self._inputs, versions, strict=True)]
        self._note_gradients()

    def _record(self) -> tuple[Capture, Any]:
        """Record the step once, on a stream of its own and in a pool of its own: what was noted, and the result."""
        cuda = self._cupy.cuda
        noted, pool, stream = Capture(True), cuda.MemoryPool(), cuda.Stream(non_blocking=True)
        cuda.runtime.deviceSynchronize()
        function, args, kwargs = self._call
        with ExitStack() as stack:
            for context in (stream, cuda.using_allocator(pool.malloc), _hook(cuda, noted), capture.noting(noted)):
                stack.enter_context(context)
            stream.begin_capture()
            try:
                result = function(*args, **kwargs)
                for act in noted.at_end:
                    act()
            except BaseException as error:
                with suppress(Exception):  # CUDA has given the capture up, and says so once more
                    stream.end_capture()
                self._give_back(noted)
                raise explained(error) from error
            graph = stream.end_capture()
        self._graph, self._pool = graph, pool
        self._final = [(x, before, x._grad) for x, before in noted.gradients.values()]
        self._give_back(noted)
        _check_finished(result)
        return noted, result

    def _give_back(self, noted: Capture) -> None:
        """Let gradients and the host's counts be what they were before recording, which computed nothing."""
        for act in noted.undo:
            act()
        before = {id(x): grad for x, grad in self._entry}
        for x, found in noted.gradients.values():
            x._grad = before.get(id(x), found)

    def _note_gradients(self) -> None:
        """What `.grad` must be before a launch, and what it is afterwards.

        A gradient that the step adds to, or starts because there is none, must be so at each launch; where the step
        itself forgets the old one first, anything may be there.
        """
        entry = {id(x): grad for x, grad in self._entry}
        self._needed = [(x, found) for x, found, _ in self._final if found is not None or entry.get(id(x)) is None]
        self._gradients = [(x, grad) for x, _, grad in self._final]

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
        return _finished(self._result, back)


class _Output:
    """Where launches leave a tensor of the result."""

    def __init__(self, array: Any) -> None:
        self.array = array


def _finished(value: Any, back: dict[int, Tensor]) -> Any:
    """The result of a call: copies of what the launch has left, the caller's own tensors for the graph's copies."""
    if isinstance(value, _Output):
        return Tensor(value.array.copy())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_finished(item, back) for item in value])
    if type(value) in (list, tuple):
        return type(value)([_finished(item, back) for item in value])
    if type(value) is dict:
        return {name: _finished(item, back) for name, item in value.items()}
    return back.get(id(value), value)


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


def _compare(first: Capture, second: Capture) -> None:
    """Raise CaptureError unless two recordings of a step are the same launches with the same numbers."""
    for (name, numbers, line), (again, others, _) in zip(first.launches, second.launches, strict=False):
        if name != again or len(numbers) != len(others):
            raise CaptureError(f"{line}: the step is not the same each time: it launches {name}, and then {again}")
        for i, (one, other) in enumerate(zip(numbers, others, strict=True)):
            if one != other and not (one != one and other != other):
                raise CaptureError(
                    f"{line}: number {i} of {name} comes from the host and changes, {one!r} and then {other!r}; a "
                    "graph would repeat it for ever. Keep it in a CUDA tensor, or pass it as an argument"
                )
    if len(first.launches) != len(second.launches):
        counts = f"{len(first.launches)} and {len(second.launches)}"
        raise CaptureError(f"the step is not the same each time: it has {counts} launches")


def _hook(cuda: Any, noted: Capture) -> Any:
    """A memory hook that tells `noted` of allocations."""

    def malloc_postprocess(self: Any, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        noted.allocated(mem_ptr)

    body = {"name": "gpunn capture", "malloc_postprocess": malloc_postprocess}
    return type("CaptureHook", (cuda.MemoryHook,), body)()
