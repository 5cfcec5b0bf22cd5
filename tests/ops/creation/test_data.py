import array
import collections

import ml_dtypes
import numpy as np
import pytest

import gpunn as gp


class TestTensor:
    def test_numbers_and_lists(self, device):
        x = gp.tensor([[1.0, 2], [3, 4]], device=device)
        assert x.dtype is gp.float32 and x.device.type == device and x.tolist() == [[1, 2], [3, 4]]
        assert gp.tensor(3).dtype is gp.int64 and gp.tensor(3).shape == ()
        assert gp.tensor(True).dtype is gp.bool
        assert gp.tensor(1, dtype=gp.bfloat16, device=device).item() == 1.0
        assert gp.tensor([1.0], requires_grad=True).requires_grad
        assert gp.tensor(collections.deque([1, 2])).tolist() == [1, 2]
        assert gp.tensor(array.array("d", [1, 2])).dtype is gp.float32

    def test_default_dtype(self):
        gp.set_default_dtype(gp.float64)
        try:
            assert gp.tensor(1.5).dtype is gp.tensor([1.5]).dtype is gp.float64
        finally:
            gp.set_default_dtype(gp.float32)

    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32", "float64", ml_dtypes.bfloat16])
    def test_arrays_keep_their_dtype(self, dtype):
        a = np.ones((2, 3), dtype)
        x = gp.tensor(a)
        assert x.array.dtype == dtype and not np.shares_memory(x.array, a)
        assert gp.tensor(a[0, 0]).array.dtype == dtype

    def test_layout_and_byte_order(self):
        assert gp.tensor(np.arange(6)[::-2]).tolist() == [5, 3, 1]
        assert gp.tensor(np.arange(3, dtype=">i4")).dtype is gp.int32
        read_only = np.arange(3)
        read_only.flags.writeable = False
        assert gp.tensor(read_only).fill_(1).tolist() == [1, 1, 1]

    def test_of_a_tensor_is_a_copy_without_history(self, device):
        x = gp.ones(2, device=device, requires_grad=True) * 2
        y = gp.tensor(x)
        assert y.is_leaf and not y.requires_grad and y.device == x.device
        y.fill_(5)
        assert x.tolist() == [2, 2]
        assert gp.tensor(x, dtype=gp.int8, device="cpu").dtype is gp.int8

    @pytest.mark.parametrize(
        "data", ["a", b"ab", None, {"a": 1}, {1}, 1j, object(), np.array("a"), np.array([1j]), np.zeros(2, np.uint16)]
    )
    def test_what_is_no_tensor(self, data):
        with pytest.raises(TypeError):
            gp.tensor(data)

    def test_integers_require_no_gradient(self):
        with pytest.raises(RuntimeError, match="floating point"):
            gp.tensor([1, 2], requires_grad=True)


class TestAsTensor:
    def test_shares_memory(self):
        a = np.zeros(3)
        for x in (gp.as_tensor(a), gp.from_numpy(a), gp.as_tensor(a, dtype=gp.float64, device="cpu")):
            assert np.shares_memory(x.array, a)
        gp.from_numpy(a[1:]).fill_(2)
        assert a.tolist() == [0, 2, 2]
        assert not np.shares_memory(gp.as_tensor(a, dtype=gp.float32).array, a)

    def test_of_a_tensor_keeps_its_history(self, device):
        x = gp.ones(2, device=device, requires_grad=True)
        assert gp.as_tensor(x) is x
        gp.as_tensor(x, dtype=gp.float64).sum().backward()
        assert x.grad.tolist() == [1, 1]

    def test_of_lists(self, device):
        assert gp.as_tensor([1, 2.5], device=device).tolist() == [1, 2.5]

    @pytest.mark.parametrize("make", [gp.as_tensor, gp.from_numpy])
    def test_memory_that_cannot_be_shared(self, make):
        with pytest.raises(ValueError, match=r"stride .* negative: .* Copy it"):
            make(np.arange(3)[::-1])
        with pytest.raises(ValueError, match="not a multiple of the element byte size"):
            make(np.zeros(2, [("a", "f4"), ("b", "i1")])["a"])
        with pytest.raises(TypeError, match="complex128"):
            make(np.zeros(2, complex))

    def test_arrays_of_a_gpu(self, device):
        if device == "cuda":
            x = gp.ones(2, device=device)
            assert gp.as_tensor(x.array).array is x.array
            assert gp.tensor(x.array).device == x.device


class TestFromNumpy:
    def test_refuses(self):
        for wrong in ([1], np.float64(1), gp.zeros(1)):
            with pytest.raises(TypeError, match=r"expected np\.ndarray .*; use gpunn\.tensor"):
                gp.from_numpy(wrong)
        with pytest.raises(ValueError, match="byte order"):
            gp.from_numpy(np.zeros(2, ">f4"))

    def test_read_only(self):
        a = np.zeros(2)
        a.flags.writeable = False
        x = gp.from_numpy(a)
        with pytest.raises(ValueError, match="read-only"):
            x.add_(1)
        assert x._version == [0] and (x + 1).tolist() == [1, 1]


class TestFromDlpack:
    def test_shares_memory(self):
        a = np.arange(3.0)
        x = gp.from_dlpack(a)
        x.narrow(0, 1, 2).fill_(7)
        assert a.tolist() == [0, 7, 7]

    def test_of_a_tensor(self):
        x = gp.zeros(3)
        assert gp.from_dlpack(x).data_ptr() == x.data_ptr()
        with pytest.raises(BufferError, match="require gradient"):
            gp.from_dlpack(gp.zeros(1, requires_grad=True))

    def test_refuses(self):
        with pytest.raises(TypeError, match="__dlpack__"):
            gp.from_dlpack([1])
        with pytest.raises(TypeError, match="complex"):
            gp.from_dlpack(np.zeros(1, complex))


def test_from_dlpack_with_a_copy_or_to_a_device(device):
    source = np.array([1.0, 2.0])
    shared, copied = gp.from_dlpack(source, device="cpu", copy=False), gp.from_dlpack(source, copy=True)
    source[0] = 5.0
    assert (shared.tolist(), copied.tolist()) == ([5.0, 2.0], [1.0, 2.0])
    there = gp.from_dlpack(source, device=device)
    assert there.is_cuda is (device != "cpu")
    assert there.tolist() == [5.0, 2.0]
    if there.is_cuda:
        with pytest.raises(ValueError, match="needs a copy"):
            gp.from_dlpack(source, device=device, copy=False)


def test_asarray_shares_memory_unless_a_copy_is_wanted(device):
    x = gp.tensor([1.0, 2.0], device=device)
    assert gp.asarray(x) is x and gp.asarray(x, copy=False) is x
    assert gp.asarray(x.array, copy=False).data_ptr() == x.data_ptr()
    for given in (x, x.array):
        copied = gp.asarray(given, copy=True)
        assert copied.data_ptr() != x.data_ptr() and copied.device == x.device and copied.tolist() == [1, 2]
    assert gp.asarray(x, dtype=gp.int64).tolist() == [1, 2]
    assert gp.asarray([1, 2], dtype=gp.float64).dtype is gp.float64
    for given, dtype in ((x, gp.int64), (x.array, gp.float64), ([1.0], None), (2, None)):
        with pytest.raises(ValueError, match="can't alias"):
            gp.asarray(given, dtype=dtype, copy=False)


def test_history_of_asarray(device):
    x = gp.ones(2, device=device, requires_grad=True) * 2
    assert gp.asarray(x).grad_fn is x.grad_fn and gp.asarray(x, requires_grad=True).grad_fn is x.grad_fn
    assert not gp.asarray(x, requires_grad=False).requires_grad and x.requires_grad
    assert gp.asarray(x, copy=True).grad_fn.name() == "CloneBackward0"
    plain = gp.ones(2, device=device)
    assert gp.asarray(plain, requires_grad=True).is_leaf and not plain.requires_grad
