"""Products by cuBLASLt, whose library is imitated: it reads descriptors as the real one does and computes with NumPy.

The emulated device's addresses are those of the host, so layouts, transposes, pitches and batches are put to the test.
The real library has not been called.
"""

import ctypes
import math
import subprocess
from itertools import count
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from gpunn import backend, blas, capture, emulator
from gpunn.blas import GELU, NONE, RELU, BlasError, Heuristic, Library
from gpunn.capture import Capture, CaptureError
from gpunn.emulator import compiler

NUMPY = {0: np.float32, 1: np.float64, 2: np.float16, 14: ml_dtypes.bfloat16}
SIZES = {3: 4, 4: 4, 7: 4, 8: 8, 26: 4}  # of the attributes of a description, as in cublasLt.h


class Function:
    """A function of the library, which ctypes would give argument types."""

    def __init__(self, call):
        self.call, self.argtypes, self.restype = call, None, None

    def __call__(self, *args):
        assert len(args) == len(self.argtypes)
        assert self.restype is ctypes.c_int
        result = self.call(*args)
        return 0 if result is None else result


def number(value):
    return value.value if hasattr(value, "value") else value


class Imitation:
    """cuBLASLt: column-major, D = epilogue(op(A) op(B) + bias)."""

    def __init__(self):
        self.objects, self.handles, self.calls = {}, count(100), []
        self.status, self.found = 0, 1
        for name in blas.FUNCTIONS:
            setattr(self, name, Function(getattr(self, "_" + name[len("cublasLt") :])))

    def _new(self, pointer, content):
        handle = next(self.handles)
        pointer._obj.value = handle
        self.objects[handle] = content

    def _Create(self, pointer):  # noqa: N802
        self._new(pointer, "handle")

    def _MatmulDescCreate(self, pointer, compute, scale):  # noqa: N802
        assert (compute, scale) in ((68, 0), (77, 0), (70, 1))
        self._new(pointer, {"compute": compute, "scale": scale})

    def _MatrixLayoutCreate(self, pointer, type_, rows, columns, pitch):  # noqa: N802
        assert pitch >= max(rows, 1)
        self._new(pointer, {"type": type_, "shape": (rows, columns), "pitch": pitch})

    def _MatmulPreferenceCreate(self, pointer):  # noqa: N802
        self._new(pointer, {})

    def _MatmulPreferenceDestroy(self, handle):  # noqa: N802
        del self.objects[number(handle)]

    def _set(self, handle, attribute, value, size):
        assert size == ctypes.sizeof(value._obj)
        self.objects[number(handle)][attribute] = value._obj.value

    def _MatmulDescSetAttribute(self, handle, attribute, value, size):  # noqa: N802
        assert size == SIZES[attribute]
        self._set(handle, attribute, value, size)

    def _MatrixLayoutSetAttribute(self, handle, attribute, value, size):  # noqa: N802
        assert size == {5: 4, 6: 8}[attribute]
        self._set(handle, attribute, value, size)

    def _MatmulPreferenceSetAttribute(self, handle, attribute, value, size):  # noqa: N802
        assert size == (8 if attribute == 1 else 4)
        self._set(handle, attribute, value, size)

    def _MatmulAlgoGetHeuristic(self, handle, desc, a, b, c, d, preference, wanted, result, found):  # noqa: N802
        assert self.objects[number(handle)] == "handle"
        assert wanted == 1
        description = self.objects[number(desc)]
        if description[7] & 4:  # the real one goes by the alignment of the bias, and refuses where there is none
            assert description[8] in (4, 8, 16, 32, 64, 128, 256)
        assert self.objects[number(preference)][1] == 32 << 20
        assert self.objects[number(preference)][3] == 2
        self.alignments = [self.objects[number(preference)][i] for i in (5, 6, 7, 8)]
        result._obj.algorithm, result._obj.workspace = b"chosen", 1 << 20
        found._obj.value = self.found

    def _read(self, address, layout):
        """The matrices of a layout, (batch, rows, columns), as a writable view."""
        dtype, (rows, columns) = np.dtype(NUMPY[layout["type"]]), layout["shape"]
        batch, step = layout[5], layout[6]
        length = step * (batch - 1) + layout["pitch"] * (columns - 1) + rows
        memory = (ctypes.c_byte * (length * dtype.itemsize)).from_address(address)
        flat = np.frombuffer(memory, dtype)
        size = dtype.itemsize
        strides = (step * size, size, layout["pitch"] * size)
        return np.lib.stride_tricks.as_strided(flat, (batch, rows, columns), strides)

    def _Matmul(self, handle, desc, alpha, a, la, b, lb, beta, c, lc, d, ld, algo, workspace, size, stream):  # noqa: N802
        description = self.objects[number(desc)]
        layouts = [self.objects[number(x)] for x in (la, lb, ld)]
        assert (alpha._obj.value, beta._obj.value) == (1, 0)
        assert type(alpha._obj) is (ctypes.c_double if description["scale"] else ctypes.c_float)
        assert (c, number(lc)) == (d, number(ld)) and algo._obj.algorithm == b"chosen"
        assert size == 32 << 20 and workspace
        self.calls.append((description["compute"], stream))
        wide = np.float64 if description["scale"] else np.float32
        left, right = self._read(a, layouts[0]).astype(wide), self._read(b, layouts[1]).astype(wide)
        left = left.swapaxes(1, 2) if description[3] else left
        right = right.swapaxes(1, 2) if description[4] else right
        product = left @ right
        epilogue = description[7]
        if epilogue & 4:
            assert NUMPY[description[26]] == NUMPY[layouts[2]["type"]]
            bias = self._read(
                description[8],
                {"type": description[26], "shape": (product.shape[1], 1), "pitch": product.shape[1], 5: 1, 6: 0},
            )
            product = product + bias.astype(wide)
        if epilogue & 2:
            product = np.maximum(product, 0)
        if epilogue & 32:
            product = 0.5 * product * (1 + np.tanh(math.sqrt(2 / math.pi) * (product + 0.044715 * product**3)))
        self._read(d, layouts[2])[...] = product
        return self.status


@pytest.fixture
def made():
    with emulator.enable():
        imitation = Imitation()
        yield Library(imitation), imitation


def on(x):
    return backend.to_device(x, backend.device("cuda"))


SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 4), (4, 1)),
    ((1, 1), (1, 1)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 1, 4), (2, 3, 4, 6)),
    ((7, 1), (1, 3)),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_products(shapes, dtype, turned, made):
    rng = np.random.default_rng(0)
    arrays = []
    for shape, is_turned in zip(shapes, turned, strict=True):
        x = rng.integers(-4, 5, shape).astype(dtype)
        arrays.append(on(x.swapaxes(-1, -2).copy()).swapaxes(-1, -2) if is_turned else on(x))
    found = made[0].matmul(*arrays)
    wanted = arrays[0].get().astype(float) @ arrays[1].get().astype(float)
    assert found.dtype == dtype and found.flags.c_contiguous
    np.testing.assert_array_equal(found.get().astype(float), wanted)


def test_views(made):
    a, b = on(np.arange(60.0).reshape(5, 12)), on(np.arange(48.0).reshape(12, 4))
    for x, y in ((a[:, 2:6], b[:4]), (a[::2, :4], b[:4, 1:3]), (a[:, ::3], b[::3]), (a[1:2, ::4], b[:3, 3:])):
        np.testing.assert_array_equal(made[0].matmul(x, y).get(), x.get() @ y.get())
    many = on(np.arange(24.0).reshape(2, 3, 4))
    wide = backend.cuda_module().broadcast_to(many[:1], (2, 3, 4))
    np.testing.assert_array_equal(made[0].matmul(wide, many.mT).get(), wide.get() @ many.get().swapaxes(1, 2))


@pytest.mark.parametrize("activation", [NONE, RELU, GELU])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_epilogues(activation, has_bias, dtype, made):
    rng = np.random.default_rng(1)
    a, b, c = (rng.integers(-3, 4, s).astype(dtype) for s in ((3, 4), (4, 5), (5,)))
    found = made[0].matmul(on(a), on(b), on(c) if has_bias else None, activation).get().astype(float)
    wanted = a.astype(float) @ b.astype(float) + (c.astype(float) if has_bias else 0)
    if activation == RELU:
        wanted = np.maximum(wanted, 0)
    if activation == GELU:
        wanted = 0.5 * wanted * (1 + np.tanh(math.sqrt(2 / math.pi) * (wanted + 0.044715 * wanted**3)))
    np.testing.assert_allclose(found, wanted, rtol=1e-2 if dtype == "bfloat16" else 1e-5, atol=1e-6)


def test_plans_are_kept_and_streams_given(made):
    library, imitation = made
    a, b = on(np.ones((8, 8), np.float32)), on(np.ones((8, 8), np.float32))
    library.matmul(a, b)
    objects = len(imitation.objects)
    with backend.cuda_module().cuda.Stream() as stream:
        library.matmul(a, b)
    assert len(imitation.objects) == objects
    assert [s for _, s in imitation.calls] == [0, stream.ptr]
    assert len(library._workspaces) == 2
    assert all(a in (16, 32, 64, 128, 256) for a in imitation.alignments)
    library.matmul(a[:, 1:], b[1:])
    assert imitation.alignments[1] == 4  # of A, which comes second


def test_tf32_is_asked_for(made):
    library, imitation = made
    a = on(np.ones((4, 4), np.float32))
    backend.allow_tf32_in_products(True)
    try:
        library.matmul(a, a)
        library.matmul(a.astype(np.float64), a.astype(np.float64))
    finally:
        backend.allow_tf32_in_products(False)
    library.matmul(a, a)
    assert [compute for compute, _ in imitation.calls] == [77, 70, 68]


def test_while_recording(made):
    """A known product takes the graph's own workspace; a new one has no algorithm and raises."""
    library, _ = made
    a, recording = on(np.ones((4, 4), np.float32)), Capture(True)
    library.matmul(a, a)
    with capture.noting(recording):
        library.matmul(a, a)
        with pytest.raises(CaptureError, match=r"no algorithm .* \(3, 4\) @ \(4, 4\)"):
            library.matmul(a[:3], a)
    assert recording.parts["blas"].nbytes == 32 << 20
    assert any(x is a or x.data.ptr == a.data.ptr for x in recording.kept)


def test_errors(made):
    library, imitation = made
    a = on(np.ones((4, 4), np.float32))
    with pytest.raises(BlasError, match="no product of int64"):
        library.matmul(a.astype(np.int64), a.astype(np.int64))
    with pytest.raises(BlasError, match=r"float32 .* and float64"):
        library.matmul(a, a.astype(np.float64))
    assert library.matmul(a[:0], a).shape == (0, 4)
    with pytest.raises(BlasError, match="no product"):
        library.matmul(a[:, :0], a[:0])
    imitation.found = 0
    for _ in range(2):
        with pytest.raises(BlasError, match="no algorithm"):
            library.matmul(a, a)
        imitation.found = 1  # too late: it has been asked
    a = a.astype(np.float64)
    imitation.status = 15
    with pytest.raises(BlasError, match="cublasLtMatmul: cuBLAS reports status 15"):
        library.matmul(a, a)


def test_where_there_is_no_library():
    with emulator.enable():
        blas.library.cache_clear()
        with pytest.raises(BlasError, match="cannot be used"):
            blas.library()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A library in C, whose functions have the types of NVIDIA's header."""
    if (problem := compiler.compiler_problem()) is not None:
        pytest.skip(problem)
    target = tmp_path_factory.mktemp("cublaslt") / "libcublasLt.so"
    source = Path(__file__).with_name("cublaslt.cpp")
    subprocess.run(
        [compiler.find_compiler().path, "-shared", "-fPIC", "-Wall", "-Werror", source, "-o", target], check=True
    )
    return ctypes.CDLL(str(target))


def test_what_reaches_c(compiled):
    """Every argument of every function comes through ctypes whole, and in the order of the header."""
    compiled.imitation_notes.restype, compiled.imitation_size.restype = ctypes.c_char_p, ctypes.c_size_t
    assert compiled.imitation_size() == ctypes.sizeof(Heuristic)
    with emulator.enable():
        cupy, library = backend.cuda_module(), Library(compiled)
        a, b, bias = (cupy.zeros(shape, np.float32) for shape in ((2, 3, 5), (2, 5, 7), (7,)))
        with cupy.cuda.Stream() as stream:
            d = library.matmul(a, b, bias, RELU)
            workspace = library.workspace(a)
        pointers = [f"0x{x.data.ptr:x}" for x in (a, b, d, workspace)]
    handle, description, of_b, of_a, of_d, preference = (f"0x{0x7F0000000000 + n:x}" for n in (6, 1, 2, 3, 4, 5))
    lines = compiled.imitation_notes().decode().splitlines()
    attributes = {}
    for line in lines:
        name, *numbers = line.split()
        if name in ("description", "layout", "preference") and numbers[0].startswith("0x"):
            attributes.setdefault(numbers[0], {})[int(numbers[1])] = int(numbers[2]), int(numbers[3])
    align = [x.data.ptr & -x.data.ptr for x in (b, a)]
    assert "description 68 0" in lines
    assert [line for line in lines if line.startswith("layout ") and "0x" not in line] == [
        "layout 0 7 5 7", "layout 0 5 3 5", "layout 0 7 3 7",
    ]  # fmt: skip
    assert attributes[description] == {3: (0, 4), 4: (0, 4), 7: (6, 4), 26: (0, 4), 8: (bias.data.ptr, 8)}
    assert [attributes[x] for x in (of_b, of_a, of_d)] == [
        {5: (2, 4), 6: (35, 8)}, {5: (2, 4), 6: (15, 8)}, {5: (2, 4), 6: (21, 8)},
    ]  # fmt: skip
    limits = {1: (32 << 20, 8), 3: (2, 4), 7: (256, 4), 8: (256, 4)}
    assert attributes[preference] == limits | {5: (min(256, align[0]), 4), 6: (min(256, align[1]), 4)}
    assert f"heuristic {handle} {description} {of_b} {of_a} {of_d} {of_d} {preference} 1" in lines
    assert f"destroy {preference}" in lines
    algorithm = "1,0,3,4,5,6,7,fedcba9876543210,"
    at_a, at_b, at_d, at_workspace = pointers
    assert lines[-1] == (
        f"matmul {handle} {description} 1 {at_b} {of_b} {at_a} {of_a} 0 {at_d} {of_d} {at_d} {of_d} "
        f"{algorithm} {at_workspace} {32 << 20} 0x{stream.ptr:x}"
    )


def test_the_bias_is_known_when_an_algorithm_is_chosen(made):
    """By its alignment, so that one with another gets an algorithm of its own."""
    library, _ = made
    a, bias = on(np.ones((4, 4), np.float32)), on(np.arange(8, dtype=np.float32))
    plain = library.matmul(a, a).get()
    for part in (bias[:4], bias[1:5], bias[:4]):
        np.testing.assert_array_equal(library.matmul(a, a, part).get(), plain + part.get())
    assert len(library._plans) == 3
