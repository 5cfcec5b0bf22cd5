import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, backends, emulator
from gpunn.kernels.settings import Settings, settings


@pytest.fixture(autouse=True)
def restored():
    before = dict(vars(settings))
    yield
    vars(settings).update(before)
    backends.cuda.matmul.allow_tf32 = False


def test_switches_have_pytorchs_values_at_the_start():
    assert backends.cudnn.allow_tf32 is True and backends.cuda.matmul.allow_tf32 is False
    assert backends.cudnn.benchmark is False and backends.cudnn.tuning == "off"
    assert vars(settings) == vars(Settings())
    assert gp.backends is backends


def test_they_set_what_kernels_read():
    backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = False, True
    assert not settings.tf32_in_convolutions and backend.is_tf32_in_products()
    backends.cudnn.benchmark = True
    assert settings.tuning == backends.cudnn.tuning == "tune"
    backends.cudnn.tuning = "read"
    assert not backends.cudnn.benchmark


def test_wrong_values():
    with pytest.raises(TypeError, match=r"cudnn.allow_tf32: expected a bool, got int"):
        backends.cudnn.allow_tf32 = 1
    with pytest.raises(TypeError, match=r"cuda.matmul.allow_tf32: expected a bool, got str"):
        backends.cuda.matmul.allow_tf32 = "no"
    with pytest.raises(TypeError, match=r"cudnn.benchmark: expected a bool, got NoneType"):
        backends.cudnn.benchmark = None
    with pytest.raises(ValueError, match=r"cudnn.tuning: expected one of .*'tune'.*, got 'always'"):
        backends.cudnn.tuning = "always"
    assert vars(settings) == vars(Settings())


def test_products_of_matrices_in_tf32():
    """Operands lose all but 10 of their 23 digits, on the GPU alone and only while it is allowed."""
    a = 1 + np.float32(2**-11) * np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    b = np.eye(4, dtype=np.float32)
    short = np.floor(a * 2**10 + 0.5) / 2**10  # ties go away from zero

    def products(device):
        x, y = gp.tensor(a, device=device), gp.tensor(b, device=device)
        batch = gp.bmm(x[None], y[None])[0]
        found = [x @ y, gp.mm(x, y), batch, gp.addmm(gp.zeros(3, 4, device=device), x, y)]
        found += [gp.nn.functional.linear(x, y), gp.einsum("ij,jk->ik", x, y)]
        return [backend.asnumpy(z.array) for z in found]

    with emulator.enable():
        full = products("cuda")
        backends.cuda.matmul.allow_tf32 = True
        rounded = products("cuda")
        assert all(np.array_equal(z, a) for z in products("cpu"))
        doubles = gp.tensor(a, dtype=gp.float64, device="cuda") @ gp.eye(4, dtype=gp.float64, device="cuda")
        assert np.array_equal(backend.asnumpy(doubles.array), a)
        backends.cuda.matmul.allow_tf32 = False
        again = products("cuda")
    assert all(np.array_equal(z, a) for z in full + again)
    assert len(rounded) == 6 and all(np.array_equal(z, short) for z in rounded)


def test_the_switch_may_be_set_before_there_is_a_gpu():
    backends.cuda.matmul.allow_tf32 = True
    with emulator.enable():
        x = gp.full((2, 2), 1 + 2**-12, device="cuda")
        assert (x @ x)[0, 0].item() == 2.0


@pytest.fixture
def undecided():
    yield
    gp.use_deterministic_algorithms(False)
    backends.cudnn.deterministic = False


@pytest.mark.usefixtures("undecided")
def test_determinism_is_remembered():
    assert not gp.are_deterministic_algorithms_enabled() and gp.get_deterministic_debug_mode() == 0
    gp.use_deterministic_algorithms(True)
    assert gp.are_deterministic_algorithms_enabled() and gp.get_deterministic_debug_mode() == 2
    assert not gp.is_deterministic_algorithms_warn_only_enabled()
    gp.use_deterministic_algorithms(True, warn_only=True)
    assert gp.is_deterministic_algorithms_warn_only_enabled() and gp.get_deterministic_debug_mode() == 1
    for mode, wanted in (("error", 2), (1, 1), ("default", 0)):
        gp.set_deterministic_debug_mode(mode)
        assert gp.get_deterministic_debug_mode() == wanted
    with pytest.raises(RuntimeError, match=r"invalid value of debug_mode.*got sometimes"):
        gp.set_deterministic_debug_mode("sometimes")
    with pytest.raises(TypeError, match="must be str or int, but got float"):
        gp.set_deterministic_debug_mode(1.5)
    backends.cudnn.deterministic = True
    assert backends.cudnn.deterministic
    with pytest.raises(TypeError, match=r"cudnn.deterministic: expected a bool"):
        backends.cudnn.deterministic = 1


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.usefixtures("undecided")
def test_results_are_the_same_bits_in_any_case(asked, device):
    gp.use_deterministic_algorithms(asked)
    found = []
    for _ in range(2):
        gp.manual_seed(0)
        index = gp.randint(0, 5, (400,), device=device)
        weight = gp.randn(5, 3, device=device, requires_grad=True)
        (gp.nn.functional.embedding(index, weight) * gp.randn(400, 3, device=device)).sum().backward()
        found.append(weight.grad.cpu().numpy())
    np.testing.assert_array_equal(*found)


def test_precision_by_name():
    assert gp.get_float32_matmul_precision() == "highest"
    for name in ("medium", "high", "highest"):
        gp.set_float32_matmul_precision(name)
        assert gp.get_float32_matmul_precision() == name
        assert backends.cuda.matmul.allow_tf32 is (name != "highest")
    backends.cuda.matmul.allow_tf32 = True
    assert gp.get_float32_matmul_precision() == "high"
    with pytest.warns(UserWarning, match="'low' is not one of"):
        gp.set_float32_matmul_precision("low")
    with pytest.raises(RuntimeError, match="expects a str, but got int"):
        gp.set_float32_matmul_precision(3)
    assert gp.get_float32_matmul_precision() == "high"


def test_questions_and_wishes_of_programs():
    assert backends.cudnn.version() is None and backends.cudnn.enabled is True
    backends.cudnn.enabled = False
    assert backends.cudnn.enabled is False
    backends.cudnn.enabled = True
    with pytest.raises(TypeError, match=r"cudnn.enabled: expected a bool, got int"):
        backends.cudnn.enabled = 1
    with emulator.enable():
        assert backends.cudnn.is_available()
    assert not backends.mps.is_available() and not backends.mps.is_built()


def test_wishes_for_an_algorithm_of_attention_are_remembered():
    cuda = gp.backends.cuda
    q = gp.rand(1, 2, 3, 4)
    plain = gp.nn.functional.scaled_dot_product_attention(q, q, q)
    for name in ("flash", "mem_efficient", "math", "cudnn"):
        is_wanted = getattr(cuda, f"{name}_sdp_enabled")
        assert is_wanted() is True
        getattr(cuda, f"enable_{name}_sdp")(False)
        assert is_wanted() is False
        getattr(cuda, f"enable_{name}_sdp")(True)
    with pytest.raises(KeyError), cuda.sdp_kernel(enable_math=False):
        assert cuda.flash_sdp_enabled() and cuda.mem_efficient_sdp_enabled() and not cuda.math_sdp_enabled()
        assert gp.equal(gp.nn.functional.scaled_dot_product_attention(q, q, q), plain)
        raise KeyError
    assert cuda.math_sdp_enabled() and cuda.cudnn_sdp_enabled()
