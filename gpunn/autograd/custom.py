"""Function: operations of the user's own, with forward and backward as static methods on tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from gpunn import dtypes, engine
from gpunn.engine import Variable
from gpunn.engine.graph import edge_of
from gpunn.engine.saved import Saved, freed, save, save_output, unpack
from gpunn.errors import GraphError, ShapeError, UnsupportedError
from gpunn.ops import creation
from gpunn.ops.shape.conversion import cast, detach
from gpunn.ops.shape.expand import sum_to_size
from gpunn.tensor import Tensor


class Context(engine.Function):
    """The `ctx` of a user's Function, and its node in the graph. Anything may be set as an attribute."""

    takes_none = True
    returns_fresh = False  # a user's backward may return what it likes

    function: ClassVar[type[Function]]  # of the subclass that each Function has

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        record = engine.is_grad_enabled()
        self.needs = tuple(record and isinstance(x, Variable) and x.requires_grad for x in inputs)
        self.input_shapes = tuple(x.array.shape if isinstance(x, Variable) else None for x in inputs)
        self.input_dtypes = tuple(x.array.dtype if isinstance(x, Variable) else None for x in inputs)
        self.materialize = True
        self.dirty: tuple[Tensor, ...] = ()
        self.without_gradient: tuple[Tensor, ...] = ()
        self.to_save: tuple[Any, ...] = ()
        self.described: tuple[Any, ...] = ()  # (shape, dtype, device) of each output
        self._kept = None
        self._saved = None

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """Which inputs require a gradient."""
        return self.needs

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for backward, where they are `ctx.saved_tensors`."""
        self.to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that forward changed these inputs in place; it must return them too."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these outputs carry no gradient."""
        self.without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients that nobody gave come to backward as zeros (the default) or as None."""
        self.materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept, checked against in-place changes."""
        if self._saved is None:
            raise freed(self)
        return tuple(
            unpack(entry, self, "saved tensor", i, None if nr is None else (self, nr))
            for i, (entry, nr) in self._saved.items()
        )

    def keep(self, outputs: tuple[Any, ...]) -> None:
        """Save what `save_for_backward` named, outputs without a reference to themselves."""
        entries: dict[int, Any] = {}
        for i, tensor in enumerate(self.to_save):
            nr = next((n for n, out in enumerate(outputs) if out is tensor and tensor is not None), None)
            is_dirty = any(tensor is d for d in self.dirty)
            if nr is None:
                entries[i] = save(tensor, self.function.__name__), None
            else:
                saved = save_output(outputs[nr])
                if is_dirty and saved.counter is not None:
                    saved = Saved(saved.array, saved.counter, saved.counter[0], None, None)
                entries[i] = saved, nr
        self._saved = entries
        self.to_save = ()

    def backward(self, *grads: Any) -> tuple[Any, ...]:
        given = [
            creation.zeros(d[0], dtype=dtypes.as_dtype(d[1]), device=d[2]) if g is None and self.materialize else g
            for g, d in zip(grads, self.described, strict=True)
        ]
        result = self.function.backward(self, *given)
        found = list(result) if isinstance(result, tuple) else [result]
        while len(found) > len(self.needs) and found[-1] is None:
            found.pop()
        if len(found) != len(self.needs):
            raise GraphError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {len(self.needs)}, got {len(found)})"
            )
        return tuple(self._checked(i, g) for i, g in enumerate(found))

    def _checked(self, i: int, grad: Any) -> Any:
        shape: Any = self.input_shapes[i]
        if grad is None or not self.needs[i]:
            return None
        if not isinstance(grad, Tensor):
            raise GraphError(f"function {self.name()} returned a {type(grad).__name__} as gradient {i}, not a Tensor")
        try:
            return cast(sum_to_size(grad, shape), dtypes.as_dtype(self.input_dtypes[i]))
        except ShapeError:
            raise ShapeError(
                f"Function {self.name()} returned an invalid gradient at index {i} - got {list(grad.shape)} but "
                f"expected shape compatible with {list(shape)}"
            ) from None

    def release(self) -> None:
        self._saved = None


class Function:
    """A differentiable operation of the user's own.

    Subclass it, give `forward(ctx, *args)` and `backward(ctx, *grad_outputs)` as static methods, and call
    `Op.apply(*args)`. `ctx.save_for_backward(...)` keeps tensors, `ctx.saved_tensors` gives them back. Instead,
    `forward(*args)` may go without ctx beside a static `setup_context(ctx, inputs, output)`.
    """

    _context: ClassVar[type[Context]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._context = _context_of(cls)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The values; runs without recording."""
        raise UnsupportedError(f"You must implement the forward function for custom autograd.Function: {args, kwargs}")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, one each (None for what has none)."""
        raise UnsupportedError("You must implement the backward method for your custom autograd.Function")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and record this operation."""
        ctx = cls._context(args)
        setup = getattr(cls, "setup_context", None)
        with engine.no_grad():
            result = cls.forward(*args) if setup else cls.forward(ctx, *args)
            if setup:
                setup(ctx, args, result)
        several = isinstance(result, tuple)
        outputs = tuple(_as_output(ctx, out, args) for out in (result if several else (result,)))
        if True in ctx.needs:
            _record(ctx, args, tuple(result) if several else (result,), outputs)
        return outputs if several else outputs[0]


def _context_of(function: type[Function]) -> type[Context]:
    """The class of the nodes of `function`, called as PyTorch calls it: "SquareBackward"."""
    context = type(function.__name__, (Context,), {"function": function})
    context.__name__ = f"{function.__name__}Backward"
    return context


Function._context = _context_of(Function)


def _as_output(ctx: Context, out: Any, args: tuple[Any, ...]) -> Any:
    """`out` itself if forward made it or marked it dirty; a new tensor on its memory if it is an input."""
    is_input = any(out is x for x in args)
    return detach(out) if is_input and not any(out is d for d in ctx.dirty) else out


def _record(ctx: Context, args: tuple[Any, ...], made: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    for tensor in ctx.dirty:
        engine.check_in_place(tensor, ctx.function.__name__)
    edges = tuple(edge_of(x) if need else None for x, need in zip(args, ctx.needs, strict=True))
    arrays = tuple(o.array for o in outputs if isinstance(o, Variable))
    ctx.keep(made)
    ctx.enter_graph(edges, arrays)
    ctx.described = tuple((a.shape, a.dtype, o.device) for a, o in zip(arrays, _tensors(outputs), strict=True))
    for nr, out in enumerate(_tensors(outputs)):
        is_dirty = any(out is d for d in ctx.dirty)
        if is_dirty:
            engine.bump(out)
        if out.is_floating_point() and not any(out is n for n in ctx.without_gradient):
            result = Tensor(out.array) if is_dirty else out
            result._grad_fn, result._output_nr, result._requires_grad = ctx, nr, True
            if is_dirty:
                engine.take_history(out, result)
    ctx.dirty = ctx.without_gradient = ()


def _tensors(outputs: tuple[Any, ...]) -> list[Tensor]:
    return [o for o in outputs if isinstance(o, Tensor)]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A backward that cannot be differentiated again: trying to raises instead of giving wrong numbers."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with engine.no_grad():
            found = backward(ctx, *grads)
        if not engine.is_grad_enabled() or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return found
        several = found if isinstance(found, tuple) else (found,)
        marked = tuple(_NotTwice.apply(g, *grads) if isinstance(g, Tensor) else g for g in several)
        return marked if isinstance(found, tuple) else marked[0]

    return wrapped


class _NotTwice(Function):
    """Passes its first argument on; differentiating it raises."""

    @staticmethod
    def forward(ctx: Context, value: Tensor, *grads: Any) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        raise GraphError("trying to differentiate twice a function that was marked with @once_differentiable")
