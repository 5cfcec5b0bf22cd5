"""Variable: a value in the graph. `gpunn.Tensor` adds the operators."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from numpy import ndarray

from gpunn import dtypes
from gpunn.backend import Array, is_array
from gpunn.engine import modes
from gpunn.engine.hooks import Hooks, LeafHooks, RemovableHandle
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, GraphError, ShapeError

if TYPE_CHECKING:
    from gpunn.engine.function import Function
    from gpunn.engine.graph import AccumulateGrad
    from gpunn.tensor import Tensor

_new: Callable[[type[Tensor]], Tensor] = object.__new__
V = TypeVar("V", bound="Variable")
Edge = tuple[Any, int]  # a node of the graph and which of its outputs


class Variable:
    """An array, its gradient, and how it was made.

    `array` is a NumPy or CuPy array. `_version` is a counter that all views of one memory share; it grows with
    each in-place change. A differentiable view knows its `_base` and the view Functions that lead from there.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_accumulator",
        "_base",
        "_grad",
        "_grad_fn",
        "_hooks",
        "_output_nr",
        "_requires_grad",
        "_seen_version",
        "_version",
        "_views",
        "array",
    )
    array: Array
    _grad: Tensor | None
    _requires_grad: bool
    _grad_fn: Function | None
    _output_nr: int
    _version: list[int] | None  # None: inference tensor
    _base: Variable | None
    _views: tuple[Function, ...] | None  # None with a base: a view that cannot be replayed
    _seen_version: int
    _hooks: LeafHooks | None
    _accumulator: weakref.ref[AccumulateGrad] | None
    result_type: ClassVar[type[Tensor]]  # class of every op result; set by gpunn/tensor

    def __init__(self, array: Array = (), requires_grad: bool = False, *sizes: int) -> None:
        if type(array) is not ndarray and not is_array(array):
            sizes = (int(requires_grad), *sizes) if requires_grad is not False else sizes
            array, requires_grad = self.array_of(array, *sizes), False
        begin(self, array)
        if requires_grad:
            self.requires_grad = True

    @staticmethod
    def array_of(*values: Any) -> Array:
        """The array that the constructor makes of what is no array."""
        raise ArgumentTypeError(f"expected a NumPy or CuPy array, got {values}")

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self._base is not None and not self._requires_grad and self._is_stale():
            base = self.root()
            return base is not None and base._grad_fn is not None
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not value and not self.is_leaf:
            raise GraphError(
                "you can only change requires_grad flags of leaf variables. "
                "To use a computed value without its gradient, take y = x.detach()"
            )
        if value and not dtypes.of(self.array).is_floating_point:
            raise DtypeError(
                f"only tensors of floating point dtype can require gradients, got {dtypes.of(self.array)}: x.float()"
            )
        if value and self._version is None and not modes.inference.get():
            raise GraphError("requires_grad=True: not for an inference tensor outside inference_mode; clone it")
        self._requires_grad = bool(value)

    @property
    def is_leaf(self) -> bool:
        """True unless an operation on tensors that require gradients made this tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Function | None:
        """The operation that made this tensor, as a node of the graph; None for a leaf.

        Raises if the memory of this view was changed in place, and the view cannot be taken again from its base: one
        of several that one function returned, or made under `no_grad`.
        """
        if self._base is not None and self._is_stale():
            if self._views is None and self.requires_grad:
                raise GraphError(
                    f"Output {self._output_nr} of a function that returns multiple views, or a view created in no_grad "
                    "mode, and its base or another view of its base has been modified inplace: its history is "
                    "unknown. Replace the in-place operation by an out-of-place one."
                )
            self._follow_base()
        return self._grad_fn

    def root(self) -> Variable | None:
        """The tensor that this view shows a part of; None for no view.

        A base that an in-place change of shape made a view itself stands for what it was before.
        """
        base = self._base
        return base if base is None or base._base is None else base._base

    def _is_stale(self) -> bool:
        """Whether the shared memory was changed in place since the history of this view was looked up."""
        return self._version is not None and self._seen_version != self._version[0]

    def _follow_base(self) -> None:
        """After an in-place change of the shared memory, a view's history is that of its base."""
        from_base, version = self.root(), self._version
        if from_base is None or version is None:
            return
        self._seen_version = version[0]
        if from_base._grad_fn is None or self._views is None:
            return
        edge: Edge = (from_base._grad_fn, from_base._output_nr)
        for view in self._views:
            edge = (view.replayed_on(edge), 0)
        self.rebase(*edge)

    def rebase(self, node: Any, nr: int) -> None:
        """Take output `nr` of `node` for the history of this tensor; `retain_grad` holds for it as before."""
        hooks = None if self._grad_fn is None else self._grad_fn._hooks
        if hooks is not None and hooks.is_retained(self._output_nr, self):
            node.hooks.retained[nr] = hooks.retained.pop(self._output_nr)
        self._grad_fn, self._output_nr, self._requires_grad = node, nr, True

    @property
    def grad(self) -> Tensor | None:
        """d(loss)/d(self) after `loss.backward()`; None before."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Variable):
                raise ArgumentTypeError(f"grad: expected a Tensor or None, got {type(value).__name__}")
            if value is self:
                raise ArgumentError("grad: a tensor cannot be its own gradient")
            if value.array.shape != self.array.shape:
                raise ShapeError(
                    f"grad: expected shape {self.array.shape}, that of the tensor, got {value.array.shape}"
                )
            if value.array.dtype != self.array.dtype:
                raise DtypeError(f"grad: expected dtype {self.array.dtype}, got {value.array.dtype}")
        self._grad = value

    def is_inference(self) -> bool:
        """Whether this tensor was made in `inference_mode`."""
        return self._version is None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(grad)` when the gradient of this tensor is known; what it returns replaces the gradient."""
        if not self.requires_grad:
            raise GraphError("register_hook: the tensor does not require gradients; call requires_grad_() first")
        node = self.grad_fn
        if node is not None:
            return node.hooks.outputs.setdefault(self._output_nr, Hooks()).add(hook)
        if self._hooks is None:
            self._hooks = LeafHooks()
        return self._hooks.add(hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(self)` in backward as soon as the gradient of this leaf has been added to `self.grad`.

        No later part of the walk needs the leaf or its `.grad`: an optimizer may step and drop it there and then.
        Raises GraphError for a tensor that an operation made, or that requires no gradient.
        """
        if not self.requires_grad:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise GraphError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._hooks is None:
            self._hooks = LeafHooks()
        return self._hooks.after.add(hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `.grad` although it is not a leaf."""
        if not self.requires_grad:
            raise GraphError("retain_grad: the tensor does not require gradients")
        node = self.grad_fn
        if node is not None:
            node.hooks.retained[self._output_nr] = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this non-leaf tensor."""
        node = self.grad_fn
        return node is not None and node._hooks is not None and node._hooks.is_retained(self._output_nr, self)


def begin(variable: V, array: Array) -> V:
    """Make `variable` a leaf on `array`, without gradient and history."""
    variable.array = array
    variable._grad = None
    variable._requires_grad = False
    variable._grad_fn = None
    variable._output_nr = 0
    variable._version = None if modes.inference.get() else [0]
    variable._base = None
    variable._views = None
    variable._seen_version = 0
    variable._hooks = None
    variable._accumulator = None
    return variable


def new_variable(array: Array) -> Tensor:
    """`Variable.result_type(array)` in two thirds of the time, for each result of each operation."""
    return begin(_new(Variable.result_type), array)


def share_memory_of(view: Variable, source: Variable) -> None:
    """Note that `view` shows the memory of `source`: one version counter for both."""
    view._version = source._version
    view._seen_version = 0 if source._version is None else source._version[0]
