"""NVRTC, NVIDIA's run-time compiler, called directly: compiles kernels where there is no GPU, no driver and no CuPy.

The tests compile every kernel for every architecture through it, and read what ptxas says of registers, stack and
spills. It is found in the pip wheels of CUDA 12 and 13, beside CuPy, or in a CUDA toolkit.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from gpunn.errors import GpunnError, UnsupportedError
from gpunn.kernels.prepared import OPTIONS as LAUNCH_OPTIONS

# What a launch compiles with: our options, and those that CuPy adds to them.
OPTIONS: Final = (*LAUNCH_OPTIONS, "-ftz=true", "--device-as-default-execution-space")
REPORT: Final = ("-Xptxas", "-v")  # ptxas writes the resources of each kernel into the log
HALF_HEADER: Final = "cuda_fp16.h"
INSTALL: Final = "python -m pip install nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12"
TOOLKITS: Final = (Path("/usr/local/cuda"), Path("/usr"))

_ENTRY = re.compile(r"^ptxas info\s*: Compiling entry function '(\w+)' for '\w+'$", re.MULTILINE)
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"^ptxas info\s*: Used (\d+) registers(.*)$", re.MULTILINE)
_WARNING = re.compile(r"^.*(?:\bwarning(?: #\S+)?\s*:|Potential Performance Loss).*$", re.MULTILINE)


@dataclass(frozen=True)
class Resources:
    """What one kernel takes, as ptxas says: registers and stack of a thread, shared memory of a block, in bytes.

    Functions that are not inlined count towards the kernel that calls them. `shared` is what the kernel declares,
    not the dynamic part of a launch; `constant` is 0 for sm_90 and later, where ptxas does not tell.
    """

    registers: int
    shared: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0
    constant: int = 0


@dataclass(frozen=True)
class Report:
    """What the compiler said: `log`, and from it the resources of each kernel and the warnings."""

    log: str
    failed: bool = False

    @property
    def resources(self) -> dict[str, Resources]:
        """The resources of each kernel by its name."""
        pieces = _ENTRY.split(self.log)
        return {name: _resources(text) for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}

    @property
    def warnings(self) -> tuple[str, ...]:
        """The lines of the log that warn, each with its place."""
        return tuple(line.strip() for line in _WARNING.findall(self.log))


@dataclass(frozen=True)
class Compiled(Report):
    """A module of kernels in machine code, and the report on it."""

    cubin: bytes = field(default=b"", repr=False)


class CompileError(GpunnError, RuntimeError):
    """A source that NVRTC refuses. The message is the compiler's, with file and line; `report` is all it said."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


class Compiler:
    """One libnvrtc and the folder of the CUDA headers that belong to it."""

    def __init__(self, library: Path, headers: Path) -> None:
        self.library, self.headers = library, headers
        self._nvrtc = ctypes.CDLL(str(library))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        self.version = (major.value, minor.value)
        self._nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p

    def __str__(self) -> str:
        return f"NVRTC {self.version[0]}.{self.version[1]}"

    def __repr__(self) -> str:
        return f"<{self}, {self.library}>"

    @property
    def architectures(self) -> tuple[int, ...]:
        """The compute capabilities that it compiles for: 75, 80, 90, …"""
        count = ctypes.c_int()
        self._check(self._nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
        numbers = (ctypes.c_int * count.value)()
        self._check(self._nvrtc.nvrtcGetSupportedArchs(numbers))
        return tuple(numbers)

    def compile(self, source: str, arch: int | str, options: Sequence[str] = OPTIONS) -> Compiled:
        """The machine code of `source` for sm_`arch` (90, "90a"). Raises CompileError with the compiler's words.

        Several threads may compile at once: the interpreter is free while NVRTC works.
        """
        words = [f"-arch=sm_{arch}", *options, *REPORT, f"-I{self.headers}"]
        flags = (ctypes.c_char_p * len(words))(*[word.encode() for word in words])
        program = ctypes.c_void_p()
        self._check(
            self._nvrtc.nvrtcCreateProgram(
                ctypes.byref(program), source.encode(), b"kernel.cu", ctypes.c_int(0), None, None
            )
        )
        try:
            status = self._nvrtc.nvrtcCompileProgram(program, ctypes.c_int(len(words)), flags)
            log = self._text(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            if status != 0:
                name = self._nvrtc.nvrtcGetErrorString(status).decode()
                raise CompileError(f"{self} for sm_{arch}: {log.strip() or name}", Report(log or name, failed=True))
            return Compiled(log, cubin=self._text(program, "CUBIN"))
        finally:
            self._nvrtc.nvrtcDestroyProgram(ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._nvrtc, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw

    def _check(self, status: int) -> None:
        if status != 0:
            raise GpunnError(f"{self}: {self._nvrtc.nvrtcGetErrorString(status).decode()}")


@cache
def compilers() -> tuple[Compiler, ...]:
    """Every NVRTC of this machine with its headers, the one to take first; one of each version."""
    found: dict[tuple[int, int], Compiler] = {}
    for library, headers in _places():
        if (headers / HALF_HEADER).is_file() and (compiler := _load(library, headers)):
            found.setdefault(compiler.version, compiler)
    return tuple(found.values())


def problem() -> str | None:
    """Why kernels cannot be compiled here, with what to install; None if they can."""
    if compilers():
        return None
    libraries = [str(library) for library, _ in _places()]
    if libraries:
        return f"the CUDA headers ({HALF_HEADER}) of {libraries[0]} are not found, or it does not load: {INSTALL}"
    return f"NVRTC is not installed: {INSTALL}"


def compile(source: str, arch: int | str, options: Sequence[str] = OPTIONS) -> Compiled:
    """The machine code of `source` for sm_`arch` by the first NVRTC found; UnsupportedError where there is none."""
    missing = problem()
    if missing:
        raise UnsupportedError(missing)
    return compilers()[0].compile(source, arch, options)


def _resources(text: str) -> Resources:
    """Those of one kernel, from the part of the log between its name and that of the next."""
    frames = [tuple(map(int, numbers)) for numbers in _FRAME.findall(text)]
    used = _USED.search(text)
    if not frames or used is None:
        raise GpunnError(f"NVRTC's log says nothing of registers or stack:\n{text}")
    stack = _bytes(r"(\d+) bytes cumulative stack size", used[2])
    return Resources(
        registers=int(used[1]),
        shared=_bytes(r"(\d+) bytes smem", used[2]),
        stack=max(stack, *(frame for frame, _, _ in frames)),
        spill_stores=sum(stores for _, stores, _ in frames),
        spill_loads=sum(loads for _, _, loads in frames),
        constant=_bytes(r"(\d+) bytes cmem", used[2]),
    )


def _bytes(pattern: str, text: str) -> int:
    return sum(int(number) for number in re.findall(pattern, text))


def _load(library: Path, headers: Path) -> Compiler | None:
    try:
        return Compiler(library, headers)
    except OSError:  # of another kind of machine, or without its second library
        return None


def _places() -> Iterator[tuple[Path, Path]]:
    """Where a libnvrtc is, with the folder where its headers would be: wheels, CuPy's finder, toolkits."""
    for folder, headers in (("cuda_nvrtc", "cuda_runtime"), ("cu13", "cu13")):
        for site in _wheel_folders():
            yield from _libraries(site / folder / "lib", site / headers / "include")
    yield from _found_by_cupy()
    nvcc = shutil.which("nvcc")
    for toolkit in (*([Path(nvcc).resolve().parent.parent] if nvcc else []), *TOOLKITS):
        for folder in ("lib64", "lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"):
            yield from _libraries(toolkit / folder, toolkit / "include")


def _wheel_folders() -> list[Path]:
    """The folders `nvidia` of the environment: wheels of several distributions share one."""
    spec = importlib.util.find_spec("nvidia")
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []


def _libraries(folder: Path, headers: Path) -> Iterator[tuple[Path, Path]]:
    for library in sorted(folder.glob("libnvrtc.so.*[0-9]")):
        yield library, headers


def _found_by_cupy() -> Iterator[tuple[Path, Path]]:
    """What `cuda.pathfinder` finds, on which CuPy 14 depends: it knows conda and more."""
    try:
        finder: Any = importlib.import_module("cuda.pathfinder")
        library, headers = finder.load_nvidia_dynamic_lib("nvrtc"), finder.find_nvidia_header_directory("cudart")
    except (ImportError, RuntimeError):  # its DynamicLibNotFoundError is a RuntimeError
        return
    if library.abs_path and headers:
        yield Path(library.abs_path), Path(headers)
