"""Vector types, bits, conversions and mathematics of the emulated language."""

import itertools
import math

import numpy as np
import pytest
from scipy import special

from tests.emulator.launching import Kernels, elementwise, evaluate, needs_compiler

pytestmark = needs_compiler

INTEGERS = {"int": np.int32, "uint": np.uint32, "ll": np.int64, "ull": np.uint64}
C_TYPES = {"int": "int", "uint": "unsigned int", "ll": "long long", "ull": "unsigned long long"}
FLOATS = {"float": np.float32, "double": np.float64}
ROUNDINGS = {"rn": np.rint, "rz": np.trunc, "rd": np.floor, "ru": np.ceil}
# name: the same in float64, where it is defined
FUNCTIONS = {
    "acos": (np.arccos, -1, 1),
    "acosh": (np.arccosh, 1, 50),
    "asin": (np.arcsin, -1, 1),
    "asinh": (np.arcsinh, -50, 50),
    "atan": (np.arctan, -50, 50),
    "atanh": (np.arctanh, -1, 1),
    "cbrt": (np.cbrt, -50, 50),
    "ceil": (np.ceil, -50, 50),
    "cos": (np.cos, -50, 50),
    "cosh": (np.cosh, -20, 20),
    "cospi": (lambda x: np.cos(np.pi * np.fmod(x, 2)), -9, 9),
    "erf": (special.erf, -4, 4),
    "erfc": (special.erfc, -4, 9),
    "erfcinv": (lambda y: -special.ndtri(y / 2) / np.sqrt(2), 0, 2),
    "erfcx": (special.erfcx, -5, 90),
    "erfinv": (special.erfinv, -1, 1),
    "exp": (np.exp, -50, 50),
    "exp10": (lambda x: 10.0**x, -20, 20),
    "exp2": (np.exp2, -50, 50),
    "expm1": (np.expm1, -20, 20),
    "fabs": (np.abs, -50, 50),
    "floor": (np.floor, -50, 50),
    "j0": (special.j0, -9, 9),
    "j1": (special.j1, -9, 9),
    "lgamma": (special.gammaln, 0.1, 50),
    "log": (np.log, 0, 50),
    "log10": (np.log10, 0, 50),
    "log1p": (np.log1p, -1, 50),
    "log2": (np.log2, 0, 50),
    "logb": (lambda x: np.floor(np.log2(x)), 0.3, 50),
    "nearbyint": (np.rint, -50, 50),
    "normcdf": (special.ndtr, -9, 9),
    "normcdfinv": (special.ndtri, 0, 1),
    "rcbrt": (lambda x: 1 / np.cbrt(x), 0.01, 50),
    "rint": (np.rint, -50, 50),
    "round": (lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x), -50, 50),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0, 50),
    "sin": (np.sin, -50, 50),
    "sinh": (np.sinh, -20, 20),
    "sinpi": (lambda x: np.sin(np.pi * np.fmod(x, 2)), -9, 9),
    "sqrt": (np.sqrt, 0, 50),
    "tan": (np.tan, -1.5, 1.5),
    "tanh": (np.tanh, -20, 20),
    "tgamma": (special.gamma, 0.1, 30),
    "trunc": (np.trunc, -50, 50),
    "y0": (special.y0, 0.1, 9),
    "y1": (special.y1, 0.1, 9),
}
OF_TWO = {
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "fdim": lambda x, y: np.maximum(x - y, 0),
    "fmax": np.fmax,
    "fmin": np.fmin,
    "fmod": np.fmod,
    "hypot": np.hypot,
    "max": np.fmax,
    "min": np.fmin,
    "remainder": lambda x, y: np.vectorize(math.remainder)(x, y),
    "rhypot": lambda x, y: 1 / np.hypot(x, y),
}
BITS = {  # expression in x0, x1, x2: the same in Python, of unsigned words
    "__popc(x0)": lambda a, b, c: a.bit_count(),
    "__clz(static_cast<int>(x0))": lambda a, b, c: 32 - a.bit_length(),
    "__ffs(static_cast<int>(x0))": lambda a, b, c: (a & -a).bit_length(),
    "__brev(x0)": lambda a, b, c: int(f"{a:032b}"[::-1], 2),
    "__umulhi(x0, x1)": lambda a, b, c: a * b >> 32,
    "__mulhi(static_cast<int>(x0), static_cast<int>(x1))": lambda a, b, c: signed(a) * signed(b) >> 32,
    "__umul24(x0, x1)": lambda a, b, c: (a & 0xFFFFFF) * (b & 0xFFFFFF),
    "__mul24(static_cast<int>(x0), static_cast<int>(x1))": lambda a, b, c: (
        (signed(a << 8) >> 8) * (signed(b << 8) >> 8)
    ),
    "__uhadd(x0, x1)": lambda a, b, c: (a + b) >> 1,
    "__urhadd(x0, x1)": lambda a, b, c: (a + b + 1) >> 1,
    "__hadd(static_cast<int>(x0), static_cast<int>(x1))": lambda a, b, c: (signed(a) + signed(b)) >> 1,
    "__rhadd(static_cast<int>(x0), static_cast<int>(x1))": lambda a, b, c: (signed(a) + signed(b) + 1) >> 1,
    "__usad(x0, x1, x2)": lambda a, b, c: abs(a - b) + c,
    "__sad(static_cast<int>(x0), static_cast<int>(x1), x2)": lambda a, b, c: abs(signed(a) - signed(b)) + c,
    "__funnelshift_l(x0, x1, x2)": lambda a, b, c: (b << 32 | a) << c % 32 >> 32,
    "__funnelshift_r(x0, x1, x2)": lambda a, b, c: (b << 32 | a) >> c % 32,
    "__funnelshift_lc(x0, x1, x2)": lambda a, b, c: (b << 32 | a) << min(c, 32) >> 32,
    "__funnelshift_rc(x0, x1, x2)": lambda a, b, c: (b << 32 | a) >> min(c, 32),
    "__dp4a(x0, x1, x2)": lambda a, b, c: c + sum(byte(a, i) * byte(b, i) for i in range(4)),
    "__dp4a(static_cast<int>(x0), static_cast<int>(x1), static_cast<int>(x2))": lambda a, b, c: (
        c + sum(signed(byte(a, i) << 24) // (1 << 24) * (signed(byte(b, i) << 24) // (1 << 24)) for i in range(4))
    ),
    "__byte_perm(x0, x1, x2)": lambda a, b, c: sum(permuted(b << 32 | a, c >> 4 * i & 15) << 8 * i for i in range(4)),
    "max(x0, x1)": lambda a, b, c: max(a, b),
    "min(static_cast<int>(x0), static_cast<int>(x1))": lambda a, b, c: min(signed(a), signed(b)),
    "max(static_cast<int>(x0), x1)": lambda a, b, c: max(a, b),
}


def signed(x):
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def byte(x, i):
    return x >> 8 * i & 255


def permuted(both, nibble):
    chosen = byte(both, nibble & 7)
    return (255 if chosen & 128 else 0) if nibble & 8 else chosen


def bits_text():
    for k, expression in enumerate(BITS):
        yield elementwise(f"bits_{k}", "unsigned int", f"static_cast<unsigned>({expression})", *["unsigned int"] * 3)
    yield elementwise("float_bits", "unsigned int", "__float_as_uint(__int_as_float(__float_as_int(x0)))", "float")
    both = "__hiloint2double(__double2hiint(x0), __double2loint(x0))"
    yield elementwise("double_bits", "long long", f"__double_as_longlong({both})", "double")
    yield elementwise("mul64hi", "long long", "__mul64hi(x0, x1)", "long long", "long long")
    yield elementwise("umul64hi", C_TYPES["ull"], "__umul64hi(x0, x1)", C_TYPES["ull"], C_TYPES["ull"])
    counts = "__popcll(x0) + 100 * __clzll(x0) + 10000 * __ffsll(x0)"
    yield elementwise("counts", "int", counts, "unsigned long long")
    yield elementwise("brevll", C_TYPES["ull"], "__brevll(x0)", C_TYPES["ull"])


def conversions_text():
    for kind, (integer, c_type), rounding in itertools.product(FLOATS, C_TYPES.items(), ROUNDINGS):
        name = f"{kind}2{integer}_{rounding}"
        yield elementwise(name, c_type, f"__{name}(x0)", kind)
        name = f"{integer}2{kind}_{rounding}"
        if kind == "float" or integer.endswith("ll") or rounding == "rn":
            yield elementwise(name, kind, f"__{name}(x0)", c_type)
    for rounding in ROUNDINGS:
        yield elementwise(f"double2float_{rounding}", "float", f"__double2float_{rounding}(x0)", "double")
    yield elementwise("saturate", "float", "__saturatef(x0)", "float")


BOTH = """
__device__ double both_of(double x) {
  double s, c, sp, cp;
  float sf, cf, spf, cpf;
  sincos(x, &s, &c);
  sincospi(x, &sp, &cp);
  sincosf(static_cast<float>(x), &sf, &cf);
  sincospif(static_cast<float>(x), &spf, &cpf);
  return s + 2 * c + 4 * sp + 8 * cp + 16 * sf + 32 * cf + 64 * spf + 128 * cpf;
}
"""


def functions_text():
    yield BOTH
    for kind in FLOATS:
        for name in FUNCTIONS:
            yield elementwise(f"{name}_{kind}", kind, f"{name}(x0)", kind)
            yield elementwise(f"{name}f_{kind}", "float", f"{name}f(x0)", kind)
        for name in OF_TWO:
            yield elementwise(f"{name}_{kind}", kind, f"{name}(x0, x1)", kind, kind)
        classes = "isnan(x0) + 2 * isinf(x0) + 4 * isfinite(x0) + 8 * signbit(x0)"
        yield elementwise(f"classes_{kind}", "int", classes, kind)
        yield elementwise(f"fma_{kind}", kind, "fma(x0, x1, x2)", *[kind] * 3)
        yield elementwise(f"pow_{kind}", kind, "pow(x0, x1)", kind, kind)
        letter = {"float": "f", "double": "d"}[kind]
        for name in ("add", "sub", "mul", "div"):
            yield elementwise(f"{name}_rn_{kind}", kind, f"__{letter}{name}_rn(x0, x1)", kind, kind)
        mixed = f"__{letter}add_rn(__{letter}mul_rn(x0, x1), x2)"
        yield elementwise(f"uncontracted_{kind}", kind, mixed, *[kind] * 3)
    for order in (0, 1):
        yield elementwise(f"bessel_{order}", "double", f"cyl_bessel_i{order}(x0)", "double")
    yield elementwise("sincos", "double", "both_of(x0)", "double")
    yield elementwise("norms", "double", "norm3d(x0, x1, 2.0) + rnorm4d(x0, x1, 1.0, 2.0)", "double", "double")
    yield elementwise("lengths", "float", "norm4df(x0, x1, 1.0f, 2.0f) + rnorm3df(x0, x1, 2.0f)", "float", "float")


NAMES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "long": 8, "ulong": 8}
NAMES |= {"longlong": 8, "ulonglong": 8, "float": 4, "double": 8}
SIZES = 'extern "C" __global__ void sizes(int* y) {\n  int k = 0;\n'
for _name in NAMES:
    for _n in (1, 2, 3, 4):
        SIZES += f"  y[k++] = sizeof({_name}{_n}) + 1000 * alignof({_name}{_n});\n"
        _numbers = ", ".join(str(i + 1) for i in range(_n))
        _sum = " + ".join(f"{10**i} * v.{field}" for i, field in zip(range(_n), "xyzw", strict=False))
        SIZES += f"  {{ const {_name}{_n} v = make_{_name}{_n}({_numbers}); y[k++] = static_cast<int>({_sum}); }}\n"
SIZES += "  const dim3 d(2, 3);\n  y[k++] = d.x + 10 * d.y + 100 * d.z;\n"
SIZES += "  const dim3 b = blockDim;\n  y[k++] = b.x + 1000 * b.y + 10000 * b.z + 100000 * gridDim.x;\n}\n"


@pytest.fixture(scope="module")
def kernels():
    return Kernels("".join([*bits_text(), *conversions_text(), *functions_text(), SIZES]))


@pytest.fixture(autouse=True)
def without_warnings():
    with np.errstate(all="ignore"):
        yield


def numbers(dtype, count=4000):
    """Numbers of all sizes, near integers and near the ends of the integers' ranges."""
    rng = np.random.default_rng(5)
    sizes = np.exp2(rng.uniform(-20, 70, count)) * rng.choice([-1, 1], count)
    halves = rng.integers(-100, 100, count) / 2
    ends = np.array([2.0**k for k in (15, 16, 31, 32, 53, 63, 64)])
    ends = np.concatenate([ends, np.nextafter(ends.astype(dtype), dtype(0)), ends - 0.5, ends + 0.5])
    special_ones = [0.0, -0.0, np.nan, np.inf, -np.inf, 0.5, -0.5, 0.999, -0.999, -1e-30]
    return np.concatenate([sizes, halves, ends, -ends, special_ones]).astype(dtype)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("integer", INTEGERS)
def test_floats_to_integers(kernels, kind, integer):
    x, limits = numbers(FLOATS[kind]), np.iinfo(INTEGERS[integer])
    for rounding, function in ROUNDINGS.items():
        expected = np.zeros(len(x), INTEGERS[integer])
        for i, value in enumerate(function(x)):
            if np.isnan(value):  # PTX ISA, cvt
                expected[i] = 0 if kind == "float" and limits.bits == 32 else limits.min or 1 << limits.bits - 1
            else:
                expected[i] = min(max(int(np.clip(value, -1e30, 1e30)), limits.min), limits.max)
        got = evaluate(kernels, f"{kind}2{integer}_{rounding}", INTEGERS[integer], x)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("integer", INTEGERS)
def test_integers_to_floats(kernels, kind, integer):
    rng = np.random.default_rng(6)
    limits = np.iinfo(INTEGERS[integer])
    x = rng.integers(limits.min, limits.max, 2000, INTEGERS[integer], endpoint=True)
    ends = np.array([limits.min, limits.max, 0], x.dtype)
    x = np.concatenate([x >> rng.integers(0, limits.bits, 2000).astype(x.dtype), ends])
    for rounding in ROUNDINGS:
        if kind == "double" and limits.bits == 32 and rounding != "rn":
            continue  # always exact, so CUDA has no others
        got = evaluate(kernels, f"{integer}2{kind}_{rounding}", FLOATS[kind], x)
        np.testing.assert_array_equal(got, [float_next_to(n, FLOATS[kind], rounding) for n in x.tolist()])


def float_next_to(n, dtype, rounding):
    near = dtype(n)
    if rounding == "rz":
        rounding = "ru" if n < 0 else "rd"
    if rounding == "rd" and int(near) > n:
        return np.nextafter(near, dtype(-np.inf))
    if rounding == "ru" and int(near) < n:
        return np.nextafter(near, dtype(np.inf))
    return near


def test_doubles_to_floats(kernels):
    x = np.concatenate([numbers(np.float64), np.random.default_rng(1).normal(size=2000), [1e300, -1e300, 3.4028236e38]])
    x = x[~np.isnan(x)]
    near = x.astype(np.float32)
    below = np.where(near > x, np.nextafter(near, np.float32(-np.inf)), near)
    above = np.where(near < x, np.nextafter(near, np.float32(np.inf)), near)
    expected = {"rn": near, "rd": below, "ru": above, "rz": np.where(x < 0, above, below)}
    for rounding, result in expected.items():
        np.testing.assert_array_equal(evaluate(kernels, f"double2float_{rounding}", np.float32, x), result)


@pytest.mark.parametrize("k", range(len(BITS)), ids=[expression.partition("(")[0] for expression in BITS])
def test_bits(kernels, k):
    rng = np.random.default_rng(k)
    a, b = (rng.integers(0, 1 << 32, 500, np.uint32) for _ in range(2))
    c = rng.integers(0, 64, 500, np.uint32) if "shift" in list(BITS)[k] else rng.integers(0, 1 << 32, 500, np.uint32)
    a[:4], b[:4] = [0, 1, 1 << 31, (1 << 32) - 1], [1 << 31, 0, 1 << 31, (1 << 32) - 1]
    expected = [list(BITS.values())[k](*(int(v) for v in row)) % (1 << 32) for row in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(evaluate(kernels, f"bits_{k}", np.uint32, a, b, c), expected)


def test_long_bits(kernels):
    rng = np.random.default_rng(2)
    a, b = (rng.integers(-(1 << 63), 1 << 63, 500, np.int64) for _ in range(2))
    a[:3] = [0, 1, -1]
    high = [int(x) * int(y) >> 64 for x, y in zip(a, b, strict=True)]
    np.testing.assert_array_equal(evaluate(kernels, "mul64hi", np.int64, a, b), high)
    c, d = a.view(np.uint64), b.view(np.uint64)
    high = [int(x) * int(y) >> 64 for x, y in zip(c, d, strict=True)]
    np.testing.assert_array_equal(evaluate(kernels, "umul64hi", np.uint64, c, d), np.array(high, np.uint64))
    counts = [n.bit_count() + 100 * (64 - n.bit_length()) + 10000 * (n & -n).bit_length() for n in c.tolist()]
    np.testing.assert_array_equal(evaluate(kernels, "counts", np.int32, c), counts)
    reverse = np.array([int(f"{n:064b}"[::-1], 2) for n in c.tolist()], np.uint64)
    np.testing.assert_array_equal(evaluate(kernels, "brevll", np.uint64, c), reverse)
    floats = a.astype(np.int32).view(np.float32)
    np.testing.assert_array_equal(evaluate(kernels, "float_bits", np.uint32, floats), floats.view(np.uint32))
    np.testing.assert_array_equal(evaluate(kernels, "double_bits", np.int64, a.view(np.float64)), a)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(kernels, name, kind):
    function, low, high = FUNCTIONS[name]
    dtype = FLOATS[kind]
    x = np.random.default_rng(4).uniform(low, high, 1000).astype(dtype)
    x = np.concatenate([x, np.array([low, high, 1, 1.5, low + 1e-5, high - 1e-5, np.nan], dtype)])
    expected = function(x.astype(np.float64))
    rtol = 4 * np.finfo(dtype).eps if kind == "float" else 2e-13
    atol = 1e-6 * np.finfo(dtype).eps if name not in ("j0", "j1", "y0", "y1", "cospi", "sinpi", "lgamma") else rtol
    np.testing.assert_allclose(evaluate(kernels, f"{name}_{kind}", dtype, x), expected, rtol, atol)
    got = evaluate(kernels, f"{name}f_{kind}", np.float32, x)
    if kind == "float":
        np.testing.assert_array_equal(got, evaluate(kernels, f"{name}_{kind}", dtype, x))


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two_numbers(kernels, name, kind):
    dtype = FLOATS[kind]
    x, y = np.random.default_rng(4).uniform(-9, 9, (2, 1000)).astype(dtype)
    if name in ("max", "min", "fmax", "fmin"):
        x[:4], y[:3] = [np.nan, 1, np.nan, np.inf], [1, np.nan, np.nan]
    expected = OF_TWO[name](x.astype(np.float64), y.astype(np.float64))
    rtol = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(evaluate(kernels, f"{name}_{kind}", dtype, x, y), expected, rtol, 1e-7 * rtol)


@pytest.mark.parametrize("kind", FLOATS)
def test_rounded_arithmetic(kernels, kind):
    dtype = FLOATS[kind]
    x, y, z = np.random.default_rng(9).normal(size=(3, 2000)).astype(dtype)
    for name, function in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide)):
        np.testing.assert_array_equal(evaluate(kernels, f"{name}_rn_{kind}", dtype, x, y), function(x, y))
    np.testing.assert_array_equal(evaluate(kernels, f"uncontracted_{kind}", dtype, x, y, z), x * y + z)
    one = evaluate(kernels, f"fma_{kind}", dtype, x, y, -(x * y))  # the error of the product, exactly
    wide = x.astype(np.longdouble) * y.astype(np.longdouble) - (x * y).astype(np.longdouble)
    if kind == "float":
        np.testing.assert_array_equal(one, wide.astype(dtype))
    assert (one != 0).mean() > 0.9
    exact = evaluate(kernels, f"pow_{kind}", dtype, np.abs(x), y)
    np.testing.assert_allclose(exact, np.abs(x).astype(np.float64) ** y, 4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("kind", FLOATS)
def test_classes(kernels, kind):
    x = numbers(FLOATS[kind])
    expected = np.isnan(x) + 2 * np.isinf(x) + 4 * np.isfinite(x) + 8 * np.signbit(x)
    np.testing.assert_array_equal(evaluate(kernels, f"classes_{kind}", np.int32, x), expected)
    if kind == "float":
        held = np.where(np.isnan(x), 0, np.clip(x, 0, 1))
        np.testing.assert_array_equal(evaluate(kernels, "saturate", np.float32, x), held)


def test_bessel_functions_and_norms(kernels):
    x, y = np.random.default_rng(4).uniform(-60, 60, (2, 1000))
    for order in (0, 1):
        expected = special.iv(order, x)
        np.testing.assert_allclose(evaluate(kernels, f"bessel_{order}", np.float64, x), expected, 1e-12)
    length = np.sqrt(x**2 + y**2 + 4)
    expected = length + 1 / np.sqrt(x**2 + y**2 + 5)
    np.testing.assert_allclose(evaluate(kernels, "norms", np.float64, x, y), expected, 1e-14)
    a, b = x.astype(np.float32), y.astype(np.float32)
    expected = np.sqrt(x**2 + y**2 + 5) + 1 / length
    np.testing.assert_allclose(evaluate(kernels, "lengths", np.float32, a, b), expected, 1e-6)


def test_sines_with_cosines(kernels):
    x = np.random.default_rng(4).uniform(-3, 3, 500)
    y = x.astype(np.float32).astype(np.float64)
    expected = np.sin(x) + 2 * np.cos(x) + 4 * np.sin(np.pi * x) + 8 * np.cos(np.pi * x)
    expected += 16 * np.sin(y) + 32 * np.cos(y) + 64 * np.sin(np.pi * y) + 128 * np.cos(np.pi * y)
    np.testing.assert_allclose(evaluate(kernels, "sincos", np.float64, x), expected, rtol=0, atol=3e-5)


def test_tails_of_the_normal_distribution(kernels):
    p = np.exp2(-np.arange(1.0, 1020, 7))
    x = evaluate(kernels, "normcdfinv_double", np.float64, p)
    np.testing.assert_allclose(x, special.ndtri(p), 1e-13)
    np.testing.assert_allclose(evaluate(kernels, "normcdf_double", np.float64, x), p, 1e-10)
    y = evaluate(kernels, "erfcinv_double", np.float64, np.array([0.0, 2.0, 1.0, -1.0, 2.5]))
    np.testing.assert_array_equal(y, [np.inf, -np.inf, 0, np.nan, np.nan])


def test_multiples_of_a_half_are_exact(kernels):
    x = np.arange(-8, 9) / 2
    np.testing.assert_array_equal(evaluate(kernels, "sinpi_double", np.float64, x), np.tile([0, 1, 0, -1], 5)[:17])
    np.testing.assert_array_equal(evaluate(kernels, "cospi_double", np.float64, x), np.tile([1, 0, -1, 0], 5)[:17])


def test_vector_types(kernels):
    expected = []
    for size in NAMES.values():
        for n in (1, 2, 3, 4):
            alignment = size if n % 2 else min(n * size, 16)
            expected += [n * size + 1000 * alignment, sum(10**i * (i + 1) for i in range(n))]
    expected += [2 + 30 + 100, 64 + 1000 + 10000 + 300000]
    got = kernels("sizes", np.zeros(len(expected), np.int32), threads=64, blocks=3)
    np.testing.assert_array_equal(got, expected)
