"""The emulated ndarray: attributes, conversions, views, methods, protocols."""

import copy
import pickle
import weakref

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.array import Flags
from gpunn.emulator.namespace import cupy as xp

EmulatorError = emulator.EmulatorError


def host(shape=(3, 4), dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def synchronisations(f, *args):
    before = emulator.synchronisations.count
    f(*args)
    return emulator.synchronisations.count - before


def test_it_is_no_numpy_array():
    x = xp.asarray(host())
    assert not isinstance(x, np.ndarray)
    assert type(x) is xp.ndarray
    for convert in (np.asarray, np.array, np.ascontiguousarray, lambda x: np.array([x, x]), np.ones(3).dot):
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            convert(x)
    with pytest.raises(AttributeError):
        x.anything = 1


def test_attributes():
    a = host((2, 3, 4), np.int16)[:, ::2]
    x = xp.asarray(host((2, 3, 4), np.int16))[:, ::2]
    for name in ("shape", "dtype", "ndim", "size", "strides", "itemsize", "nbytes"):
        assert getattr(x, name) == getattr(a, name)
    assert x.device == xp.cuda.Device(0)
    assert x.device.id == 0
    assert x.__array_priority__ == 100


LACKING = ["ctypes", "__array_interface__", "__index__", "__contains__", "__imatmul__", "resize"]


@pytest.mark.parametrize("name", LACKING)
def test_what_cupy_lacks_is_lacking(name):
    assert not hasattr(xp.ones(2), name)


def test_flags():
    x = xp.zeros((3, 4))
    assert (x.flags.c_contiguous, x.flags.f_contiguous, x.flags.owndata) == (True, False, True)
    assert (x.T.flags.c_contiguous, x.T.flags["F_CONTIGUOUS"], x.T.flags.owndata) == (False, True, False)
    assert (x.T.flags.fnc, x.T.flags.forc, x.flags.fnc, x[:, ::2].flags.forc) == (True, True, False, False)
    assert "C_CONTIGUOUS : True" in repr(x.flags)
    assert isinstance(x.flags, Flags)
    with pytest.raises(KeyError):
        x.flags["WRITEABLE"]
    with pytest.raises(AttributeError):
        _ = x.flags.writeable


def test_base_is_the_owner_of_the_memory():
    x = xp.arange(24)
    assert x.base is None
    y = x.reshape(4, 6)
    views = (y.view(), y.transpose(), y.squeeze(), y.swapaxes(0, 1), y.diagonal())
    for part in (y, y[1:], y.T, y[1:][:, None], *views):
        assert part.base is x
    for copied in (y.copy(), y.flatten(), y.T.ravel(), y.T.reshape(-1), y + 0, y[[1]], y.astype(float)):
        assert copied.base is None


def test_pointers_follow_the_views():
    x = xp.zeros((3, 4), np.float32)
    assert x[1].data.ptr == x.data.ptr + 16
    assert x[1, 2:].data.ptr == x.data.ptr + 24
    assert x[::-1].data.ptr == x.data.ptr + 32
    assert int(x.data) == x.data.mem.ptr == x.data.ptr
    assert x.data.device.id == x.data.device_id == 0
    assert xp.zeros(0).data.ptr == 0


def test_cuda_array_interface():
    x = xp.zeros((3, 4), np.float32)
    interface = x.__cuda_array_interface__
    assert interface["shape"] == (3, 4)
    assert interface["typestr"] == "<f4"
    assert interface["data"] == (x.data.ptr, False)
    assert interface["strides"] is None
    assert interface["version"] == 3
    assert x.T.__cuda_array_interface__["strides"] == (4, 16)


def test_dlpack_tells_no_lies():
    x = xp.zeros(3)
    for call in (x.__dlpack__, x.__dlpack_device__, lambda: np.from_dlpack(x)):
        with pytest.raises(EmulatorError, match="cannot pass for CUDA memory"):
            call()


def test_shape_can_be_set_where_no_copy_is_needed():
    x = xp.arange(12)
    x.shape = (3, -1)
    assert x.shape == (3, 4)
    y = x.T
    with pytest.raises(AttributeError, match="Incompatible shape"):
        y.shape = (12,)
    assert y.shape == (4, 3)


def test_transposes():
    x = xp.zeros((2, 3, 4))
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)
    vector = xp.zeros(3)
    assert vector.T is vector
    with pytest.raises(ValueError, match="ndim < 2"):
        _ = vector.mT
    assert x.transpose(1, 0, 2).shape == x.transpose((1, 0, 2)).shape == (3, 2, 4)
    assert x.transpose(None).shape == (4, 3, 2)


def test_real_and_imag():
    x = xp.asarray([1 + 2j, 3 - 4j])
    assert x.real.tolist() == [1, 3]
    x.imag = xp.asarray([5.0, 6.0])
    x.real[0] = 9
    assert x.tolist() == [9 + 5j, 3 + 6j]
    assert x.conj().tolist() == [9 - 5j, 3 - 6j]
    y = xp.ones(2)
    assert y.real is y
    assert y.conj() is y
    y.real = 4
    assert y.tolist() == [4, 4]
    assert y.imag.tolist() == [0, 0]
    with pytest.raises(TypeError, match="imaginary"):
        y.imag = 1


def test_length_and_iteration():
    x = xp.asarray(host())
    assert len(x) == 3
    rows = list(x)
    assert all(type(row) is xp.ndarray and row.base is x for row in rows)
    assert [row.tolist() for row in rows] == host().tolist()
    assert all(element.shape == () for element in rows[0])
    scalar = xp.asarray(1)
    with pytest.raises(TypeError, match="unsized"):
        len(scalar)
    with pytest.raises(TypeError, match="0-d"):
        iter(scalar)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_get_and_its_kin(dtype):
    a = host(dtype=dtype)
    x = xp.asarray(a)
    assert x.get().dtype == a.dtype
    np.testing.assert_array_equal(x.get(), a)
    assert not np.shares_memory(x.get(), x._host)
    assert x.tolist() == a.tolist()
    assert x.tobytes() == a.tobytes()
    assert x[1, 1].item() == a[1, 1].item()
    assert bool(x[0, 0]) is False
    assert float(x[0, 1]) == 1.0
    assert int(x[0, 1]) == 1
    assert complex(x[0, 1]) == 1
    assert repr(x) == repr(a)
    assert str(x) == str(a)
    assert format(xp.asarray(1.25), ".1f") == "1.2"


def test_what_waits_for_the_device_is_counted():
    x, one = xp.asarray(host()), xp.asarray(1.0)
    for f in (bool, int, float, complex, repr, str, format):
        assert synchronisations(f, one) == 1
    for name in ("get", "item", "tolist", "tobytes"):
        assert synchronisations(getattr(one, name)) == 1
    for name in ("nonzero", "sum", "copy", "argmax"):
        assert synchronisations(getattr(x, name)) == (name == "nonzero")
    assert synchronisations(x.set, host()) == 0


def test_get_into_an_array():
    x, out = xp.asarray(host()), np.zeros((3, 4), np.float32)
    assert x.get(out=out) is out
    np.testing.assert_array_equal(out, host())
    assert x.T.get().flags.c_contiguous
    assert x.get(order="F").flags.f_contiguous
    for wrong in (np.zeros((4, 3), np.float32), np.zeros((3, 4)), [1]):
        with pytest.raises((TypeError, ValueError), match=r"Shape mismatch|cannot be obtained|Only numpy"):
            x.get(out=wrong)


def test_set():
    x = xp.zeros((3, 4), np.float32)
    x.set(host())
    np.testing.assert_array_equal(x.get(), host())
    for target, value, error in (
        (x, host(dtype=np.float64), TypeError),
        (x, host((4, 3)), ValueError),
        (x, host().tolist(), TypeError),
        (xp.zeros((3, 8), np.float32)[:, ::2], host(), RuntimeError),
    ):
        with pytest.raises(error):
            target.set(value)


def test_truth():
    with pytest.raises(ValueError, match="ambiguous"):
        bool(xp.ones(2))
    with pytest.warns(DeprecationWarning, match="empty array is ambiguous"):
        assert not xp.ones(0)
    with pytest.raises(ValueError, match="size 1"):
        xp.ones(2).item()


def test_constructor():
    x = xp.ndarray((2, 3), np.float32)
    assert x.shape == (2, 3)
    assert np.isnan(x.get()).all()
    assert xp.ndarray((2, 3), order="F").flags.f_contiguous
    with pytest.raises(EmulatorError, match="addresses"):
        xp.ndarray((2,), memptr=x.data)


def test_astype():
    x = xp.asarray(host().T)
    y = x.astype(np.int64)
    assert y.dtype == np.int64
    assert y.strides == (8, 32)
    assert x.astype(np.float32, copy=False) is x
    assert x.astype(np.float32) is not x
    assert x.astype(np.float32, order="C").flags.c_contiguous
    with np.errstate(all="raise"):
        assert xp.asarray([np.nan, 1e30]).astype(np.int32).dtype == np.int32
    with pytest.raises(TypeError, match="casting"):
        x.astype(np.int64, casting="safe")
    with pytest.raises(ValueError, match="Unsupported dtype"):
        x.astype(object)


def test_copies():
    x = xp.asarray(host())
    for copied in (x.copy(), copy.copy(x), copy.deepcopy(x), xp.copy(x), pickle.loads(pickle.dumps(x))):
        assert type(copied) is xp.ndarray
        assert copied.base is None
        copied += 1
    np.testing.assert_array_equal(x.get(), host())
    assert x.T.copy().flags.c_contiguous
    assert x.T.copy("K").flags.f_contiguous
    assert xp.copy(x.T).flags.f_contiguous


def test_view_with_another_dtype():
    x = xp.asarray(np.array([1.5, -2], ml_dtypes.bfloat16))
    bits = x.view(np.uint16)
    assert bits.base is x
    np.testing.assert_array_equal(bits.get(), x.get().view(np.uint16))
    bits[0] = 0
    assert x.tolist() == [0, -2]
    with pytest.raises(ValueError, match="last axis"):
        xp.zeros((3, 4), np.float32)[:, ::2].view(np.float64)


def test_reshape():
    x = xp.asarray(host())
    for y in (x.reshape(2, 6), x.reshape((2, 6)), x.reshape([2, -1]), xp.reshape(x, (2, 6))):
        assert y.shape == (2, 6)
        assert y.base is x
    np.testing.assert_array_equal(x.reshape(6, 2, order="F").get(), host().reshape(6, 2, order="F"))
    assert x.reshape(12, copy=True).base is None
    with pytest.raises(ValueError, match=r"copy|reshape"):
        x.T.reshape(12, copy=False)
    with pytest.raises(ValueError, match="cannot reshape"):
        x.reshape(5)


def test_flatten_and_ravel():
    x = xp.asarray(host())
    assert x.ravel().base is x
    assert x.flatten().base is None
    for order in "CFAK":
        np.testing.assert_array_equal(x.T.ravel(order).get(), host().T.ravel(order))
        np.testing.assert_array_equal(x.T.flatten(order).get(), host().T.flatten(order))


def test_numpys_functions_dispatch():
    x = xp.asarray(host())
    calls = (np.add(x, 1), np.exp(x), np.sum(x, axis=0), np.linalg.norm(x), np.concatenate([x, x]))
    for result in (*calls, np.where(x, x, 0), np.atleast_1d(x)):
        assert type(result) is xp.ndarray
    assert np.add(x, 1, out=x) is x
    assert np.add.reduce(x).tolist() == x.sum(0).tolist()
    np.add.at(x, xp.asarray([0]), 1)
    assert np.add.outer(x[0], x[0]).shape == (4, 4)
    with pytest.raises(ValueError, match="exactly one array"):
        np.modf(x, out=(x.copy(), x.copy()))
    with pytest.raises(TypeError):
        np.insert(x, 0, 1)  # CuPy has no insert
    with pytest.raises(TypeError):
        np.spacing(x)
    with pytest.raises(TypeError, match="Unsupported type"):
        np.concatenate([x, host()])
    with pytest.raises(TypeError):
        np.add(host(), 1, out=x, where=True)


def test_weak_references():
    x = xp.ones(2)
    reference = weakref.ref(x)
    assert reference() is x
    del x
    assert reference() is None
