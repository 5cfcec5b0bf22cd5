"""x[...] = v: written through the view, or put where index tensors and masks say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes, engine
from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.indexing.element import element
from gpunn.ops.indexing.getitem import together, viewed
from gpunn.ops.indexing.keys import broadcast_indices, result_shape
from gpunn.ops.indexing.mask import MaskedFill
from gpunn.ops.indexing.parse import Advanced, parse
from gpunn.ops.indexing.put import IndexPut, check_values
from gpunn.ops.shape.conversion import cast, to_device
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """input[index] = value, in place; recorded by autograd if either requires a gradient.

    `value`, a number or a tensor, broadcasts to the shape of input[index]. It is cast to the dtype of
    `input`; but where index tensors take part, a tensor must have that dtype. Of several values for one
    element the last one stays.
    """
    engine.check_in_place(input, "setitem")
    parsed = parse(index, input.array)
    value = _owned(input, value) if isinstance(value, Variable) else _number(input, value)
    recorded = engine.is_grad_enabled() and (
        input.requires_grad or (isinstance(value, Variable) and value.requires_grad)
    )
    view = input if parsed.advanced and parsed.is_whole else viewed(input, parsed.basic)
    if not parsed.advanced:
        _assign(view, value, recorded)
    elif _is_fill(parsed.advanced, value):
        _fill(view, parsed.advanced[0], value, recorded)
    else:
        _put(view, parsed.advanced, value, recorded)
    if not recorded:
        engine.bump(input)


def _assign(view: Tensor, value: Any, recorded: bool) -> None:
    """view[...] = value."""
    shape, to = view.array.shape, dtypes.of(view.array)
    if isinstance(value, Variable):
        value = _fitted(_beside(view, value), shape)
        value = cast(value, to) if recorded else value
    elif recorded:
        value = Variable.result_type(array_module(view.array).asarray(value, to.numpy))
    if recorded:
        engine.write(view, value if value.array.shape == shape else Expand(shape)(value), "setitem")
    else:
        view.array[...] = value.array if isinstance(value, Variable) else value


def _is_fill(advanced: list[Advanced], value: Any) -> bool:
    """Whether one mask chooses what becomes one number."""
    single = len(advanced) == 1 and advanced[0].index.array.dtype.kind == "b"
    return single and (not isinstance(value, Variable) or value.array.ndim == 0)


def _fill(view: Tensor, chosen: Advanced, value: Any, recorded: bool) -> None:
    """view[:, mask] = one number."""
    axis, _, mask = chosen
    if isinstance(value, Variable):
        value = cast(_beside(view, value), dtypes.of(view.array))
    if recorded:
        behind = view.array.ndim - axis - mask.array.ndim
        whole = Expand(view.array.shape)(View((*mask.array.shape, *(1,) * behind))(mask))
        engine.write(view, MaskedFill()(view, whole, value), "setitem")
    else:
        number = value.array if isinstance(value, Variable) else value
        view.array[(*(slice(None),) * axis, mask.array)] = number


def _put(view: Tensor, advanced: list[Advanced], value: Any, recorded: bool) -> None:
    """view[i, j] = value."""
    axes, indices, check = together("setitem", advanced)
    if isinstance(value, Variable):
        if value.array.dtype != view.array.dtype:
            raise DtypeError(
                f"setitem: Index put requires the source and destination dtypes match, got {view.dtype} for the "
                f"destination and {dtypes.of(value.array)} for the source; use value.to(x.dtype)"
            )
        common = broadcast_indices([i.array for i in indices])
        value = _fitted(value, result_shape(view.array.shape, axes, common))
    if recorded:
        engine.write(view, IndexPut(axes, check)(view, value, *indices), "setitem")
    else:
        IndexPut(axes, check, in_place=True)(view, value, *indices)


def _beside(view: Tensor, value: Any) -> Any:
    """`value` on the device of `view`."""
    return to_device(value, view.device)


def _number(input: Tensor, value: Any) -> bool | int | float:
    try:
        return element("setitem", value, input.array, saturate=True)
    except ArgumentTypeError:
        raise ArgumentTypeError(
            f"setitem: can't assign a {type(value).__name__} to a Tensor; make it one with gpunn.tensor(...)"
        ) from None


def _owned(input: Tensor, value: Any) -> Any:
    """`value`, or a copy if it may lie in the memory that is written to: x[1:] = x[:-1]."""
    shared = value._version is not None and value._version is input._version
    return value.clone() if shared else value


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """`value` without surplus leading dimensions of length 1; ShapeError if it does not broadcast to `shape`."""
    given = value.array.shape
    extra = len(given) - len(shape)
    if extra > 0 and all(n == 1 for n in given[:extra]):
        value = View(given[extra:])(value)
    check_values("setitem", value, shape)
    return value
