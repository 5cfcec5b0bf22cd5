"""What the transforms have in common, and the two simplest: the gradient of a function, and its value with it.

A transform calls the function on tensors of its own, so that only what is computed from these counts. What it returns
can be differentiated again as far as it depends on other tensors: those of the transform around it, or parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

from gpunn import engine
from gpunn.autograd.functional import products
from gpunn.engine import AccumulateGrad
from gpunn.errors import ArgumentError, GraphError
from gpunn.func.trees import leaves, mapped
from gpunn.ops.creation import ones_like
from gpunn.tensor import Tensor

Argnums = int | tuple[int, ...]


class Scope:
    """When a call of a transform began, by the number of the node of the graph, and whether its function has returned.

    From then on nobody asks for a gradient by its leaves, which know it as `_scope`.
    """

    __slots__ = ("__weakref__", "is_over", "since")
    _living: Final[WeakSet[Scope]] = WeakSet()
    _lock: Final = Lock()  # of the set: threads have transforms of their own

    def __init__(self) -> None:
        self.since, self.is_over = engine.sequence_now(), False
        with self._lock:
            self._living.add(self)

    @classmethod
    def oldest(cls) -> int:
        """The number of the first node that can have a leaf of a call whose function has returned."""
        with cls._lock:
            return min(scope.since for scope in cls._living if scope.is_over)


class Traced:
    """A call of `func` on tensors of its own in the places `argnums`: the `result`, and what it was computed from.

    `primals` are the arguments in these places, one or a tuple of them, `inputs` the tensors that stand for theirs.
    """

    def __init__(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, argnums: Argnums, has_aux: bool
    ) -> None:
        self.is_recorded = engine.is_grad_enabled()
        self.scope = Scope()
        self.inputs: list[Tensor] = []
        places = _places(argnums, len(args))
        self.primals = args[places[0]] if isinstance(argnums, int) else tuple(args[i] for i in places)
        with engine.enable_grad():
            given = [mapped(self._watched, x) if i in places else x for i, x in enumerate(args)]
            self.inputs = leaves([given[i] for i in places])
            self.result = func(*given, **kwargs)
        self.scope.is_over = True
        self.aux: Any = None
        if has_aux:
            if not (isinstance(self.result, tuple) and len(self.result) == 2):
                raise GraphError(
                    f"{name}(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True"
                )
            self.result, self.aux = self.result
            self.aux = mapped(self.let_go, self.aux)

    def _watched(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            raise ArgumentError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if self.is_recorded and x.requires_grad:
            return x.view_as(x)
        return self.owned(x.detach().requires_grad_())

    def owned(self, leaf: Tensor) -> Tensor:
        """`leaf` as one of the call's own."""
        vars(leaf)["_scope"] = self.scope
        return leaf

    def depends(self, *tensors: Tensor) -> bool:
        """Whether one of `tensors` is to be differentiated again: by a leaf that somebody can still ask for."""
        if not self.is_recorded:
            return False
        if any(x.is_leaf and x.requires_grad and not _is_spent(x) for x in tensors):
            return True
        oldest = Scope.oldest()
        stack: list[Any] = [x.grad_fn for x in tensors if x.grad_fn is not None]
        seen = set(stack)
        while stack:
            node = stack.pop()
            is_leaf = isinstance(node, AccumulateGrad)
            if not _is_spent(node.variable) if is_leaf else node.sequence < oldest:
                return True
            following = {edge[0] for edge in node.next_edges if edge is not None} - seen
            seen |= following
            stack.extend(following)
        return False

    def let_go(self, x: Any) -> Tensor:
        """`x` for those outside: without history, if that begins and ends here."""
        if not isinstance(x, Tensor):
            raise GraphError(f"Expected tensors, got unsupported type {type(x)}")
        return x if self.depends(x) else x.detach()

    def like_primals(self, found: Iterable[Any]) -> Any:
        """`found`, one for each of the inputs, in the structure of the primals."""
        several = iter(found)
        return mapped(lambda leaf: next(several), self.primals)


def _is_spent(leaf: Any) -> bool:
    scope: Scope | None = vars(leaf).get("_scope")
    return scope is not None and scope.is_over


def _places(argnums: Argnums, count: int) -> list[int]:
    """The numbers of the arguments to differentiate by, of `count` arguments by position."""
    if isinstance(argnums, bool) or not isinstance(argnums, (int, tuple)):
        raise GraphError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    given = (argnums,) if isinstance(argnums, int) else argnums
    if not given:
        raise GraphError("argnums must be non-empty")
    for number in given:
        if isinstance(number, bool) or not isinstance(number, int):
            raise GraphError(f"argnums must be int or Tuple[int, ...], got: {argnums}")
        if not -count <= number < count:
            raise GraphError(f"Got argnum={number}, but only {count} positional inputs")
    places = [number % count for number in given]
    if len(set(places)) < len(places):
        raise GraphError(f"argnums elements must be unique, got {argnums}")
    return places


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function with the arguments of `func` that returns its gradient and its value, or (gradient, (value, aux)).

    `func` returns a 0-d tensor; with `has_aux` a pair of that and other tensors. The gradient is that by the arguments
    in the places `argnums`: of one number a nest of tensors like that argument, of several a tuple of these. Where
    the value does not depend on one, its gradient is 0. Raises GraphError for other results and places.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value"
        call = Traced(name, func, args, kwargs, argnums, has_aux)
        out = call.result
        if not isinstance(out, Tensor):
            raise GraphError(f"{name}(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}")
        if out.dim() != 0:
            raise GraphError(
                f"{name}(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with {out.dim()} dims. "
                "Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = products([out], call.inputs, [ones_like(out)], create_graph=call.depends(out))
        gradient = call.like_primals(map(call.let_go, found))
        value = call.let_go(out)
        return (gradient, (value, call.aux)) if has_aux else (gradient, value)

    return transformed


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function with the arguments of `func` that returns its gradient, or with `has_aux` (gradient, aux).

    See `grad_and_value`.
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed
