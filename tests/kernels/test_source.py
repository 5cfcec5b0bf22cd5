"""Kernel files as text: headers, signatures, the source for a compiler."""

import pytest

from gpunn.errors import ArgumentError
from gpunn.kernels import source
from gpunn.kernels.source import Parameter, parse

TEXT = """// Products. Launched by gpunn/ops/linalg.
// T: float, __half
// (BM, BN): (64, 64), (128, 32)
// OP: Relu, Tanh
// arch: 80
// launch: cooperative
#include "common.cuh"

// y = a x.
// Bytes: 2 * n * sizeof(T) + 4.
// FLOPs: 2 * n.
extern "C" __global__ void __launch_bounds__(BM * 2) scale(T* __restrict__ y,
                                                           const T* __restrict__ x, float a, long long n) {
}

// T: a comment that is no header
extern "C" __global__ void update(T* const* tables, const unsigned char *mask) {}
"""


def test_header():
    file = parse("products", TEXT)
    assert file.choices == (
        (("T",), (("float",), ("__half",))),
        (("BM", "BN"), (("64", "64"), ("128", "32"))),
        (("OP",), (("Relu",), ("Tanh",))),
    )
    assert (file.arch, file.is_cooperative) == (80, True)
    plain = parse("plain", '// Nothing. gpunn/ops\n\n// arch: 90\nextern "C" __global__ void k() {}\n')
    assert (plain.arch, plain.is_cooperative, plain.choices) == (75, False, ())
    assert plain.kernels["k"].parameters == ()


def test_signatures():
    kernels = parse("products", TEXT).kernels
    assert kernels["scale"].parameters == (
        Parameter("y", "T", "array", False),
        Parameter("x", "T", "array", True),
        Parameter("a", "float", "number", False),
        Parameter("n", "long long", "number", False),
    )
    assert kernels["update"].parameters == (
        Parameter("tables", "T", "table", False),
        Parameter("mask", "unsigned char", "array", True),
    )


def test_formulas():
    kernels = parse("products", TEXT).kernels
    assert (kernels["scale"].bytes, kernels["scale"].flops) == ("2 * n * sizeof(T) + 4", "2 * n")
    assert kernels["update"].bytes == ""


def test_configurations():
    file = parse("products", TEXT)
    found = list(file.configurations())
    assert len(found) == 8
    assert found[0] == {"T": "float", "BM": "64", "BN": "64", "OP": "Relu"}
    assert file.complete({"T": "float", "BN": "32", "OP": "Tanh"})["BM"] == "128"
    assert file.complete({"T": "__half"}) == {"T": "__half", "BM": "64", "BN": "64", "OP": "Relu"}


@pytest.mark.parametrize("given", [{"T": "int"}, {"BM": "64", "BN": "32"}, {"X": "1"}])
def test_a_configuration_must_be_one_of_the_header(given):
    with pytest.raises(ArgumentError, match=r"products\.cu is not built for"):
        parse("products", TEXT).complete(given)


def test_source_defines_what_was_chosen_and_keeps_the_lines():
    chosen = {"T": "__half", "BM": "64", "BN": "64", "OP": "Tanh"}
    text = source.source(parse("products", TEXT), chosen)
    assert text.startswith(
        "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\nusing T = __half;\nconstexpr int BM = 64;\n"
    )
    assert "#define OP Tanh\n" in text
    assert '#include "' not in text
    assert "#pragma once" not in text
    assert line_of(text, 'extern "C" __global__ void update') == ("products.cu", 17)
    assert line_of(text, "long long thread_index()")[0] == "common.cuh"


def test_source_without_half_types_includes_nothing_in_front():
    text = source.source(parse("products", TEXT), {"T": "float", "BM": "64", "OP": "Relu"})
    assert text.startswith("using T = float;\n")


def test_nothing_but_words_of_the_header_reaches_a_source():
    with pytest.raises(ArgumentError):
        source.source(parse("products", TEXT), {"T": "float; int x", "BM": "64", "OP": "Relu"})


def test_headers_are_inlined_once(tmp_path, monkeypatch):
    (tmp_path / "a.cuh").write_text('// A.\n#pragma once\n#include "b.cuh"\nint a;\n')
    (tmp_path / "b.cuh").write_text("// B.\n#pragma once\nint b;\n")
    monkeypatch.setattr(source, "KERNEL_DIR", tmp_path)
    text = source.source(parse("x", '// X. gpunn/ops\n#include "a.cuh"\n#include "b.cuh"\nint x;\n'), {})
    assert text.count("int b;") == text.count("int a;") == 1
    assert [line_of(text, f"int {n};") for n in "abx"] == [("a.cuh", 4), ("b.cuh", 3), ("x.cu", 4)]


def test_every_file_says_what_its_kernels_cost():
    for stem in source.stems():
        file = source.kernel_file(stem)
        assert file.kernels, f"{stem}.cu has no kernel"
        assert any(names == ("BLOCK",) or "BLOCK" in names for names, _ in file.choices), f"{stem}.cu names no BLOCK"
        for kernel in file.kernels.values():
            assert kernel.bytes or kernel.flops, f"{stem}.cu: {kernel.name} has neither Bytes: nor FLOPs: above it"


def test_no_kernel_is_missed():
    for stem in source.stems():
        file = source.kernel_file(stem)
        assert file.text.count("__global__") == len(file.kernels), f'{stem}.cu: write signatures out, extern "C"'


def line_of(text, words):
    """The file and the line that a compiler would name for the line of `text` that begins with `words`."""
    name, number = "", 0
    for line in text.splitlines():
        if line.startswith("#line "):
            _, first, quoted = line.split()
            name, number = quoted.strip('"'), int(first)
            continue
        if words in line:
            return name, number
        number += 1
    raise AssertionError(f"no line with {words}")
