"""Tensors from values: numbers, nested lists, arrays, and what shares its memory with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from gpunn.ops.creation.nested import NUMBERS, array_of, is_nested
from gpunn.ops.shape.conversion import to
from gpunn.ops.shape.dense import dense

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

_CPU_MEMORY = (1, 3)  # DLPack's numbers for plain and for page-locked memory


@dense
def tensor(data: Any, *, dtype: dtype | None = None, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """A new tensor, without history, with a copy of `data`: a number, nested lists, an array or a tensor.

    Lists may hold numbers, tensors and arrays. Of Python numbers, integers become int64 and floats the
    default float type; arrays and tensors keep their dtype, and tensors their device. Raises ValueError for
    lists of different lengths, naming the place, and TypeError for what is no number.
    """
    target = None if dtype is None else dtypes.as_dtype(dtype)
    array = _given_array("tensor", data)
    if array is None:
        array, where = array_of("tensor", data, target), backend.as_device(device)
    else:
        with np.errstate(all="ignore"):
            array = array.astype(dtypes.of(array).numpy if target is None else target.numpy)
        where = _device_for(data, array, device)
    return Variable.result_type(backend.to_device(array, where), requires_grad)


def as_tensor(data: Any, dtype: dtype | None = None, device: DeviceLike = None) -> Tensor:
    """`data` as a tensor that shares its memory, and its history if it has one; copied only if need be."""
    target = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, Variable):
        return to(data, device, target)  # type: ignore[arg-type]
    array = _given_array("as_tensor", data)
    if array is None:
        return tensor(data, dtype=dtype, device=device)
    _check_shareable("as_tensor", array)
    return to(Variable.result_type(array), _device_for(data, array, device), target)


def asarray(
    obj: Any,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """`obj` as a tensor: `as_tensor`, whose memory is a copy with copy=True, and shared with copy=False, or ValueError.

    A tensor keeps its history unless requires_grad=False; with True the result records gradients.
    """
    target = None if dtype is None else dtypes.as_dtype(dtype)
    result = as_tensor(obj, target, device)
    is_shared = result is obj if isinstance(obj, Variable) else _shows(result, obj)
    if copy is False and not is_shared:
        raise ArgumentError(
            f"asarray: can't alias {type(obj).__name__} as {result.dtype} on {result.device} (copy=False)"
        )
    if copy and is_shared:
        result = result.clone()
    if requires_grad is False:
        return result.detach()
    return result if not requires_grad or result.requires_grad else result.detach().requires_grad_()


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the memory of `ndarray`; one of a read-only array cannot be changed in place."""
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__}); use gpunn.tensor")
    if not ndarray.dtype.isnative:
        raise ArgumentError(
            f"from_numpy: given numpy array has byte order different from the native byte order: {ndarray.dtype}. "
            'Convert it: array.astype(array.dtype.newbyteorder("="))'
        )
    _check_shareable("from_numpy", ndarray)
    return Variable.result_type(np.asarray(ndarray))


def from_dlpack(ext_tensor: Any, *, device: DeviceLike = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of `ext_tensor`, an array or tensor of any library that speaks DLPack.

    With `copy`, or on a `device` where that memory is not, on a copy; with copy=False that raises ArgumentError.
    """
    if not hasattr(ext_tensor, "__dlpack__") or not hasattr(ext_tensor, "__dlpack_device__"):
        raise ArgumentTypeError(
            f"from_dlpack: expected an array with __dlpack__ and __dlpack_device__, got {type(ext_tensor).__name__}"
        )
    kind = int(ext_tensor.__dlpack_device__()[0])
    module: Any = np if kind in _CPU_MEMORY else backend.cuda_module()
    try:
        array = module.from_dlpack(ext_tensor)
    except BufferError:
        raise  # the other library refuses
    except RuntimeError as error:
        raise DtypeError(f"from_dlpack: {error} Its type may be one that NumPy lacks, as bfloat16 is") from None
    dtypes.of(array)
    result = Variable.result_type(array.copy() if copy else array)
    if device is None or backend.device(device) == backend.device_of(array):
        return result
    if copy is False:
        raise ArgumentError(f"from_dlpack: {backend.device(device)} needs a copy of {backend.device_of(array)} memory")
    return to(result, device)


def _shows(x: Tensor, data: Any) -> bool:
    """Whether `x` lies on the memory of `data`, an array or what becomes one."""
    if type(data) in NUMBERS or is_nested(data):
        return False
    if backend.is_cuda(x.array):
        return hasattr(data, "__cuda_array_interface__") and data.__cuda_array_interface__["data"][0] == x.data_ptr()
    return hasattr(data, "__array_interface__") and data.__array_interface__["data"][0] == x.data_ptr()


def _given_array(op: str, data: Any) -> Array | None:
    """The array in `data`, in the byte order of this machine; None for numbers and nested lists."""
    if type(data) in NUMBERS or is_nested(data):
        return None
    array = data.array if isinstance(data, Variable) else data
    if not backend.is_cuda(array):
        if hasattr(data, "__cuda_array_interface__"):
            array = backend.cuda_module().asarray(data)
        elif hasattr(array, "__array__") or hasattr(array, "__array_interface__"):
            array = np.asarray(array)
        else:
            raise DtypeError(f"{op}: expected numbers, nested lists, an array or a tensor, got {data!r}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    dtypes.of(array)
    return array


def _check_shareable(op: str, array: Array) -> None:
    """Raise unless a tensor can use the memory of `array` as it is."""
    fix = "Copy it: array.copy()"
    if array.size and any([s < 0 for s in array.strides]):
        raise ArgumentError(f"{op}: At least one stride in the given numpy array is negative: {array.strides}. {fix}")
    if any([s % array.dtype.itemsize for s in array.strides]):
        raise ArgumentError(
            f"{op}: given numpy array strides {array.strides} not a multiple of the element byte size. {fix}"
        )
    dtypes.of(array)


def _device_for(data: Any, array: Array, device: DeviceLike) -> backend.device:
    """Where the tensor goes: as asked, else where tensors and GPU arrays are, else the default device."""
    if device is not None:
        return backend.device(device)
    if isinstance(data, Variable) or backend.is_cuda(array):
        return backend.device_of(array)
    return backend.get_default_device()
