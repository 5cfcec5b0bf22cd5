"""cuBLASLt by ctypes: products of matrices on an explicit stream, which a CUDA graph can record as CuPy's cannot.

D = activation(A @ B + bias). Algorithms are chosen once for each kind of product, before anything is recorded: the
heuristic of cuBLASLt may fail during a capture. The workspace of 32 MiB, which kernels for Hopper want, belongs to a
stream, or to the graph that is being recorded. Split sums go through the workspace, in the type that sums are computed
in: neither through atomics nor rounded to half types on the way.

NVIDIA's own Python bindings (nvmath-python) call their cuBLASLt module experimental; the twelve C functions used here
are the same in CUDA 12 and 13.

This has never run on a GPU: it is tested against an imitation of the library that computes with NumPy. So it is off
unless `gpunn.kernels.settings.settings.library_products` is set; otherwise captured steps use kernels of our own.
Numbers, sizes and the order of arguments are those of NVIDIA's cublasLt.h of CUDA 12 and 13.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char, c_double, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from gpunn import backend, capture
from gpunn.backend import Array, array_module
from gpunn.capture import CaptureError
from gpunn.errors import UnsupportedError

WORKSPACE: Final = 32 << 20  # bytes
ALIGNMENT: Final = 256  # bytes: more makes no difference to cuBLASLt
NONE, RELU, GELU = 1, 2, 32  # cublasLtEpilogue_t; GELU is the approximation by tanh
WITH_BIAS: Final = 4

# cudaDataType_t, cublasComputeType_t, and the type of the factors
TYPES: Final = {"float32": (0, 68, 0), "float64": (1, 70, 1), "float16": (2, 68, 0), "bfloat16": (14, 68, 0)}
TF32: Final = 77  # CUBLAS_COMPUTE_32F_FAST_TF32
# cublasLtMatmulDescAttributes_t, cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t
TRANSPOSE_A, TRANSPOSE_B, EPILOGUE, BIAS_POINTER, BIAS_TYPE = 3, 4, 7, 8, 26
BATCH_COUNT, BATCH_STRIDE = 5, 6
MAX_WORKSPACE, REDUCTIONS, ALIGNMENT_A = 1, 3, 5
IN_WORKSPACE: Final = 2  # CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE: split sums in a workspace, in the type of the sums

POINTER, HANDLE = ctypes.POINTER(c_void_p), c_void_p
FUNCTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "cublasLtCreate": (POINTER,),
    "cublasLtMatmulDescCreate": (POINTER, c_int, c_int),
    "cublasLtMatmulDescSetAttribute": (HANDLE, c_int, c_void_p, c_size_t),
    "cublasLtMatrixLayoutCreate": (POINTER, c_int, c_uint64, c_uint64, c_int64),
    "cublasLtMatrixLayoutSetAttribute": (HANDLE, c_int, c_void_p, c_size_t),
    "cublasLtMatmulPreferenceCreate": (POINTER,),
    "cublasLtMatmulPreferenceSetAttribute": (HANDLE, c_int, c_void_p, c_size_t),
    "cublasLtMatmulPreferenceDestroy": (HANDLE,),
    "cublasLtMatmulAlgoGetHeuristic": (*[HANDLE] * 7, c_int, c_void_p, ctypes.POINTER(c_int)),
    "cublasLtMatmul": (*[c_void_p] * 14, c_size_t, c_void_p),
}


class Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t, 96 bytes: an algorithm and what it needs."""

    _fields_ = (
        ("algorithm", c_char * 64),
        ("workspace", c_size_t),
        ("state", c_int),
        ("waves", c_float),
        ("reserved", c_int * 4),
    )


class Matrix(NamedTuple):
    """How the matrices of a batch lie, in the words of a library that counts columns first."""

    transposed: bool  # whether rows of the row-major matrix lie side by side in the other order
    pitch: int  # elements from one line to the next
    batch_stride: int
    alignment: int


class Kind(NamedTuple):
    """What an algorithm is chosen for: D (rows, columns) = A (rows, depth) @ B (depth, columns), `batch` of them."""

    device: int
    dtype: str
    batch: int
    rows: int
    columns: int
    depth: int
    a: Matrix
    b: Matrix
    d: Matrix
    epilogue: int
    bias: int  # what its address is a multiple of, as `alignment`; 0: no bias
    is_tf32: bool


class Plan(NamedTuple):
    """Descriptors, and the algorithm. Row-major D = A B is column-major Dᵀ = Bᵀ Aᵀ, so B comes first."""

    description: c_void_p
    layouts: tuple[c_void_p, c_void_p, c_void_p]  # of B, A and D
    heuristic: Heuristic
    factors: tuple[Any, Any]  # alpha and beta


class BlasError(UnsupportedError):
    """What cuBLASLt reports: it has no algorithm, or it is not there."""


class Library:
    """The functions of cuBLASLt, each of which raises BlasError unless it reports success; and what was planned."""

    def __init__(self, library: Any) -> None:
        self._library = library
        for name, arguments in FUNCTIONS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_int
        self._handles: dict[int, c_void_p] = {}
        self._plans: dict[Kind, Plan | BlasError] = {}
        self._workspaces: dict[tuple[int, int], Array] = {}

    def call(self, name: str, *args: Any) -> None:
        """Call a function of the library."""
        status = getattr(self._library, name)(*args)
        if status != 0:
            raise BlasError(f"{name}: cuBLAS reports status {status}")

    def handle(self, device: int) -> c_void_p:
        """The library's handle for a GPU."""
        if device not in self._handles:
            handle = c_void_p()
            self.call("cublasLtCreate", byref(handle))
            self._handles[device] = handle
        return self._handles[device]

    def plan(self, kind: Kind) -> Plan:
        """The plan for products of this kind. It cannot be made while a graph is recorded."""
        plan = self._plans.get(kind)
        if plan is None:
            if capture.current() is not None:
                shapes = f"{kind.rows, kind.depth} @ {kind.depth, kind.columns}"
                raise CaptureError(f"no algorithm has been chosen for the product {shapes}: it was not made before")
            try:
                plan = self._made(kind)
            except BlasError as error:  # the same answer while a graph is recorded
                plan = error
            self._plans[kind] = plan
        if isinstance(plan, BlasError):
            raise plan
        return plan

    def _made(self, kind: Kind) -> Plan:
        type_, compute, scale = TYPES[kind.dtype]
        description = c_void_p()
        self.call("cublasLtMatmulDescCreate", byref(description), TF32 if kind.is_tf32 else compute, scale)
        describe = "cublasLtMatmulDescSetAttribute"
        self._set(describe, description, TRANSPOSE_A, c_int32(kind.b.transposed))
        self._set(describe, description, TRANSPOSE_B, c_int32(kind.a.transposed))
        self._set(describe, description, EPILOGUE, c_int32(kind.epilogue))
        if kind.bias:  # the heuristic does not read there, but goes by how the address is aligned
            self._set(describe, description, BIAS_TYPE, c_int32(type_))
            self._set(describe, description, BIAS_POINTER, c_void_p(kind.bias))
        shapes = (kind.columns, kind.depth), (kind.depth, kind.rows), (kind.columns, kind.rows)
        layouts = [
            self._layout(type_, shape, matrix, kind.batch)
            for shape, matrix in zip(shapes, (kind.b, kind.a, kind.d), strict=True)
        ]
        heuristic = self._chosen(kind, description, layouts)
        factor = c_double if scale == 1 else c_float
        return Plan(description, (layouts[0], layouts[1], layouts[2]), heuristic, (factor(1), factor(0)))

    def _set(self, function: str, on: c_void_p, attribute: int, value: Any) -> None:
        self.call(function, on, attribute, byref(value), ctypes.sizeof(value))

    def _layout(self, type_: int, shape: tuple[int, int], matrix: Matrix, count: int) -> c_void_p:
        layout = c_void_p()
        rows, columns = shape[::-1] if matrix.transposed else shape
        self.call("cublasLtMatrixLayoutCreate", byref(layout), type_, rows, columns, matrix.pitch)
        self._set("cublasLtMatrixLayoutSetAttribute", layout, BATCH_COUNT, c_int32(count))
        self._set("cublasLtMatrixLayoutSetAttribute", layout, BATCH_STRIDE, c_int64(matrix.batch_stride))
        return layout

    def _chosen(self, kind: Kind, description: c_void_p, layouts: list[c_void_p]) -> Heuristic:
        preference, heuristic, found = c_void_p(), Heuristic(), c_int()
        self.call("cublasLtMatmulPreferenceCreate", byref(preference))
        prefer = "cublasLtMatmulPreferenceSetAttribute"
        self._set(prefer, preference, MAX_WORKSPACE, c_uint64(WORKSPACE))
        self._set(prefer, preference, REDUCTIONS, c_uint32(IN_WORKSPACE))
        for i, matrix in enumerate((kind.b, kind.a, kind.d, kind.d)):
            self._set(prefer, preference, ALIGNMENT_A + i, c_uint32(matrix.alignment))
        operands = (self.handle(kind.device), description, layouts[0], layouts[1], layouts[2], layouts[2])
        self.call("cublasLtMatmulAlgoGetHeuristic", *operands, preference, 1, byref(heuristic), byref(found))
        self.call("cublasLtMatmulPreferenceDestroy", preference)
        if not found.value or heuristic.state != 0:
            raise BlasError(f"cuBLASLt has no algorithm for {kind}")
        return heuristic

    def workspace(self, like: Array) -> Array:
        """Scratch memory: of the graph that is being recorded, else of the current stream."""
        cupy, recording = array_module(like), capture.current()
        if recording is not None:
            if "blas" not in recording.parts:
                recording.parts["blas"] = cupy.empty(WORKSPACE, np.uint8)
            return recording.parts["blas"]
        place = int(like.device.id), int(cupy.cuda.get_current_stream().ptr)
        if place not in self._workspaces:
            self._workspaces[place] = cupy.empty(WORKSPACE, np.uint8)
        return self._workspaces[place]

    def matmul(self, a: Array, b: Array, bias: Array | None = None, activation: int = NONE) -> Array:
        """activation(a @ b + bias) for a (…, m, k), b (…, k, n) of equal batches, bias (n,): (…, m, n), C-contiguous.

        `activation`: NONE, RELU or GELU. Operands whose lines have gaps within are copied. BlasError if the library
        has no algorithm; CaptureError if it would have to be chosen while a graph is recorded.
        """
        cupy, shape = array_module(a), (*a.shape[:-1], b.shape[-1])
        if a.dtype.name not in TYPES or b.dtype != a.dtype or a.shape[:-2] != b.shape[:-2]:
            raise BlasError(f"cuBLASLt: no product of {a.dtype} {a.shape} and {b.dtype} {b.shape}")
        out = cupy.empty(shape, a.dtype)
        if not out.size:
            return out
        if not a.size:
            raise BlasError(f"cuBLASLt: no product of {a.shape} and {b.shape}")
        (a, of_a), (b, of_b), (_, of_d) = _laid(a), _laid(b), _laid(out)
        of_d = of_d._replace(alignment=ALIGNMENT)  # what CuPy allocates is aligned to 512 bytes
        epilogue = (activation & ~NONE | WITH_BIAS) if bias is not None else activation
        is_tf32 = a.dtype == np.float32 and backend.is_tf32_in_products()
        sizes = len(a), shape[-2], shape[-1], a.shape[-1]
        bias = None if bias is None else cupy.ascontiguousarray(bias)
        of_bias = 0 if bias is None else _alignment(bias)
        plan = self.plan(Kind(int(a.device.id), a.dtype.name, *sizes, of_a, of_b, of_d, epilogue, of_bias, is_tf32))
        if bias is not None:
            pointer = c_void_p(bias.data.ptr)
            self._set("cublasLtMatmulDescSetAttribute", plan.description, BIAS_POINTER, pointer)
        workspace, stream = self.workspace(a), int(cupy.cuda.get_current_stream().ptr)
        for array in (a, b) if bias is None else (a, b, bias):
            _keep(array)
        (first, second, result), (one, zero) = plan.layouts, plan.factors
        self.call(
            "cublasLtMatmul",
            *(self.handle(int(a.device.id)), plan.description),
            *(byref(one), b.data.ptr, first, a.data.ptr, second),
            *(byref(zero), out.data.ptr, result, out.data.ptr, result),
            *(byref(plan.heuristic), workspace.data.ptr, WORKSPACE, stream),
        )
        return out


def _keep(array: Array) -> None:
    """Let what is not the graph's own live as long as the graph."""
    recording = capture.current()
    if recording is not None and not recording.owns(array):
        recording.kept.append(array)


def _laid(x: Array) -> tuple[Array, Matrix]:
    """`x` as a stack of matrices (batch, m, n), and how they lie; a copy if no line of them is in one piece."""
    stack = x.reshape(-1, *x.shape[-2:])
    found = _lines(stack)
    if found is None:
        stack, found = array_module(x).ascontiguousarray(stack), (False, int(x.shape[-1]))
    transposed, pitch = found
    return stack, Matrix(transposed, pitch, int(stack.strides[0]) // int(x.itemsize), _alignment(stack))


def _alignment(x: Array) -> int:
    """The largest power of two, at most ALIGNMENT, that the address of `x` is a multiple of."""
    address = int(x.data.ptr)
    return min(ALIGNMENT, address & -address or ALIGNMENT)


def _lines(stack: Array) -> tuple[bool, int] | None:
    """Whether the columns of each matrix lie in one piece, and not the rows, and how far apart they are."""
    size, (_, m, n) = stack.itemsize, stack.shape
    if any(stride % size for stride in stack.strides):
        return None
    row, column = (stride // size for stride in stack.strides[-2:])
    if n == 1 or column == 1:  # a row of one element is in one piece
        row = n if m == 1 else row
        return (False, row) if row >= n else None
    column_step = column if n > 1 else m
    return (True, column_step) if (m == 1 or row == 1) and column_step >= m else None


@lru_cache(maxsize=1)
def library() -> Library:
    """cuBLASLt, as CuPy has loaded it. BlasError, with the reason, where it is not there."""
    cupy = backend.cuda_module()
    major = int(cupy.cuda.runtime.runtimeGetVersion()) // 1000
    name = f"libcublasLt.so.{major}"
    try:
        cupy.cuda.device.get_cublas_handle()  # loads cuBLAS, and with it cuBLASLt
        return Library(ctypes.CDLL(name))
    except (AttributeError, OSError, RuntimeError) as error:
        raise BlasError(f"{name} cannot be used: {error}") from error
