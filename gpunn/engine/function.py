"""Function: one differentiable operation, and the node of the graph that it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from numpy import ndarray

from gpunn import backend
from gpunn.backend import Array, as_array
from gpunn.engine import anomaly
from gpunn.engine.graph import ONE_OUTPUT, Node, edge_of
from gpunn.engine.modes import recording
from gpunn.engine.quiet import run_quietly
from gpunn.engine.saved import freed, save, save_output, unpack
from gpunn.engine.variable import Edge, Variable, new_variable, share_memory_of
from gpunn.errors import DeviceError, UnsupportedError

NOTHING: Mapping[int, Any] = MappingProxyType({})  # what most nodes save
_OUTPUT = -1  # the key of the first saved output among the saved inputs; the others go down from there


class Function(Node):
    """One differentiable operation: its forward on each device and its backward.

    A subclass defines either `forward` (the same code for NumPy and CuPy) or the pair `forward_numpy` and
    `forward_cuda`; they take and return arrays. Arguments that are not tensors reach them as they are.
    `backward(self, *grads)` takes and returns tensors, one for each input (None: zero), so it is differentiable
    itself; if it needs a kernel, it calls another Function.

    What backward needs is declared: `saves = {i: (j, …)}` keeps input i if one of the inputs j requires a gradient,
    `saves_output` keeps the first output, or as many as it says. `self.saved(i)` and `self.saved_output(i)` give them
    back, checked against in-place changes. Arrays that carry no gradient (masks, winners) go into `self.kept`. All of
    it is freed by backward. Plain attributes are for small things: shapes, axes, flags.
    """

    __slots__ = ("__dict__", "_kept", "_saved", "needs")

    _saved: Mapping[int, Any] | None  # by number of the input, or the key of the output
    saves: ClassVar[dict[int, tuple[int, ...]]] = {}
    saves_output: ClassVar[int] = False  # or of one node, if its forward says so
    is_view: ClassVar[bool] = False  # the result shows the memory of the first input whenever it can
    non_differentiable: ClassVar[tuple[int, ...]] = ()  # outputs that never carry a gradient

    needs: tuple[bool, ...]  # which inputs require a gradient; set before forward

    def forward(self, *arrays: Any) -> Any:
        raise UnsupportedError(f"{self.op_name} has no forward for this device")

    forward_numpy = forward
    forward_cuda = forward

    def backward(self, *grads: Any) -> Any:
        raise UnsupportedError(f"{self.op_name} is not differentiable")

    def __init_subclass__(cls) -> None:
        cls.op_name = cls.__name__
        cls.__name__ = f"{cls.op_name}Backward0"  # what PyTorch's programs print: type(loss.grad_fn).__name__
        if "forward" in cls.__dict__:
            cls.forward_numpy = cls.forward_cuda = cls.forward

    def __call__(self, *inputs: Any) -> Any:
        on_gpu = backend.is_cuda_in_use()
        inputs = _together(self.op_name, inputs) if on_gpu else inputs
        arrays: list[Any] = []  # filled by loops: a comprehension is a call, before Python 3.12
        record = False
        if recording.get():
            needs: list[bool] = []
            edges: list[Edge | None] = []
            for x in inputs:
                if isinstance(x, Variable):
                    arrays.append(x.array)
                    if x._requires_grad or (x._base is not None and x.requires_grad):
                        record = True
                        needs.append(True)
                        edges.append(edge_of(x))
                        continue
                else:
                    arrays.append(x)
                needs.append(False)
                edges.append(None)
            self.needs = tuple(needs)
        else:
            for x in inputs:
                arrays.append(x.array if isinstance(x, Variable) else x)
            self.needs = (False,) * len(arrays)
        self._kept = None
        if on_gpu and backend.any_cuda(arrays):
            result = self._run_on_gpu(arrays)
        else:
            result = self.forward_numpy(*arrays) if self.is_view else run_quietly(self.forward_numpy, arrays)
        several = type(result) is tuple
        variables = (
            tuple([new_variable(as_array(a)) for a in result])
            if several
            else (new_variable(result if type(result) is ndarray else as_array(result)),)
        )
        if self.is_view:
            self._mark_views(inputs[0], variables, several)
        if record:
            self._record(inputs, tuple(edges), variables)
        else:
            self._kept = None
        if anomaly.active.get() is not None:
            anomaly.check_forward(self, arrays, [v.array for v in variables])
        return variables if several else variables[0]

    def _run_on_gpu(self, arrays: list[Any]) -> Any:
        """`forward_cuda` on the GPU that `arrays` are on: CuPy makes new arrays on the current one."""
        if backend.cuda_device_count() == 1:
            return self.forward_cuda(*arrays)
        first = next(array for array in arrays if backend.is_cuda(array))
        with backend.placed_on(backend.device_of(first)):
            return self.forward_cuda(*arrays)

    def fresh(self) -> Function:
        """An unused copy with the same settings."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def _mark_views(self, source: Variable, variables: tuple[Any, ...], several: bool) -> None:
        for variable in variables:
            if not backend.is_view(variable.array, source.array):
                continue
            share_memory_of(variable, source)
            variable._base = source if source._base is None else source._base
            before = () if source._base is None else source._views
            if before is not None and not several and (recording.get() or not source._requires_grad):
                variable._views = (*before, self)

    def _record(self, inputs: tuple[Any, ...], edges: tuple[Edge | None, ...], variables: tuple[Any, ...]) -> None:
        self._saved = self._put_aside(inputs, variables) if self.saves or self.saves_output else NOTHING
        self.enter_graph(edges, ONE_OUTPUT if len(variables) == 1 else tuple([v.array for v in variables]))
        for nr, variable in enumerate(variables):
            if variable.array.dtype.kind in "fV" and nr not in self.non_differentiable:
                variable._requires_grad = True
                variable._grad_fn = self
                variable._output_nr = nr

    def _put_aside(self, inputs: tuple[Any, ...], variables: tuple[Any, ...]) -> Mapping[int, Any]:
        """What backward needs of the inputs and outputs."""
        saved: dict[int, Any] = {}
        needs = self.needs
        for i, wanted_by in self.saves.items():
            for j in wanted_by:
                if j < len(needs) and needs[j] and i < len(inputs):
                    saved[i] = save(inputs[i], self.op_name)
                    break
        for nr in range(self.saves_output):
            saved[_OUTPUT - nr] = save_output(variables[nr])
        return saved

    @property
    def kept(self) -> Any:
        """Arrays without gradient that forward put aside for backward."""
        if self._kept is None:
            raise freed(self)
        return self._kept

    @kept.setter
    def kept(self, value: Any) -> None:
        self._kept = value

    def saved(self, i: int) -> Any:
        """Input `i` as it was in forward: a tensor with its history, or the number that was given."""
        if self._saved is None:
            raise freed(self)
        return unpack(self._saved[i], self, "input", i)

    def saved_output(self, nr: int = 0) -> Any:
        """The output with number `nr` as it was in forward: a tensor whose history is this node."""
        if self._saved is None:
            raise freed(self)
        return unpack(self._saved[_OUTPUT - nr], self, "output", nr, (self, nr))

    def apply_backward(self, grads: list[Any]) -> tuple[Any, ...]:
        result = self.backward(*grads)
        return result if type(result) is tuple else (result,)

    def release(self) -> None:
        self._saved = self._kept = None

    def replayed_on(self, edge: Edge) -> Function:
        """A node like this one whose first input is the variable at `edge`."""
        node = self.fresh()
        node.needs = (True,)
        node._kept = None
        node._saved = NOTHING
        node.enter_graph((edge,), ONE_OUTPUT)
        return node


class Placed(Function):
    """A 0-d CPU tensor on a GPU, where an operation with a CUDA tensor needs it; its gradient comes back."""

    def __init__(self, where: backend.device) -> None:
        self.where = where

    def forward(self, x: Array) -> Array:
        self.back = backend.device_of(x)
        return backend.to_device(x, self.where)

    def backward(self, grad: Any) -> Any:
        return Placed(self.back)(grad)


def _together(op: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """`inputs` on one device: 0-d CPU tensors go to the GPU of the others, as in PyTorch; else DeviceError."""
    tensors = [x for x in inputs if isinstance(x, Variable)]
    first = next((x for x in tensors if backend.is_cuda(x.array)), None)
    if first is None or len(tensors) == 1:
        return inputs
    where = backend.device_of(first.array)
    placed: list[Any] = []
    for x in inputs:
        if isinstance(x, Variable) and backend.device_of(x.array) != where:
            if backend.is_cuda(x.array) or x.array.ndim > 0:
                raise device_mismatch(op, first.array, x.array)
            x = Placed(where)(x)
        placed.append(x)
    return tuple(placed)


def device_mismatch(op: str, first: Array, second: Array) -> DeviceError:
    """The error for two tensors on different devices."""
    here, there = backend.device_of(first), backend.device_of(second)
    return DeviceError(
        f"{op}: Expected all tensors to be on the same device, but found at least two devices: a tensor of shape "
        f'{first.shape} on {here} and one of shape {second.shape} on {there}. Move one with x.to("{here}")'
    )
