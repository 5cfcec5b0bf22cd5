"""`compile`: a function or a module that is recorded once, and then launched as one graph."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Hashable
from typing import Any, Final

from gpunn import backend, capture
from gpunn.capture import Capture, StaleError
from gpunn.compile.graph import RecordedStep, UnfinishedError
from gpunn.compile.keys import key_of, surroundings
from gpunn.engine import anomaly
from gpunn.errors import ArgumentTypeError
from gpunn.nn import Module
from gpunn.tensor import Tensor

WARM_UPS: Final = 2  # eager runs of a key before it is recorded: all memory, states and kernels are there then
MOST_GRAPHS: Final = 32  # of a function; the one that was recorded first goes
MOST_KEYS: Final = 64  # that are remembered without a graph


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] | None = None,
    mode: str | None = None,
    options: dict[str, str | int | bool | Callable[..., Any]] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Any:
    """`model`, a function or a Module, whose calls on a GPU are recorded as CUDA graphs and then launched as a whole.

    ```
    @gp.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    ```

    On the CPU (where no tensor among the arguments is on a GPU), and with `disable`, the function runs as it is. On a
    GPU a call is known by its key: shapes, strides, dtypes and devices of the tensors among the arguments, all other
    arguments, the training flags of the modules that were called, grad mode, default types, autocasting, and the
    switches of TF32. The first two calls with a key run eagerly, the third is recorded and launched, as all that
    follow. So a last batch of odd size, which comes once an epoch, runs eagerly for two epochs and then has a graph of
    its own. Without tensors among the arguments it is the default device that decides.

    What the host does inside (prints, counters, schedulers) happens in the eager calls and while recording only, so
    schedulers belong outside. Rates and other options of optimizers may be changed outside. Random numbers go on as in
    eager calls. A tensor in the result is a copy without a graph behind it; `.grad` is the graph's own memory, written
    by each launch. Arguments are copied into the graph's memory, but for those that require a gradient. Where a result
    could still be differentiated (a model compiled for training, with backward outside), calls stay eager, and a
    warning says so. Graphs are of the current GPU; calls on another one are eager.

    Products of matrices inside are by gpunn's own kernels, since CuPy refuses cuBLAS while it records: in eager calls
    too, for the same bits. On tensor cores they take the ReLU behind them in a Sequential, as convolutions do.

    Args:
        fullgraph: a step that cannot be recorded is always an error: accepted, changes nothing.
        recompile_limit: how many graphs there are at most, 32 by default; the one recorded first goes.
        dynamic, backend, mode, options, name, isolate_recompiles, shapes_spec: accepted, change nothing; there is one
            way to compile.

    Raises CaptureError, which names the line, for what makes the host wait (`item()`, `if x > 0`, masks, `print`), for
    copies from the host, and for numbers of the host that change from call to call.
    """
    if model is None:
        return functools.partial(compile, disable=disable, recompile_limit=recompile_limit)
    if not callable(model):
        raise ArgumentTypeError(f"compile: expected a function or a Module, got {type(model).__name__}")
    if disable:
        return model
    most = MOST_GRAPHS if recompile_limit is None else recompile_limit
    return CompiledModule(model, most) if isinstance(model, Module) else compiled_function(model, most)


def compiled_function(function: Callable[..., Any], most: int = MOST_GRAPHS) -> Callable[..., Any]:
    """`function`, through a `Steps` of its own, which is its attribute `steps`."""
    steps = Steps(function, most)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return steps(*args, **kwargs)

    call.steps = steps  # type: ignore[attr-defined]
    return call


class CompiledModule(Module):
    """A module whose calls are recorded. Parameters, buffers and all attributes are those of the module itself: what
    is read, set or deleted here is so there."""

    def __init__(self, module: Module, most: int = MOST_GRAPHS) -> None:
        super().__init__()
        self._modules["_orig_mod"] = module
        object.__setattr__(self, "steps", Steps(module, most))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.steps(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(super().__getattr__("_orig_mod"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._change(setattr, name, value)

    def __delattr__(self, name: str) -> None:
        self._change(delattr, name)

    def _change(self, act: Callable[..., None], name: str, *value: Any) -> None:
        """Set or delete an attribute; `training` is one of both modules."""
        is_own = name in self.__dict__ or hasattr(type(self), name)
        if is_own:
            getattr(super(), f"__{act.__name__}__")(name, *value)
        if not is_own or name == "training":
            act(self._orig_mod, name, *value)


class Steps:
    """The graphs of a function, by key."""

    def __init__(self, function: Callable[..., Any], most: int) -> None:
        self.function, self._most = function, most
        self.graphs: dict[Hashable, RecordedStep] = {}
        self._seen: dict[Hashable, tuple[int, list[Any]]] = {}  # how often a key has come, what got gradients
        self._modules: dict[int, Module] = {}  # that were called in a run
        self._eager: set[Hashable] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result, by a launch if there is a graph for such a call."""
        tensors: list[Tensor] = []
        arguments = key_of((args, kwargs), tensors)
        if not self._is_for_graph(tensors):
            return self.function(*args, **kwargs)
        key = (arguments, surroundings(), self._flags())
        graph = self.graphs.get(key)
        if graph is not None:
            try:
                return graph(tensors)
            except StaleError:
                del self.graphs[key]
                self._seen.pop(key, None)
        if key in self._eager:
            with capture.noting(None):
                return self.function(*args, **kwargs)
        return self._unknown(key, args, kwargs, tensors)

    def _is_for_graph(self, tensors: list[Tensor]) -> bool:
        """Whether a call works on a GPU, and is not part of another step or of a search for NaN."""
        if not backend.is_cuda_in_use() or capture.noted() is not None or anomaly.active.get() is not None:
            return False
        if tensors:
            arrays = [x.array for x in tensors if backend.is_cuda(x.array)]
            return bool(arrays) and _are_here(arrays)
        return backend.get_default_device().type == "cuda"

    def _unknown(self, key: Hashable, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Run eagerly, or record if the key has come often enough."""
        times, leaves = self._seen.get(key, (0, []))
        if times >= WARM_UPS:
            try:
                graph = RecordedStep(self.function, args, kwargs, tensors, leaves)
                result = graph(tensors)
                self._seen.pop(key)
                self.graphs[key] = graph
                _forget_first(self.graphs, self._most)
                return result
            except StaleError:  # a state was made only now: once more
                self._seen.pop(key)
            except UnfinishedError as error:
                self._eager.add(key)
                warnings.warn(f"compile: calls stay eager: {error}; compile the whole training step", stacklevel=3)
        noted = Capture(False)
        result = self._run_beside(noted, args, kwargs)
        if noted.modules.keys() - self._modules.keys():  # all keys have one flag for each module
            self._modules.update(noted.modules)
            self.graphs.clear()
            self._seen.clear()
            self._eager.clear()
            key = (*key[:2], self._flags())  # type: ignore[index]
        times = self._seen.get(key, (0, None))[0]
        self._seen[key] = times + 1, [x for x, _ in noted.gradients.values()]
        _forget_first(self._seen, MOST_KEYS)
        return result

    def _flags(self) -> tuple[bool, ...]:
        return tuple([m.training for m in self._modules.values()])

    def _run_beside(self, noted: Capture, args: Any, kwargs: Any) -> Any:
        """An eager run on a stream of its own, as graphs are recorded on."""
        cuda = backend.cuda_module().cuda
        here, beside = cuda.get_current_stream(), cuda.Stream(non_blocking=True)
        beside.wait_event(here.record())
        with beside, capture.noting(noted):
            result = self.function(*args, **kwargs)
        here.wait_event(beside.record())
        return result


def _are_here(arrays: list[Any]) -> bool:
    """Whether all CUDA `arrays` are on the current GPU, which a graph is recorded on; others stay eager."""
    if backend.cuda_device_count() == 1:
        return True
    here = backend.cuda_module().cuda.runtime.getDevice()
    return all([array.device.id == here for array in arrays])


def _forget_first(table: dict[Hashable, Any], most: int) -> None:
    """Drop what has been in `table` for longest, if that has more than `most`."""
    if len(table) > most:
        table.pop(next(iter(table)))
