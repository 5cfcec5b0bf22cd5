"""The object that plays the module `cupy`, and switching it on and off."""

import numpy as np
import pytest

from gpunn import backend, emulator
from gpunn.emulator import catalogue
from gpunn.emulator.namespace import Namespace, cupy

xp = cupy


@pytest.mark.parametrize("name", sorted(catalogue.MISSING))
def test_names_that_cupy_lacks(name):
    target = xp
    *modules, last = name.split(".")
    for module in modules:
        target = getattr(target, module)
    with pytest.raises(AttributeError, match=r"has no attribute|does not play"):
        getattr(target, last)


@pytest.mark.parametrize("name", ["random", "testing", "save", "mgrid", "vectorize", "polynomial", "exceptions"])
def test_names_that_are_not_played(name):
    with pytest.raises(AttributeError, match=rf"does not play cupy\.{name}"):
        getattr(xp, name)


@pytest.mark.parametrize("name", ["RawKernel", "ElementwiseKernel", "ReductionKernel"])
def test_other_kernels_are_not_played(name):
    with pytest.raises(AttributeError, match="use RawModule"):
        getattr(xp, name)


def test_unknown_and_private_names():
    for name in ("no_such_name", "_util", "__array_function__"):
        assert not hasattr(xp, name)
    assert not hasattr(xp.linalg, "no_such_name")


def test_types_and_constants_are_numpys_own():
    for name in (
        "float16",
        "float32",
        "float64",
        "int8",
        "int64",
        "uint8",
        "bool",
        "bool_",
        "dtype",
        "finfo",
        "iinfo",
    ):
        assert getattr(xp, name) is getattr(np, name)
    for name in ("pi", "inf", "newaxis", "e", "issubdtype", "promote_types", "s_", "integer", "floating"):
        assert getattr(xp, name) is getattr(np, name)
    assert np.isnan(xp.nan)
    assert xp.broadcast_shapes((2, 1), (3,)) == (2, 3)
    assert xp.linalg.LinAlgError is np.linalg.LinAlgError


def test_names_are_looked_up_once():
    assert xp.exp is xp.exp
    assert xp.sum is xp.sum
    assert "sum" in vars(xp)


def test_dir_lists_what_is_offered():
    names = dir(xp)
    assert {"add", "sum", "linalg", "ndarray", "asnumpy", "cuda", "float32"} <= set(names)
    assert not {"vecdot", "random", "RawKernel", "matrix"} & set(names)
    assert all(hasattr(xp, name) for name in names)
    assert "norm" in dir(xp.linalg)
    assert "vector_norm" not in dir(xp.linalg)


def test_names_of_the_modules():
    assert xp.__name__ == "cupy"
    assert xp.linalg.__name__ == "cupy.linalg"
    assert xp.lib.stride_tricks.__name__ == "cupy.lib.stride_tricks"
    assert repr(xp.linalg) == "<emulated module 'cupy.linalg'>"
    assert xp.__version__.startswith("14.")


def test_a_namespace_of_another_module():
    fft = Namespace(np.fft, "fft.", extra=3)
    assert fft.extra == 3
    assert fft.rfft(xp.ones(4)).tolist() == [4, 0, 0]
    with pytest.raises(TypeError, match=r"takes cupy\.ndarray"):
        fft.rfft([1.0])


def test_linalg():
    a = np.array([[4.0, 1], [1, 3]])
    x = xp.asarray(a)
    for name in ("inv", "det", "cholesky", "norm", "eigvalsh", "pinv", "matrix_rank"):
        result = getattr(xp.linalg, name)(x)
        assert type(result) is xp.ndarray
        np.testing.assert_array_equal(result.get(), getattr(np.linalg, name)(a))
    left, values, right = xp.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(((left * values) @ right).get(), a, rtol=1e-14)


def test_enable_and_disable():
    assert not emulator.enabled()
    emulator.enable()
    try:
        assert emulator.enabled()
        assert backend.cuda_module() is cupy
        assert backend.is_cuda(xp.ones(1))
        assert backend.array_module(xp.ones(1)) is cupy
        assert backend.array_module(np.ones(1)) is np
        assert backend.cuda_problem() is None
    finally:
        emulator.disable()
    assert not emulator.enabled()
    assert not backend.is_cuda(xp.ones(1))


def test_enabling_for_a_block():
    with emulator.enable():
        assert emulator.enabled()
        with emulator.enable():
            assert emulator.enabled()
        assert emulator.enabled()
    assert not emulator.enabled()
    with pytest.raises(ZeroDivisionError), emulator.enable():
        raise ZeroDivisionError
    assert not emulator.enabled()


def test_the_backend_moves_arrays_to_the_emulated_device_and_back():
    with emulator.enable():
        a = np.arange(3)
        x = backend.to_device(a, backend.device("cuda", 0))
        assert type(x) is xp.ndarray
        assert backend.device_of(x) == backend.device("cuda", 0)
        assert backend.to_device(x, backend.device("cuda")) is x
        np.testing.assert_array_equal(backend.asnumpy(x), a)
        assert backend.is_view(x[1:], x)
        assert not backend.is_view(x + 1, x)
        before = emulator.synchronisations.count
        backend.synchronize()
        assert emulator.synchronisations.count == before + 1
