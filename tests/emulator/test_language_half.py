"""__half and __nv_bfloat16 of the emulated language against NumPy's float16 and ml_dtypes' bfloat16."""

import bisect
import itertools
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from tests.emulator.launching import Kernels, elementwise, evaluate, needs_compiler

pytestmark = needs_compiler

TYPES = {"half": ("__half", np.float16), "bfloat16": ("__nv_bfloat16", ml_dtypes.bfloat16)}
ALL = np.arange(1 << 16, dtype=np.uint16)  # the bits of all numbers
SPECIAL = np.array([0, 0x8000, 1, 0x8001, 0x7C00, 0xFC00, 0x7F80, 0xFF80, 0x7FFF, 0x3C00, 0x3F80], np.uint16)
INTEGERS = {
    "char": (np.int8, "signed char"),
    "uchar": (np.uint8, "unsigned char"),
    "short": (np.int16, "short"),
    "ushort": (np.uint16, "unsigned short"),
    "int": (np.int32, "int"),
    "uint": (np.uint32, "unsigned int"),
    "ll": (np.int64, "long long"),
    "ull": (np.uint64, "unsigned long long"),
}
ROUNDINGS = {"rn": np.rint, "rz": np.trunc, "rd": np.floor, "ru": np.ceil}
FUNCTIONS = {
    "hceil": np.ceil,
    "hfloor": np.floor,
    "hrint": np.rint,
    "htrunc": np.trunc,
    "hsqrt": np.sqrt,
    "hrsqrt": lambda x: 1 / np.sqrt(x),
    "hrcp": lambda x: 1 / x,
    "hexp": np.exp,
    "hexp2": np.exp2,
    "hexp10": lambda x: 10**x,
    "hlog": np.log,
    "hlog2": np.log2,
    "hlog10": np.log10,
    "hsin": np.sin,
    "hcos": np.cos,
    "htanh": np.tanh,
}
# The C library need not round as NumPy does.
LIBRARY = {"hrsqrt", "hexp", "hexp2", "hexp10", "hlog", "hlog2", "hlog10", "hsin", "hcos", "htanh"}
OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
COMPARISONS = {"==": "eq", "!=": "neu", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def conversions(name, kind):
    yield elementwise("to_float", "float", f"__{name}2float(x0)", kind)
    yield elementwise("to_float_operator", "float", "x0", kind)
    yield elementwise("from_double", kind, f"__double2{name}(x0)", "double")
    yield elementwise("from_float_constructor", kind, f"{kind}(x0)", "float")
    yield elementwise("bits", "unsigned short", f"__{name}_as_ushort(x0)", kind)
    yield elementwise("from_bits", kind, f"__short_as_{name}(static_cast<short>(x0))", "unsigned short")
    yield elementwise("to_bool", "int", "static_cast<bool>(x0)", kind)
    for rounding in ROUNDINGS:
        yield elementwise(f"from_float_{rounding}", kind, f"__float2{name}_{rounding}(x0)", "float")
    for integer, (_, c_type) in INTEGERS.items():
        yield elementwise(f"cast_{integer}", c_type, f"static_cast<{c_type}>(x0)", kind)
        if "char" in integer:
            yield elementwise(f"to_{integer}_rz", c_type, f"__{name}2{integer}_rz(x0)", kind)
            continue
        for rounding in ROUNDINGS:
            yield elementwise(f"to_{integer}_{rounding}", c_type, f"__{name}2{integer}_{rounding}(x0)", kind)
            yield elementwise(f"from_{integer}_{rounding}", kind, f"__{integer}2{name}_{rounding}(x0)", c_type)
        yield elementwise(f"from_{integer}_constructor", kind, f"{kind}(x0)", c_type)


def functions(kind):
    """Those of one number, and of a pair whose second number it is."""
    for function in FUNCTIONS:
        yield elementwise(function, kind, f"{function}(x0)", kind)
        pair = function.replace("h", "h2", 1)
        yield elementwise(pair, kind, f"{pair}({kind}2(0.0f, x0)).y", kind)
    for function in ("__hneg", "__habs"):
        yield elementwise(function, kind, f"{function}(x0)", kind)
        yield elementwise(f"{function}2", kind, f"{function}2({kind}2(0.0f, x0)).y", kind)
    yield elementwise("minus", kind, "-x0", kind)
    yield elementwise("is_nan", "int", "__hisnan(x0)", kind)
    yield elementwise("is_infinite", "int", "__hisinf(x0)", kind)


def operations(kind):
    """Those of several numbers. The functions of pairs get (x0, x1) and (x1, x0)."""
    pairs = f"{kind}2(x0, x1), {kind}2(x1, x0)"
    for sign, operation in zip("+-*/", OPERATIONS, strict=True):
        pair = "__h2div" if operation == "div" else f"__h{operation}2"
        yield elementwise(f"operator_{operation}", kind, f"x0 {sign} x1", kind, kind)
        yield elementwise(f"__h{operation}", kind, f"__h{operation}(x0, x1)", kind, kind)
        yield elementwise(f"{operation}_low", kind, f"{pair}({pairs}).x", kind, kind)
        yield elementwise(f"{operation}_high", kind, f"{pair}({pairs}).y", kind, kind)
    yield elementwise("sat", kind, "__hadd_sat(x0, x1)", kind, kind)
    for function in ("__hmax", "__hmin", "__hmax_nan", "__hmin_nan"):
        pair = function.replace("max", "max2").replace("min", "min2")
        yield elementwise(function, kind, f"{function}(x0, x1)", kind, kind)
        yield elementwise(pair, kind, f"{pair}({pairs}).y", kind, kind)
    for function in ("__hfma", "__hfma_sat", "__hfma_relu"):
        yield elementwise(function, kind, f"{function}(x0, x1, x2)", kind, kind, kind)
    for sign, comparison in COMPARISONS.items():
        yield elementwise(f"operator_{comparison}", "int", f"x0 {sign} x1", kind, kind)
    for comparison, unordered in itertools.product(("eq", "ne", "lt", "le", "gt", "ge"), ("", "u")):
        c = comparison + unordered
        result = f"__h{c}(x0, x1) + 2 * __hb{c}2({pairs}) + 4 * (__h{c}2_mask({pairs}) & 1)"
        result += f" + 8 * (__h{c}2_mask({pairs}) >> 31) + 16 * static_cast<int>(__h{c}2({pairs}).y)"
        yield elementwise(f"compare_{c}", "int", result, kind, kind)


@pytest.fixture(scope="module", params=TYPES)
def kind(request):
    c_type, dtype = TYPES[request.param]
    source = "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n" + "".join(
        [*conversions(request.param, c_type), *functions(c_type), *operations(c_type)]
    )
    return request.param, np.dtype(dtype), Kernels(source)


@pytest.fixture(autouse=True)
def without_warnings():
    with np.errstate(all="ignore"):
        yield


def values(x):
    return x.astype(np.float64)


def bits(x):
    """The bits of x, with one pattern for NaN."""
    return np.where(np.isnan(values(x)), np.uint16(0x7FFF), x.view(np.uint16))


def finite_numbers(dtype):
    """All finite numbers, sorted, as float64."""
    numbers = values(ALL.view(dtype))
    return np.sort(numbers[np.isfinite(numbers)])


def directed(x, dtype, rounding):
    """x rounded in a direction, by search among all numbers."""
    finite = finite_numbers(dtype)
    below = finite[np.clip(np.searchsorted(finite, x, "right") - 1, 0, None)]
    above = finite[np.clip(np.searchsorted(finite, x, "left"), None, len(finite) - 1)]
    below = np.where((x < finite[0]) | np.isposinf(x), np.copysign(np.inf, x), below)
    above = np.where((x > finite[-1]) | np.isneginf(x), np.copysign(np.inf, x), above)
    if rounding == "rz":
        return np.where(np.isinf(x), x, np.where(x < 0, above, below))
    return below if rounding == "rd" else above


def integer_of(x, dtype, rounding):
    """PTX's cvt: saturates; NaN becomes 0, or in 64 bits the integer with only the highest bit."""
    limits, value = np.iinfo(dtype), ROUNDINGS[rounding](x)
    end = float(limits.max + 1)
    inside = np.clip(value, limits.min, np.nextafter(end, 0)).astype(dtype)
    ends = np.where(value >= end, limits.max, np.where(value < limits.min, limits.min, inside)).astype(dtype)
    return np.where(np.isnan(x), dtype(0 if limits.bits < 64 else limits.min or 1 << 63), ends)


def some(rng, count, dtype):
    """Numbers of all kinds; the first are each special one eleven times."""
    patterns = rng.integers(0, 1 << 16, count, dtype=np.uint16)
    patterns[: len(SPECIAL) ** 2] = np.repeat(SPECIAL, len(SPECIAL))
    return patterns.view(dtype)


def pairs(count, dtype):
    """Pairs of numbers: each special one with each, many that are close to each other."""
    rng = np.random.default_rng(7)
    a, b = some(rng, count, dtype), some(rng, count, dtype).view(np.uint16)
    close = a.view(np.uint16) + rng.integers(-40, 40, count).astype(np.uint16)
    b = np.where(rng.random(count) < 0.5, close, b)
    b[: len(SPECIAL) ** 2] = np.tile(SPECIAL, len(SPECIAL))
    return a, b.view(dtype)


def test_all_patterns_become_floats(kind):
    _, dtype, kernels = kind
    x = ALL.view(dtype)
    expected = x.astype(np.float32).view(np.uint32)
    for name in ("to_float", "to_float_operator"):
        np.testing.assert_array_equal(evaluate(kernels, name, np.float32, x).view(np.uint32), expected)
    np.testing.assert_array_equal(evaluate(kernels, "bits", np.uint16, x), ALL)
    np.testing.assert_array_equal(evaluate(kernels, "from_bits", dtype, ALL).view(np.uint16), ALL)
    np.testing.assert_array_equal(evaluate(kernels, "to_bool", np.int32, x), (ALL & 0x7FFF) != 0)


def neighbours(dtype):
    """Floats: every finite number, the middle to the next, and the floats next to both."""
    numbers = finite_numbers(dtype)
    middle = numbers[:-1] / 2 + numbers[1:] / 2
    both = np.concatenate([numbers, middle]).astype(np.float32)
    around = [np.nextafter(both, np.float32(-np.inf)), both, np.nextafter(both, np.float32(np.inf))]
    extremes = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 65520, 1e-30, -1e-40, 1e-45], np.float32)
    return np.concatenate([*around, extremes])


def test_floats_are_rounded_to_the_nearest(kind):
    _, dtype, kernels = kind
    x = neighbours(dtype)
    for name in ("from_float_rn", "from_float_constructor"):
        np.testing.assert_array_equal(bits(evaluate(kernels, name, dtype, x)), bits(x.astype(dtype)))
    nan = evaluate(kernels, "from_float_rn", dtype, np.array([np.nan, -np.nan], np.float32))
    assert nan.view(np.uint16).tolist() == [0x7FFF, 0x7FFF]


@pytest.mark.parametrize("rounding", ["rz", "rd", "ru"])
def test_floats_are_rounded_in_a_direction(kind, rounding):
    _, dtype, kernels = kind
    x = neighbours(dtype)
    x = x[~np.isnan(x)]
    got = values(evaluate(kernels, f"from_float_{rounding}", dtype, x))
    np.testing.assert_array_equal(got, directed(values(x), dtype, rounding))


def test_doubles_are_rounded_once(kind):
    _, dtype, kernels = kind
    x = values(neighbours(dtype))
    x = x[np.isfinite(x)]
    x = np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf), [1e300, 1e-300, 5e-324]])
    below, above = directed(x, dtype, "rd"), directed(x, dtype, "ru")
    inside = np.isfinite(below) & np.isfinite(above)
    low, high = x - below, above - x
    got = evaluate(kernels, "from_double", dtype, x)
    unequal = inside & (low != high)
    np.testing.assert_array_equal(values(got)[unequal], np.where(low < high, below, above)[unequal])
    ties = inside & (low == high) & (below != above)
    assert ties.sum() > 60_000
    assert not (got.view(np.uint16)[ties] & 1).any()


@pytest.mark.parametrize("integer", INTEGERS)
def test_integers_of_all_patterns(kind, integer):
    _, dtype, kernels = kind
    out, x = INTEGERS[integer][0], ALL.view(dtype)
    for rounding in ROUNDINGS if "char" not in integer else ["rz"]:
        expected = integer_of(values(x), out, rounding)
        np.testing.assert_array_equal(evaluate(kernels, f"to_{integer}_{rounding}", out, x), expected)
        if rounding == "rz":
            np.testing.assert_array_equal(evaluate(kernels, f"cast_{integer}", out, x), expected)


@pytest.mark.parametrize("integer", ["short", "ushort", "int", "uint", "ll", "ull"])
def test_integers_are_rounded_once(kind, integer):
    _, dtype, kernels = kind
    limits = np.iinfo(INTEGERS[integer][0])
    numbers = {0, 1, limits.min, limits.max}
    for k in range(limits.bits):
        for digits in (0b1000000001, 0b10000000011, 0b1000000010, 0b110000001, 0b11):  # in the middle, or near
            numbers.update(sign * ((digits << k) + d) for sign in (1, -1) for d in (-1, 0, 1))
    exact = sorted(n for n in numbers if limits.min <= n <= limits.max)
    x = np.array(exact, INTEGERS[integer][0])
    finite = [int(v) for v in finite_numbers(dtype) if v == np.rint(v) and abs(v) < 1 << 70]
    for rounding in ROUNDINGS:
        got = values(evaluate(kernels, f"from_{integer}_{rounding}", dtype, x))
        expected = [integer_neighbour(n, finite, rounding, dtype) for n in exact]
        np.testing.assert_array_equal(got, expected)
    got = evaluate(kernels, f"from_{integer}_constructor", dtype, x)
    np.testing.assert_array_equal(values(got), values(evaluate(kernels, f"from_{integer}_rn", dtype, x)))


def integer_neighbour(n, finite, rounding, dtype):
    """The one of the sorted integers `finite`, or infinity, that n rounds to."""
    if abs(n) > finite[-1]:
        to_infinity = {"rn": abs(n) >= 65520, "rz": False, "rd": n < 0, "ru": n > 0}[rounding]
        return np.copysign(np.inf if to_infinity else finite[-1], n)
    at = bisect.bisect_right(finite, n)
    below = finite[at - 1]
    above = below if below == n else finite[at]
    if rounding == "rz":
        rounding = "ru" if n < 0 else "rd"
    if rounding != "rn":
        return below if rounding == "rd" else above
    if n - below == above - n:
        is_even = np.array([float(below)]).astype(dtype).view(np.uint16)[0] % 2 == 0
        return below if is_even else above
    return below if n - below < above - n else above


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_all_patterns(kind, function):
    _, dtype, kernels = kind
    x = ALL.view(dtype)
    expected = bits(FUNCTIONS[function](values(x)).astype(dtype))
    got = bits(evaluate(kernels, function, dtype, x))
    if function in LIBRARY:
        assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1
        assert (got != expected).mean() < 1e-3
    else:
        np.testing.assert_array_equal(got, expected)
    pair = function.replace("h", "h2", 1)
    np.testing.assert_array_equal(bits(evaluate(kernels, pair, dtype, x)), got)


def test_signs_and_classes_of_all_patterns(kind):
    _, dtype, kernels = kind
    x = ALL.view(dtype)
    for name in ("__hneg", "__hneg2", "minus"):
        np.testing.assert_array_equal(evaluate(kernels, name, dtype, x).view(np.uint16), ALL ^ 0x8000)
    for name in ("__habs", "__habs2"):
        np.testing.assert_array_equal(evaluate(kernels, name, dtype, x).view(np.uint16), ALL & 0x7FFF)
    np.testing.assert_array_equal(evaluate(kernels, "is_nan", np.int32, x), np.isnan(values(x)))
    sign = np.where(np.isinf(values(x)), np.sign(values(x)), 0)
    np.testing.assert_array_equal(evaluate(kernels, "is_infinite", np.int32, x), sign)


@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div"])
def test_arithmetic_is_rounded_once(kind, operation):
    _, dtype, kernels = kind
    function = OPERATIONS[operation]
    a, b = pairs(50_000, dtype)
    forward = bits(function(values(a), values(b)).astype(dtype))
    backward = bits(function(values(b), values(a)).astype(dtype))
    for name, expected in (
        (f"operator_{operation}", forward),
        (f"__h{operation}", forward),
        (f"{operation}_low", forward),
        (f"{operation}_high", backward),
    ):
        np.testing.assert_array_equal(bits(evaluate(kernels, name, dtype, a, b)), expected)


def test_saturated_sum(kind):
    _, dtype, kernels = kind
    a, b = pairs(5000, dtype)
    total = values((values(a) + values(b)).astype(dtype))
    expected = np.clip(np.nan_to_num(total, nan=0.0, posinf=2, neginf=-2), 0, 1)
    np.testing.assert_array_equal(values(evaluate(kernels, "sat", dtype, a, b)), expected)


def exact_fma(x, y, z, dtype):
    """x y + z rounded once, in exact arithmetic: of the numbers next to float64's the nearest."""
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    near = np.array([float(exact)]).astype(dtype)
    if not np.isfinite(values(near))[0]:
        return near[0]
    around = [near[0], *(np.nextafter(near, dtype.type(end))[0] for end in (-np.inf, np.inf))]
    finite = [c for c in around if np.isfinite(float(c))]
    return min(finite, key=lambda c: (abs(Fraction(float(c)) - exact), int(c.view(np.uint16)) & 1))


def fma_operands(dtype):
    """Any numbers; and products that lie in the middle of two numbers or near it, with a small summand."""
    rng = np.random.default_rng(3)
    a, b = pairs(2000, dtype)
    x = 1 + rng.integers(0, 64, 1000) / 64
    y = 1 + 2.0 ** -rng.integers(1, 8, 1000)
    z = rng.choice([-1, 1], 1000) * 2.0 ** -rng.integers(10, 24, 1000)
    x[0], y[0], z[0] = 1.75, 37 / 64, -(2.0**-52) * (1 - 2.0**-8)  # in float64 one unit below the middle, or less
    both = zip((a, b, some(rng, 2000, dtype)), (x, y, z), strict=True)
    return [np.concatenate([given, made.astype(dtype)]) for given, made in both]


def test_fma_is_rounded_once(kind):
    _, dtype, kernels = kind
    operands = fma_operands(dtype)
    x, y, z = (values(o) for o in operands)
    usual = x * y + z
    exact = np.isfinite(x * y) & np.isfinite(z) & (usual != 0)
    expected = usual.astype(dtype)
    for i in np.flatnonzero(exact):
        expected[i] = exact_fma(x[i], y[i], z[i], dtype)
    got = evaluate(kernels, "__hfma", dtype, *operands)
    np.testing.assert_array_equal(bits(got), bits(expected))
    nan = np.isnan(values(got))
    relu = evaluate(kernels, "__hfma_relu", dtype, *operands)
    np.testing.assert_array_equal(bits(relu), np.where(~nan & (bits(got) >> 15 == 1), 0, bits(got)))
    held = values(evaluate(kernels, "__hfma_sat", dtype, *operands))
    np.testing.assert_array_equal(held, np.where(nan, 0, np.clip(values(got), 0, 1)))


@pytest.mark.parametrize(("name", "function"), [("max", np.fmax), ("min", np.fmin)])
def test_extrema(kind, name, function):
    _, dtype, kernels = kind
    a, b = pairs(20_000, dtype)
    expected = bits(function(values(a), values(b)).astype(dtype))
    zeros = (values(a) == 0) & (values(b) == 0)  # -0 < +0
    of_zeros = bits(a) & bits(b) if name == "max" else bits(a) | bits(b)
    expected = np.where(zeros, of_zeros, expected)
    with_nan = np.where(np.isnan(values(a)) | np.isnan(values(b)), 0x7FFF, expected)
    for kernel, result in (("", expected), ("2", expected), ("_nan", with_nan), ("2_nan", with_nan)):
        np.testing.assert_array_equal(bits(evaluate(kernels, f"__h{name}{kernel}", dtype, a, b)), result)


def test_comparisons(kind):
    _, dtype, kernels = kind
    a, b = pairs(5000, dtype)
    x, y = values(a), values(b)
    nan = np.isnan(x) | np.isnan(y)
    tests = {
        "eq": (x == y, y == x),
        "ne": ((x != y) & ~nan, (x != y) & ~nan),
        "lt": (x < y, y < x),
        "le": (x <= y, y <= x),
        "gt": (x > y, y > x),
        "ge": (x >= y, y >= x),
    }
    for (name, (low, high)), unordered in itertools.product(tests.items(), ("", "u")):
        low, high = (low | nan, high | nan) if unordered else (low, high)
        expected = low + 2 * (low & high) + 4 * low + 8 * high + 16 * high
        np.testing.assert_array_equal(evaluate(kernels, f"compare_{name}{unordered}", np.int32, a, b), expected)
        if name + unordered in COMPARISONS.values():
            np.testing.assert_array_equal(evaluate(kernels, f"operator_{name}{unordered}", np.int32, a, b), low)
