"""CUDA text as C++: kernels are found, dynamic shared memory becomes a pointer, lines stay where they are."""

import re

import pytest

from gpunn.emulator.translation import dynamic_shared_name, signatures, translate

TEXT = """// extern "C" __global__ void commented_out(float* y) {
/* extern "C" __global__ void this_one_too(float* y) { */
extern "C" __global__ void __launch_bounds__(BLOCK) plain(float* __restrict__ y, const float* x, long long n) {
  extern __shared__ float row[];
  if (n) { y[0] = x[0]; }
}

extern "C" __global__ void
    __launch_bounds__((256 + 1) * 2) wrapped(T* const* table,
            int n = 3) {
  extern  __shared__  __align__(16)
      unsigned char bytes[];
}
template <class T, int N> __global__ void general(T* y) { }
extern "C" __global__ void nothing() { }
extern "C" __global__ void nothing_either(void) {}
__device__ float helper(float x) { return x; }
extern "C" __global__ void only_declared(float* y);
"""


def test_signatures():
    found = [(s.name, s.parameters, s.is_template) for s in signatures(TEXT)]
    assert found == [
        ("plain", ("y", "x", "n"), False),
        ("wrapped", ("table", "n"), False),
        ("general", ("y",), True),
        ("nothing", (), False),
        ("nothing_either", (), False),
    ]


def test_dynamic_shared_memory_becomes_a_pointer():
    lines = translate(TEXT, ["plain"]).splitlines()
    assert lines[0] == '#line 1 "kernels.cu"'
    text = lines[1 : 1 + len(TEXT.splitlines())]
    assert text[3] == "  float* const row = static_cast<float*>(::gpunn_emulator::self->dynamic_shared);"
    at = "unsigned char* const bytes = static_cast<unsigned char*>(::gpunn_emulator::self->dynamic_shared);"
    assert text[10].strip() == at
    assert not re.search(r"extern\s+__shared__", "\n".join(text))
    untouched = [i for i in range(len(text)) if i not in (3, 10, 11)]
    assert [text[i] for i in untouched] == [TEXT.splitlines()[i] for i in untouched]


@pytest.mark.parametrize(
    "declaration",
    [
        "extern __shared__ __half2 s[];",
        "extern __shared__ float4 s[] ;",
        "extern __shared__ __align__(sizeof(float4)) float4 s[];",
        "extern __shared__ alignas(16) typename Tile<T, 4>::Row s[];",
    ],
)
def test_declarations(declaration):
    kind = re.sub(r".*__shared__|__align__\(.*?\)\)|alignas\(16\)|s\[\].*", "", declaration).strip()
    wanted = f"{kind}* const s = static_cast<{kind}*>(::gpunn_emulator::self->dynamic_shared);"
    assert translate(declaration, []).splitlines()[1] == wanted


def test_the_table_names_the_kernels():
    text = translate(TEXT, ["plain", "general<float, 3>"])
    assert '    ::gpunn_emulator::EntryOf<&::plain>::named("plain"),\n' in text
    assert '    ::gpunn_emulator::EntryOf<&::general<float, 3>>::named("general<float, 3>"),\n' in text


def test_name_of_the_dynamic_shared_memory():
    assert dynamic_shared_name(TEXT, "plain") == "row"
    assert dynamic_shared_name(TEXT, "wrapped") == "bytes"
    assert dynamic_shared_name(TEXT, "nothing") == "the dynamic shared memory"
    helper = "__device__ void f() { extern __shared__ int all[]; }\n__global__ void k(int n) { f(); }"
    assert dynamic_shared_name(helper, "k<3>") == "all"
