"""Tensor: a value in the graph with the attributes, methods and operators users write."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import backend, dtypes, engine
from gpunn.backend import device
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, DtypeError, GraphError
from gpunn.ops.shape.conversion import detach
from gpunn.random import Generator
from gpunn.tensor.activation import ActivationMethods
from gpunn.tensor.arithmetic import ArithmeticMethods
from gpunn.tensor.comparison import ComparisonMethods
from gpunn.tensor.conversion import ConversionMethods
from gpunn.tensor.creation import CreationMethods
from gpunn.tensor.display import DisplayMethods
from gpunn.tensor.facts import FactMethods
from gpunn.tensor.indexing import IndexingMethods
from gpunn.tensor.linalg import LinalgMethods
from gpunn.tensor.memory import MemoryMethods
from gpunn.tensor.protocols import ProtocolMethods
from gpunn.tensor.reduction import ReductionMethods
from gpunn.tensor.shape import ShapeMethods
from gpunn.tensor.size import Size


class Tensor(
    ArithmeticMethods,
    ComparisonMethods,
    ReductionMethods,
    ShapeMethods,
    IndexingMethods,
    LinalgMethods,
    ActivationMethods,
    ConversionMethods,
    CreationMethods,
    DisplayMethods,
    FactMethods,
    MemoryMethods,
    ProtocolMethods,
    Variable,
):
    """An n-dimensional array that remembers how it was made. Make one with `gpunn.tensor(...)`.

    `x.array` is the NumPy or CuPy array underneath. The class itself makes a tensor on an array, without a copy; of
    other values it makes what PyTorch's old constructor makes: Tensor([1, 2]) holds float32, Tensor(2, 3) is a shape.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    @staticmethod
    def array_of(*values: Any) -> Any:
        """A default-float array of the values in nested lists, or uninitialised in the shape of the integers."""
        first = values[0]
        default = dtypes.get_default_dtype().numpy
        if isinstance(first, Size) and len(values) == 1:
            return np.empty(first, default)
        if isinstance(first, Variable):
            return first.array
        if isinstance(first, np.generic):  # what NumPy made of a 0-d array
            return np.asarray(first)
        if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            return np.empty(values, default)
        if len(values) > 1 or isinstance(first, (bool, float, str, dict)) or first is None:
            raise ArgumentTypeError(f"Tensor: expected a sequence of values or integer sizes, got {values}")
        return np.array(first, default)

    @property
    def shape(self) -> Size:
        """The lengths of the dimensions."""
        return Size(self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of dimension `dim`."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    def numel(self) -> int:
        """The number of elements."""
        return int(self.array.size)

    nelement = numel

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return dtypes.of(self.array)

    @property
    def device(self) -> device:
        """Where the elements are."""
        return backend.device_of(self.array)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.array.dtype.itemsize)

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self.array.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self.array.nbytes)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours along each dimension, or along `dim`."""
        strides = tuple(s // self.array.dtype.itemsize for s in self.array.strides)
        return strides if dim is None else strides[dim]

    @property
    def data(self) -> Tensor:
        """A tensor on the same memory, outside the graph; changes through it are not noticed by autograd."""
        plain = detach(self)
        plain._version = [0]
        return plain

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"data: expected a Tensor, got {type(value).__name__}")
        if self.requires_grad and not value.is_floating_point():
            raise DtypeError(f"data: a tensor that requires gradients must be of a floating dtype, got {value.dtype}")
        self.array = value.array

    def _is_view(self) -> bool:
        """Whether it shares the memory of another tensor, `_base`."""
        return self._base is not None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch recording of what happens to this leaf on or off; returns self."""
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Tensor:
        """Cut this tensor off from the graph, in place."""
        if self._base is not None and self.requires_grad:
            raise GraphError("detach_: Can't detach views in-place; use detach() instead")
        self._grad_fn, self._output_nr, self._requires_grad = None, 0, False
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        """Add d(self)/d(leaf) to `leaf.grad` for every leaf that requires a gradient.

        `gradient` is d(loss)/d(self); it may be left out if self has one element. The graph's buffers are freed
        unless `retain_graph`; with `create_graph` the gradients can be differentiated again.
        """
        chosen = [inputs] if isinstance(inputs, Tensor) else inputs
        if chosen is not None and len(chosen) == 0:
            raise GraphError("backward: `inputs` argument to `backward` cannot be empty.")
        engine.backward([self], [gradient], retain_graph, create_graph, chosen)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                "deepcopy: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol; "
                "use x.detach().clone()"
            )
        if id(self) in memo:
            found: Tensor = memo[id(self)]
            return found
        twin = type(self).__new__(type(self))
        Variable.__init__(twin, self.array.copy(order="K"))
        twin._requires_grad = self._requires_grad
        memo[id(self)] = twin
        twin._grad = copy.deepcopy(self._grad, memo)
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise GraphError("pickling: only leaves of the graph can be pickled; use x.detach()")
        where = str(self.device)
        return _rebuild, (type(self), backend.asnumpy(self.array), where, self._requires_grad, dict(self.__dict__))


def _rebuild(cls: type[Tensor], array: np.ndarray[Any, Any], where: str, grad: bool, extra: dict[str, Any]) -> Tensor:
    """What pickling restores: the elements, the device and the flag, not the gradient."""
    tensor = cls.__new__(cls)
    Variable.__init__(tensor, backend.to_device(array, device(where)), grad)
    tensor.__dict__.update(extra)
    return tensor


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


Variable.result_type = Tensor
Generator.state_type = Tensor
