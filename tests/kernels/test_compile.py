"""The gate: every kernel compiles without a warning and within its budget. And what the gate lets through.

A sample is compiled each time; every configuration for every architecture in `make long`; a larger sample, for the
oldest and the newest architecture, by NVRTC 13 in `make sweep`. The first time takes minutes, later runs read what is
kept of it. budget.py says how to change the budget.
"""

import pytest

from gpunn.kernels import nvrtc, survey
from gpunn.kernels.source import kernel_file, parse, stems
from gpunn.kernels.survey import Build
from tests.kernels import budget
from tests.kernels.budget import Budget, Key, Limits, faults, measured, read, violations, write

FILES = stems()
needs_reference = pytest.mark.skipif(
    budget.compiler() is None, reason=f"NVRTC {budget.RELEASE} is not installed: {nvrtc.INSTALL}"
)


@pytest.fixture(scope="module")
def allowed() -> Budget:
    return read(budget.BUDGET.read_text(encoding="utf-8"))


def sample(file):
    """As many configurations of `file` as it takes to have each choice of its header in one of them."""
    for i in range(max((len(choices) for _, choices in file.choices), default=1)):
        yield {
            n: word for names, choices in file.choices for n, word in zip(names, choices[i % len(choices)], strict=True)
        }


def part(stem):
    """The first and the last of the sample for sm_90, and the first for the oldest architecture too."""
    file = kernel_file(stem)
    first, *others = sample(file)
    made = [(first, file.arch), (first, max(90, file.arch)), *[(last, max(90, file.arch)) for last in others[-1:]]]
    return [Build(file, configuration, arch) for configuration, arch in made]


def ends(stem):
    """The sample for the oldest and for the newest architecture."""
    file = kernel_file(stem)
    return [Build(file, configuration, arch) for configuration in sample(file) for arch in (file.arch, 100)]


def whole(stem):
    """All configurations for all architectures."""
    return list(survey.builds([kernel_file(stem)]))


def hold(wanted, compiler, allowed, slack=budget.SAME_RELEASE):
    found = list(violations(survey.survey(wanted, compiler), allowed, slack))
    assert not found, "\n" + "\n".join(found)


@needs_reference
@pytest.mark.parametrize("stem", FILES)
def test_kernels_hold_their_budget(stem, allowed):
    hold(part(stem), budget.compiler(), allowed)


@needs_reference
@pytest.mark.long
@pytest.mark.parametrize("stem", FILES)
def test_kernels_hold_their_budget_on_every_architecture(stem, allowed):
    hold(whole(stem), budget.compiler(), allowed)


@pytest.mark.sweep
@pytest.mark.parametrize("stem", FILES)
def test_kernels_compile_with_cuda_13(stem, allowed):
    newer = [compiler for compiler in nvrtc.compilers() if compiler.version >= (13, 0)]
    if not newer:
        pytest.skip('NVRTC 13 is not installed: pip install -e ".[long]"')
    hold(ends(stem), newer[0], allowed, budget.OTHER_RELEASE)


def test_the_budget_is_of_these_kernels(allowed):
    found = list(faults(allowed, map(kernel_file, FILES)))
    assert not found, "\n" + "\n".join(found)


def test_the_budget_is_written_as_the_command_writes_it(allowed):
    assert budget.BUDGET.read_text(encoding="utf-8") == write(allowed)


def test_the_sample_has_every_choice():
    file = parse(
        "planted", "// Played.\n// (T, BM): (float, 64), (double, 32), (__half, 64)\n// TEAM: 32, 256\n// BLOCK: 256\n"
    )
    found = list(sample(file))
    assert [survey.described(configuration) for configuration in found] == [
        "T=float,BM=64,TEAM=32,BLOCK=256",
        "T=double,BM=32,TEAM=256,BLOCK=256",
        "T=__half,BM=64,TEAM=32,BLOCK=256",
    ]
    assert all(configuration in list(file.configurations()) for configuration in found)


# The gate itself, on kernels with planted faults.

HEADER = "// Played. Twin: gpunn/kernels.\n// T: float, double\n// BLOCK: 1024\n"
SIGNATURE = 'extern "C" __global__ void __launch_bounds__(BLOCK) planted(T* y, int n) '
BODIES = {
    "plain": "{ __shared__ T staged[8]; staged[n] = y[n]; __syncthreads(); y[0] = staged[0]; }\n",
    # More live values than registers: 64 for each of 1024 threads.
    "spills": "{ T v[99];\n#pragma unroll\nfor (int i = 0; i < 99; ++i) v[i] = y[i * n];\nT sum = 0;\n"
    "#pragma unroll\nfor (int i = 0; i < 99; ++i) sum += sum * v[i] * v[98 - i];\n"
    "#pragma unroll\nfor (int i = 0; i < 99; ++i) y[i * n] = v[i] + sum; }\n",
    # An array whose index only the run knows lies in memory.
    "stack": "{ T v[99]; for (int i = 0; i < 99; ++i) v[i] = y[i]; y[0] = v[n]; }\n",
    "warning": "{ int never; y[n] = 1; }\n",
    "error": "{ y[n] = missing; }\n",
}


def planted(body, header=HEADER, signature=SIGNATURE):
    return parse("planted", header + signature + BODIES[body])


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What the reference compiler says of the planted file with this body, for sm_80 and sm_90."""
    folder = tmp_path_factory.mktemp("logs")

    def report(body, **changes):
        wanted = survey.builds([planted(body, **changes)], (80, 90))
        return list(survey.survey(wanted, budget.compiler(), folder))

    return report


PLENTY = Limits({80: 64, 90: 64}, shared=8 * 8)


def limits(changed=PLENTY):
    return {Key("planted", "planted", f"T={t}"): changed for t in ("float", "double")}


@needs_reference
def test_a_plain_kernel_passes(reports):
    assert list(violations(reports("plain"), limits())) == []
    assert list(violations(reports("plain"), measured(reports("plain")))) == []


@needs_reference
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("spills", "bytes of spills, 0 allowed"),
        ("stack", "bytes of stack, 0 allowed"),
        ("warning", 'planted.cu(4): warning #177-D: variable "never"'),
        ("error", 'does not compile: planted.cu(4): error: identifier "missing"'),
    ],
)
def test_a_planted_fault_is_found(body, words, reports):
    found = list(violations(reports(body), limits()))
    for build in ("T=float,BLOCK=1024 sm_80", "T=double,BLOCK=1024 sm_90"):
        assert [line for line in found if line.startswith(f"planted.cu {build}") and words in line]


@needs_reference
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (Limits({80: 64, 90: 2}, shared=64), "sm_90 planted: {registers} registers, 2 allowed"),
        (Limits({80: 64, 90: 64}, shared=60), "sm_90 planted: 64 bytes of shared memory, 60 allowed"),
        (Limits({80: 64}, shared=64), "sm_90 planted: not in budget.txt; add it: "),
    ],
)
def test_a_number_beyond_its_limit_is_found(changed, words, reports):
    double = [(build, report) for build, report in reports("plain") if build.configuration["T"] == "double"]
    registers = double[-1][1].resources["planted"].registers
    (found,) = [line for line in violations(double, limits(changed)) if "sm_90" in line]
    assert words.format(registers=registers) in found
    assert "python -m tests.kernels.budget planted" in found


@needs_reference
def test_spills_pass_where_the_budget_allows_them(reports):
    allowed = measured(reports("spills"))
    assert all(line.spilled > 0 for line in allowed.values())
    assert list(violations(reports("spills"), allowed)) == []


@needs_reference
def test_another_release_may_take_a_little_more(reports):
    tight = limits(Limits({80: 4, 90: 4}, shared=64))
    assert list(violations(reports("plain"), tight))
    assert list(violations(reports("stack"), limits(), budget.OTHER_RELEASE))
    assert list(violations(reports("plain"), tight, budget.OTHER_RELEASE)) == []


@needs_reference
def test_a_kernel_without_a_line_is_found(reports):
    found = list(violations(reports("plain"), {}))
    assert len(found) == 4
    assert all("not in budget.txt; add it: python -m tests.kernels.budget planted" in line for line in found)


@needs_reference
def test_a_block_that_no_multiprocessor_can_hold_is_found(reports):
    unbounded = 'extern "C" __global__ void planted(T* y, int n) '
    found = list(violations(reports("spills", signature=unbounded), limits(Limits({80: 255, 90: 255}, 0, 999, 999))))
    found = [line for line in found if "warning" not in line]  # BLOCK is not used
    assert len(found) == 4 and all("registers in each of 1024 threads: no block fits" in line for line in found)


@needs_reference
def test_a_file_that_does_not_say_its_block_is_found(reports):
    """A line that is no header line ends the header, and what follows is not seen."""
    found = list(violations(reports("plain", header=HEADER.replace("// BLOCK", "// See:\n// BLOCK")), limits()))
    assert (
        found[0] == "planted.cu T=float sm_80: declares no BLOCK; the header ends at the first line that is no choice"
    )


@needs_reference
def test_a_kernel_that_the_parser_does_not_see_is_found(reports):
    hidden = '#define KERNEL extern "C" __global__ void\nKERNEL planted(T* y, int n) '
    found = list(violations(reports("warning", signature=hidden), limits()))
    assert any("planted is compiled but not found in the file" in line for line in found)


@needs_reference
def test_a_kernel_that_is_not_compiled_is_found(reports):
    guarded = f"#if __CUDA_ARCH__ < 80\n{SIGNATURE}" + BODIES["plain"] + "#endif\n" + SIGNATURE.replace("ted(", "ted2(")
    found = list(violations(reports("plain", signature=guarded), limits()))
    assert any("planted is in the file but not compiled" in line for line in found)


# The budget as a file.

WRITTEN = """\
conv/forward conv_forward T=float,BM=64: - 40 48 48, 1024 shared
planted planted -: 24 24 24 24, 0 shared, 28 stack, 0 spilled: sinf reduces large arguments in memory
"""
LINES = {
    Key("conv/forward", "conv_forward", "T=float,BM=64"): Limits({80: 40, 90: 48, 100: 48}, 1024),
    Key("planted", "planted", "-"): Limits(
        dict.fromkeys(survey.ARCHITECTURES, 24), 0, 28, 0, "sinf reduces large arguments in memory"
    ),
}


def test_the_budget_is_read_as_it_is_written():
    assert read(budget.TITLE + WRITTEN) == LINES
    assert write(dict(reversed(LINES.items()))) == budget.TITLE + WRITTEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("planted planted -: 24 24 24 24\n", "not a line of the budget: planted"),
        ("planted planted -: 24 24 24 24, 0 shared, 28 stack, 0 spilled\n", "not a line"),
        (WRITTEN + WRITTEN, "two lines for conv/forward conv_forward"),
        ("planted planted -: 24 24 24, 0 shared\n", "argument"),
    ],
)
def test_a_damaged_budget_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        read(text)


@needs_reference
def test_names_that_make_no_difference_are_left_out():
    header = HEADER + "// (OP, SIZE): (Add, 8), (Multiply, 8), (Add, 2000)\nstruct Add {};\nstruct Multiply {};\n"
    body = "{ __shared__ T staged[SIZE]; using Chosen = OP; staged[n] = 1; y[n] = staged[n / sizeof(Chosen)]; }\n"
    file = parse("planted", header + SIGNATURE + body)
    found = list(survey.survey(survey.builds([file], (90,)), budget.compiler()))
    lines = measured(found)
    assert {place.configuration for place in lines} == {
        f"T={t},SIZE={n}" for t in ("float", "double") for n in (8, 2000)
    }
    assert {limits.shared for limits in lines.values()} == {32, 64, 8000, 16000}
    assert list(violations(found, lines)) == []


def test_a_line_holds_for_the_configurations_that_have_its_words():
    configuration = {"T": "unsigned int", "BM": "64", "BLOCK": "256"}
    for words, holds in (
        ("-", True),
        ("BM=64", True),
        ("T=unsigned_int,BM=64", True),
        ("T=int", False),
        ("BM=6", False),
    ):
        assert Key("planted", "planted", words).holds(configuration) is holds


def test_a_line_without_its_kernel_is_found():
    gone = Key("planted", "gone", "T=float")
    (found,) = faults({**limits(), gone: PLENTY}, [planted("plain")])
    assert found == "budget.txt: planted gone T=float is gone from kernels/; python -m tests.kernels.budget"


def test_stack_and_spills_need_a_reason():
    silent = write(limits(Limits({80: 64, 90: 64}, 0, 40, 8)))
    assert silent.count(": WHY?\n") == 2
    found = list(faults(read(silent), [planted("plain")]))
    assert len(found) == 2 and "say why it needs stack or spills in place of WHY?" in found[0]
    assert list(faults(read(silent.replace("WHY?", "sinf")), [planted("plain")])) == []


@needs_reference
def test_the_command_asks_for_a_reason_and_tells_the_architectures(reports):
    assert {limit.reason for limit in measured(reports("stack")).values()} == {"WHY? sm_80 sm_90"}
    assert {limit.reason for limit in measured(reports("plain")).values()} == {""}
    asked = measured(reports("stack"))
    assert measured(reports("stack"), asked) == asked
    assert len(list(faults(asked, [planted("stack")]))) == len(asked)


@needs_reference
def test_reasons_stay_when_lines_are_measured_anew(reports):
    old = {Key("planted", "planted", "-"): Limits({}, reason="sinf"), Key("planted", "gone", "-"): PLENTY}
    for limit in measured(reports("stack"), old).values():
        assert limit.reason == "sinf" and limit.stack >= 396


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of kernels with one plain file, and a budget that is not there yet."""
    (tmp_path / "planted.cu").write_text(HEADER + SIGNATURE + BODIES["plain"])
    monkeypatch.setattr("gpunn.kernels.source.KERNEL_DIR", tmp_path)
    monkeypatch.setattr(budget, "BUDGET", tmp_path / "budget.txt")
    monkeypatch.setattr(survey, "cache_folder", lambda name: None)
    kernel_file.cache_clear()
    yield tmp_path
    kernel_file.cache_clear()


@needs_reference
def test_the_command_writes_the_budget(folder, capsys):
    assert budget.main([]) == 0
    written = read((folder / "budget.txt").read_text())
    assert set(written) == set(limits()) and capsys.readouterr().out == ""
    hold(whole("planted"), budget.compiler(), written)
    (folder / "planted.cu").write_text(HEADER + SIGNATURE + BODIES["stack"])
    kernel_file.cache_clear()
    assert budget.main(["planted"]) == 0
    assert "say why" in capsys.readouterr().out


@needs_reference
def test_the_command_leaves_the_budget_of_a_file_that_does_not_compile(folder, capsys):
    budget.main([])
    before = (folder / "budget.txt").read_text()
    (folder / "planted.cu").write_text(HEADER + SIGNATURE + BODIES["error"])
    kernel_file.cache_clear()
    assert budget.main([]) == 1
    assert 'identifier "missing"' in capsys.readouterr().err
    assert (folder / "budget.txt").read_text() == before


def test_the_command_says_what_is_missing(folder, capsys, monkeypatch):
    monkeypatch.setattr(nvrtc, "compilers", lambda: ())
    assert budget.main([]) == 1
    assert "NVRTC 12.9 is not installed" in capsys.readouterr().err


@needs_reference
def test_the_command_knows_the_files(folder, capsys):
    assert budget.main(["plant"]) == 1
    assert "no kernels/plant.cu; there are planted" in capsys.readouterr().err
