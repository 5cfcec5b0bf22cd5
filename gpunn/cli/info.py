"""`gpunn info`: what is installed, which GPU is seen, and for everything wrong the line that mends it.

Each finding is a function of the facts alone, so each can be tested without the machine that has the trouble.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from gpunn.cli.facts import Facts, gather

PIP: Final = "python -m pip"
OLDEST_CUPY: Final = 14
# The oldest driver of each CUDA (NVIDIA, "CUDA Compatibility", minor version compatibility, table 1).
DRIVER_OF_CUDA: Final = {12: 525, 13: 580}
# CUDA 13 compiles for no GPU below 7.5, but its first drivers run a V100 (7.0): that takes the CUDA 12 build.
OLDEST_GPU_OF_CUDA_13: Final = 7.5


@dataclass(frozen=True)
class Finding:
    """Something wrong, or worth knowing, and the command that changes it ("" where none does)."""

    problem: str
    fix: str = ""


def cuda_extra(facts: Facts) -> str:
    """The extra of gpunn that fits driver and GPUs: "cuda12x", "cuda13x", or "" where no GPU can be used."""
    major = _major(facts.driver_cuda)
    if major < 12 or not (facts.gpus or facts.visible_gpus):
        return ""
    oldest = min((_number(gpu.compute_capability) for gpu in facts.gpus), default=OLDEST_GPU_OF_CUDA_13)
    return "cuda12x" if major < 13 or oldest < OLDEST_GPU_OF_CUDA_13 else "cuda13x"


def no_driver(facts: Facts) -> Finding | None:
    """The usual state of a machine without a GPU."""
    if facts.driver_cuda or facts.driver or facts.emulated:
        return None
    return Finding(
        "no NVIDIA driver is found, so gpunn runs on the CPU; "
        f"for an NVIDIA GPU install driver {DRIVER_OF_CUDA[12]} or newer"
    )


def driver_too_old(facts: Facts) -> Finding | None:
    """The driver runs no CUDA that CuPy 14 is built for."""
    if facts.driver_cuda is None or _major(facts.driver_cuda) >= 12:
        return None
    return Finding(
        f"the NVIDIA driver runs CUDA {facts.driver_cuda} at most, CuPy {OLDEST_CUPY} wants CUDA 12: "
        f"update the driver to {DRIVER_OF_CUDA[12]} ({DRIVER_OF_CUDA[13]} for CUDA 13) or newer, then",
        _install("cupy-cuda12x"),
    )


def no_gpu(facts: Facts) -> Finding | None:
    """A driver that has no GPU to drive: most often a container."""
    if facts.driver_cuda is None or facts.gpus or facts.visible_gpus:
        return None
    return Finding("the NVIDIA driver sees no GPU; a container must be started with its GPUs (--gpus all)")


def hidden_gpus(facts: Facts) -> Finding | None:
    """GPUs are there, and CUDA_VISIBLE_DEVICES keeps all of them from this process."""
    if facts.cuda_visible_devices is None or not facts.gpus or facts.visible_gpus != 0:
        return None
    return Finding(
        f"CUDA_VISIBLE_DEVICES={facts.cuda_visible_devices!r} hides every GPU ({len(facts.gpus)} here)",
        "unset CUDA_VISIBLE_DEVICES",
    )


def no_cupy(facts: Facts) -> Finding | None:
    """There is a GPU and nothing to reach it with."""
    extra = cuda_extra(facts)
    if facts.cupy or not extra:
        return None
    return Finding("there is a GPU, but CuPy is not installed", _install(f"cupy-{extra}"))


def two_cupys(facts: Facts) -> Finding | None:
    """CuPys share one folder: what runs is a mixture, and removing one breaks the other, so all go."""
    if len(facts.cupy) < 2:
        return None
    extra = cuda_extra(facts)
    keep = f"cupy-{extra}" if extra else max(facts.cupy)
    if keep not in facts.cupy and "cupy-cuda12x" in facts.cupy:  # runs on newer drivers too
        keep = "cupy-cuda12x"
    surplus = [name for name in facts.cupy if name != keep]
    return Finding(
        f"{' and '.join(facts.cupy)} are installed over each other; {' and '.join(surplus)} must go",
        f"{PIP} uninstall -y {' '.join(facts.cupy)} && {_install(keep)}",
    )


def wrong_cupy(facts: Facts) -> Finding | None:
    """The only CuPy is built for a CUDA that this driver, or the oldest GPU here, cannot run."""
    extra = cuda_extra(facts)
    if len(facts.cupy) != 1 or not extra:
        return None
    (name,) = facts.cupy
    if name in (f"cupy-{extra}", "cupy-cuda12x", "cupy"):  # fits; runs on newer drivers too; was built here
        return None
    gpus = ", ".join(f"{gpu.name} ({gpu.compute_capability})" for gpu in facts.gpus) or "this GPU"
    return Finding(
        f"{name} does not fit {gpus} with a driver for CUDA {facts.driver_cuda}",
        f"{PIP} uninstall -y {name} && {_install(f'cupy-{extra}')}",
    )


def cupy_too_old(facts: Facts) -> Finding | None:
    """The only CuPy is right but for its release."""
    if len(facts.cupy) != 1 or wrong_cupy(facts):
        return None
    ((name, version),) = facts.cupy.items()
    if _major(version) >= OLDEST_CUPY:
        return None
    return Finding(f"{name} {version} is older than {OLDEST_CUPY}", _install(name))


def no_compiler(facts: Facts) -> Finding | None:
    """CuPy without the CUDA headers or without NVRTC: copies work, every kernel fails."""
    parts = {"CUDA headers (cuda_fp16.h)": facts.headers, "NVRTC": facts.nvrtc}
    missing = [part for part, path in parts.items() if path is None]
    if len(facts.cupy) != 1 or not missing or wrong_cupy(facts) or cupy_too_old(facts):
        return None
    (name,) = facts.cupy
    major = "13" if cuda_extra(facts) == "cuda13x" else "12"
    toolkit = f'{PIP} install "cuda-toolkit[cudart,nvrtc]=={major}.*"'  # what [ctk] would have brought
    return Finding(
        f"CuPy finds no {' and no '.join(missing)}, so it cannot compile kernels",
        toolkit if name == "cupy" else _install(name),
    )


def emulated(facts: Facts) -> Finding | None:
    """Nothing is wrong, but timings would mislead."""
    if not facts.emulated:
        return None
    return Finding('device "cuda" is emulated on the CPU: the numbers are right, the times mean nothing')


CHECKS: Final[tuple[Callable[[Facts], Finding | None], ...]] = (
    no_driver,
    driver_too_old,
    no_gpu,
    hidden_gpus,
    no_cupy,
    two_cupys,
    wrong_cupy,
    cupy_too_old,
    no_compiler,
    emulated,
)


def findings(facts: Facts) -> list[Finding]:
    """All that is to be said about `facts`, causes before effects. Empty if the GPU is ready for use."""
    found = [finding for check in CHECKS if (finding := check(facts))]
    if not found and facts.cuda_problem:
        return [Finding(facts.cuda_problem)]
    return found


def report(facts: Facts) -> Iterator[str]:
    """The lines that `gpunn info` prints."""
    threads = "" if facts.blas_threads is None else f", {facts.blas_threads} threads"
    yield f"gpunn      {facts.gpunn}, Python {facts.python}, {facts.platform}"
    yield f"NumPy      {facts.numpy}, BLAS {facts.blas}{threads}"
    yield f"ml_dtypes  {facts.ml_dtypes}"
    yield "CuPy       " + (", ".join(f"{n} {v}" for n, v in facts.cupy.items()) or "not installed")
    yield f"driver     {facts.driver or 'not found'}, CUDA up to {facts.driver_cuda or 'none'}"
    for number, gpu in enumerate(facts.gpus):
        yield f"GPU {number}      {gpu.name}, compute capability {gpu.compute_capability}, {gpu.memory}"
    if facts.cupy:
        yield f"headers    {facts.headers or 'not found'}"
        yield f"NVRTC      {facts.nvrtc or 'not found'}"
    yield '"cuda"     ' + ("not usable" if facts.cuda_problem else "emulated" if facts.emulated else "ready")
    for finding in findings(facts):
        yield ""
        yield f"* {finding.problem}"
        if finding.fix:
            yield f"    {finding.fix}"


def main(argv: Sequence[str]) -> int:
    """0, after printing the report, the same as JSON, or the fitting extra."""
    parser = argparse.ArgumentParser(prog="gpunn info", description=(__doc__ or "").splitlines()[0])
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print facts and findings as JSON")
    form.add_argument("--extra", action="store_true", help="print the extra to install, if any")
    given = parser.parse_args(argv)
    facts = gather()
    if given.json:
        print(json.dumps({**asdict(facts), "findings": [asdict(f) for f in findings(facts)]}, indent=2))
    elif given.extra:
        print(cuda_extra(facts))
    else:
        print("\n".join(report(facts)))
    return 0


def _major(version: str | None) -> int:
    return int(version.split(".")[0]) if version else 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # nvidia-smi writes [N/A] for what a GPU does not tell
        return math.inf


def _install(wheel: str) -> str:
    extra = "" if wheel == "cupy" else "[ctk]"
    return f'{PIP} install "{wheel}{extra}>={OLDEST_CUPY}"'
