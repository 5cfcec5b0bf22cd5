"""How CuPy 14.2 differs from NumPy 2.4, frozen from `dir()`, the signatures and the sources of both.

tests/emulator/test_names.py compares this file with a real CuPy wherever one can be imported.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Public names of NumPy that CuPy lacks; "linalg.x" stands for numpy.linalg.x.
MISSING: Final = _words("""
    False_ ScalarType True_ asmatrix block bmat busday_count busday_offset busdaycalendar bytes_ char
    character clongdouble complex256 core ctypeslib datetime64 datetime_as_string datetime_data dtypes
    einsum_path emath errstate f2py flexible float128 frompyfunc fromregex geomspace get_include getbufsize
    geterr geterrcall histogram_bin_edges info insert is_busday isnat little_endian longdouble ma matrix
    matvec memmap nanpercentile nanquantile ndenumerate nditer nested_iters object_ polyder polydiv polyint
    rec recarray record sctypeDict setbufsize seterr seterrcall show_runtime spacing str_ strings test
    timedelta64 typecodes unstack vecdot vecmat void linalg.diagonal linalg.matrix_norm linalg.multi_dot
    linalg.outer linalg.svdvals linalg.tensordot linalg.test linalg.trace linalg.vecdot linalg.vector_norm
    fft.test
""")

# Public names that both have and the emulator does not play: files, callbacks, iterators, index tricks,
# other families.
NOT_PLAYED: Final = _words("""
    apply_along_axis apply_over_axes asarray_chkfinite broadcast c_ flatiter fromfile fromfunction
    fromstring genfromtxt get_printoptions load loadtxt mgrid ndindex ogrid piecewise poly1d polynomial
    printoptions r_ random save savetxt savez savez_compressed set_printoptions show_config testing typing
    vectorize fft.helper linalg.linalg mask_indices
""")

# The arguments that NumPy and CuPy share, where CuPy takes fewer: positional ones in their order, then
# keywords after `*`. "_" is a position where the two use different names, so that no keyword works on both.
SIGNATURES: Final = {
    "all": "a axis out keepdims",
    "amax": "a axis out keepdims",
    "amin": "a axis out keepdims",
    "any": "a axis out keepdims",
    "arange": "_ stop step dtype",
    "argmax": "a axis * out keepdims",
    "argmin": "a axis * out keepdims",
    "argpartition": "a kth axis",
    "argsort": "a axis kind",
    "array_str": "_ max_line_width precision suppress_small",
    "astype": "x dtype * copy",
    "broadcast_to": "array shape",
    "clip": "a a_min a_max out",
    "concat": "_ axis out * dtype casting",
    "concatenate": "_ axis out * dtype casting",
    "copy": "a order",
    "corrcoef": "_ y rowvar * dtype",
    "count_nonzero": "a axis",
    "cov": "_ y rowvar bias ddof fweights aweights * dtype",
    "delete": "arr _ axis",
    "ediff1d": "_ to_end to_begin",
    "empty_like": "prototype dtype order * shape",
    "extract": "condition _",
    "eye": "N M k dtype order",
    "fix": "_ out",
    "flip": "_ axis",
    "fliplr": "_",
    "flipud": "_",
    "full": "shape fill_value dtype order",
    "full_like": "a fill_value dtype order * shape",
    "histogram": "_ bins range density weights",
    "histogram2d": "x y bins range * density weights",
    "histogramdd": "sample bins range * density weights",
    "identity": "n dtype",
    "indices": "dimensions dtype",
    "intersect1d": "_ _ assume_unique return_indices",
    "isin": "element test_elements assume_unique invert",
    "lexsort": "keys",
    "linspace": "start stop num endpoint retstep dtype axis",
    "max": "a axis out keepdims",
    "mean": "a axis dtype out keepdims",
    "min": "a axis out keepdims",
    "nanargmax": "a axis * out keepdims",
    "nanargmin": "a axis * out keepdims",
    "nanmax": "a axis out keepdims",
    "nanmean": "a axis dtype out keepdims",
    "nanmin": "a axis out keepdims",
    "nanprod": "a axis dtype out keepdims",
    "nanstd": "a axis dtype out ddof keepdims",
    "nansum": "a axis dtype out keepdims",
    "nanvar": "a axis dtype out ddof keepdims",
    "ones": "shape dtype order",
    "ones_like": "a dtype order * shape",
    "partition": "a kth axis",
    "percentile": "a q axis out overwrite_input method keepdims",
    "prod": "a axis dtype out keepdims",
    "quantile": "a q axis out overwrite_input method keepdims",
    "require": "a dtype requirements",
    "reshape": "a _ order * copy",
    "rot90": "_ k axes",
    "sort": "a axis kind",
    "stack": "_ axis out * dtype casting",
    "std": "a axis dtype out ddof keepdims",
    "sum": "a axis dtype out keepdims",
    "take": "a indices axis out",
    "take_along_axis": "_ indices axis",
    "tri": "N M k dtype",
    "trim_zeros": "filt trim",
    "union1d": "_ _",
    "unique": "ar return_index return_inverse return_counts axis * equal_nan",
    "unpackbits": "a axis * bitorder",
    "unravel_index": "indices _ order",
    "var": "a axis dtype out ddof keepdims",
    "zeros": "shape dtype order",
    "zeros_like": "a dtype order * shape",
    "linalg.cholesky": "a",
    "linalg.matrix_power": "_ n",
    "linalg.matrix_rank": "_ tol",
    "linalg.matrix_transpose": "_",
    "linalg.pinv": "a rcond",
    "linalg.svd": "a full_matrices compute_uv",
}

UFUNC_KEYWORDS: Final = _words("out dtype casting")  # NumPy's where=, order=, subok=, signature= are refused

# ufunc.at: CuPy's atomic operations exist for these types and ufuncs only.
_ATOMIC_INTEGERS = "int32 int64 uint32 uint64"
SCATTERS: Final = {
    "add": _words(f"{_ATOMIC_INTEGERS} float16 float32 float64"),
    "subtract": _words("int32 uint32"),
    "maximum": _words(f"{_ATOMIC_INTEGERS} float32 float64"),
    "minimum": _words(f"{_ATOMIC_INTEGERS} float32 float64"),
    "bitwise_and": _words(_ATOMIC_INTEGERS),
    "bitwise_or": _words(_ATOMIC_INTEGERS),
    "bitwise_xor": _words(_ATOMIC_INTEGERS),
}

# The shape or a check of the result is needed on the host.
SYNCHRONISING: Final = _words("""
    argwhere average bincount choose compress delete extract flatnonzero histogram histogram2d histogramdd
    intersect1d nanmax nanmin nonzero place ravel_multi_index setdiff1d setxor1d trim_zeros
    union1d unique unique_all unique_counts unique_inverse unique_values unravel_index
""")

# Call cuBLAS or cuSOLVER, which CuPy refuses while a stream is capturing.
LIBRARIES: Final = _words("""
    dot einsum inner matmul tensordot vdot linalg.cholesky linalg.cond linalg.det linalg.eigh linalg.eigvalsh linalg.inv
    linalg.lstsq linalg.matmul linalg.matrix_power linalg.matrix_rank linalg.pinv linalg.qr linalg.slogdet linalg.solve
    linalg.svd
""")

# Take no array: they create one, or speak of types and shapes.
ARRAY_FREE: Final = _words("""
    arange bartlett base_repr binary_repr blackman can_cast common_type diag_indices eye
    format_float_positional format_float_scientific frombuffer fromiter full hamming hanning identity
    indices isfortran isscalar iscomplexobj isrealobj kaiser linspace logspace min_scalar_type
    ndim ones result_type shape size tri tril_indices triu_indices zeros array2string array_repr array_str
    fft.fftfreq fft.rfftfreq
""")

# Take a sequence of arrays, of which each must be one.
JOINING: Final = _words("column_stack concat concatenate dstack hstack stack vstack")

# So many leading operands are arrays or scalars; CuPy converts no lists.
OPERANDS: Final = {
    "array_equal": 2,
    "clip": 3,
    "convolve": 2,
    "dot": 2,
    "inner": 2,
    "linalg.solve": 2,
    "matmul": 2,
    "tensordot": 2,
    "vdot": 2,
    "where": 3,
}

# The argument at this place is an axis, a shape or a count; CuPy's arrays are no integers (no `__index__`).
INTEGERS: Final = dict.fromkeys(_words("eye identity indices ones tri zeros"), 0) | dict.fromkeys(
    _words("""
        all any argmax argmin argsort broadcast_to cumprod cumsum diff expand_dims flip max mean min moveaxis
        permute_dims prod reshape sort squeeze std sum swapaxes tile transpose var
    """),
    1,
)
INTEGER_KEYWORDS: Final = _words("axes axis shape")

# Check no index: NumPy raises IndexError, CuPy wraps the index round or reads what it finds.
INDEXING: Final = _words("compress delete put put_along_axis take take_along_axis")

# Answer with a 0-d array where NumPy answers with a Python bool or int.
ARRAY_ANSWERS: Final = _words("allclose array_equal array_equiv count_nonzero")

# cuSOLVER's matrices come back column-major.
COLUMN_MAJOR: Final = _words("linalg.eigh linalg.qr linalg.solve linalg.svd")

# Keep the layout of their operand, or make the one that is asked for; all others make C-contiguous arrays.
KEEPS_ORDER: Final = COLUMN_MAJOR | _words("""
    argsort asfortranarray astype copy einsum empty_like full full_like nan_to_num ones ones_like pad ravel
    require reshape roll zeros zeros_like
""")

# Do not look at what cuSOLVER reports: a singular matrix gives NaN and no LinAlgError.
UNCHECKED: Final = _words("linalg.cholesky linalg.inv linalg.solve")

# Sum float16 and bfloat16 in float32 (NumPy, in part, in the type itself).
ACCUMULATING: Final = _words("mean nanmean nanprod nanstd nansum nanvar prod std sum var")

# Contract bfloat16 in float32 and answer in bfloat16 (NumPy: float32, or not at all).
CONTRACTING: Final = _words("dot einsum inner kron linalg.matmul matmul tensordot vdot")

# Give a batch of bfloat16 matrices to the kernel of integers, which has no such type.
UNBATCHED: Final = _words("linalg.matmul matmul")

# Have no bfloat16 of their own in CuPy and silently answer in float32.
WIDENING: Final = _words("around clip round where")

# Rest on thrust's sort, which has no bfloat16.
SORTING: Final = _words("""
    argpartition argsort intersect1d isin lexsort median nanmedian partition percentile quantile setdiff1d
    setxor1d sort sort_complex union1d unique unique_all unique_counts unique_inverse unique_values
""")

# Warn in NumPy (of empty slices, all-NaN slices or too few elements) and never in CuPy.
WARNING: Final = _words("mean median nanmean nanmedian nanstd nanvar std var")

# Answer with a named tuple; all other functions of several results with a plain one.
NAMED_TUPLES: Final = _words("unique_all unique_counts unique_inverse")
