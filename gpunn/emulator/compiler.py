"""Compiles C++ with the machine's compiler into shared libraries, and keeps them for the next process.

A library's name is a hash of all that makes it: text, headers, options, compiler and processor.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gpunn.caches import cache_folder
from gpunn.emulator.storage import EmulatorError

NATIVE: Final = Path(__file__).resolve().parent / "native"
INCLUDE: Final = NATIVE / "include"

_MACHINES: Final = (("linux", "x86_64"), ("linux", "aarch64"))  # where fibre.cpp can switch stacks
_NAMES: Final = ("g++", "clang++", "c++")
_PROBLEM: Final = (
    "the emulator compiles kernels with a C++ compiler and found none of g++, clang++, c++: "
    "install g++ (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++)"
)

_COMMON: Final = (
    *("-std=c++17", "-fPIC", "-g1", "-gdwarf-4", "-march=native", "-pthread"),
    *("-fvisibility=hidden", "-fno-strict-aliasing", "-fno-math-errno", "-ffp-contract=off"),
)
# NVRTC refuses what only GNU's dialect takes, as fmax(1.0f, 2.0), which is ambiguous.
_KERNEL: Final = (
    *("-fno-exceptions", "-fno-threadsafe-statics", "-fstack-clash-protection", "-pedantic-errors", "-w"),
)
# Of two shared variables with one name in two modules, the linker would make one. Where variables are kept is
# something for a debugger, and takes a quarter of the time.
_GCC: Final = ("-fno-gnu-unique", "-fno-var-tracking", "-fno-var-tracking-assignments")
# Compiling takes longer than running: 0.33 s and 0.48 s of CPU for a kernel file of gpunn at -Og and -O1, where -O1
# saves a third of a run of milliseconds; with checks it saves half. (g++ 12, AMD EPYC, 2026-11-27)
_OPTIMISATION: Final = {False: "-Og", True: "-O1"}
# The compiler calls our own functions for each access (hooks.cpp) and each undefined operation (undefined.cpp).
_CHECKED: Final = (
    *("-fsanitize=thread", "-fno-omit-frame-pointer"),
    "-fsanitize=alignment,null,integer-divide-by-zero",
)
_CHECKED_GCC: Final = ("--param", "tsan-instrument-func-entry-exit=0", "-fsanitize=bounds-strict")
_CHECKED_CLANG: Final = ("-mllvm", "-tsan-instrument-func-entry-exit=0", "-fsanitize=bounds")
_THREAD_LOCALS: Final = re.compile(r"\t\.section\t\.tbss.*?(?=\t\.section|\t\.text|\t\.data|\t\.bss|\Z)", re.S)
_GAP: Final = 256  # bytes
_KEPT_SECONDS: Final = 30 * 24 * 3600
_PREFIX: Final = "gpunn_prefix.h"
# Kernels use nothing of the C++ library, which takes the linker as long as all else.
_LINK: Final = ("-nodefaultlibs", "-lm", "-lgcc", "-lc")
_CHECKED_LINK: Final = ("-Wl,--wrap=memcpy", "-Wl,--wrap=memmove", "-Wl,--wrap=memset")


class NoCompilerError(EmulatorError):
    """There is no C++ compiler; the message says what to install."""


class KernelCompileError(EmulatorError):
    """The text of a kernel is no valid C++; the message is the compiler's."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: its path, what it says of itself, whether it is Clang."""

    path: str
    version: str
    is_clang: bool


@cache
def find_compiler() -> Compiler:
    """The machine's C++ compiler; NoCompilerError if there is none, or the runtime cannot run here."""
    here = sys.platform, platform.machine()
    if here not in _MACHINES:
        raise NoCompilerError(
            f"the emulator runs kernels on Linux on x86_64 and aarch64 only, this is {' on '.join(here)}"
        )
    for name in _NAMES:
        path = shutil.which(name)
        if path is None:
            continue
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return Compiler(path, asked.stdout, "clang" in asked.stdout)
    raise NoCompilerError(_PROBLEM)


def compiler_problem() -> str | None:
    """Why kernels cannot be emulated on this machine, in one line; None if they can."""
    try:
        find_compiler()
    except NoCompilerError as error:
        return str(error)
    return None


@cache
def build_runtime() -> Path:
    """The library of the runtime, which all kernels use."""
    files = sorted(NATIVE.glob("*.cpp"))
    options = (*_COMMON, "-O2", f"-I{INCLUDE}")
    key = _hash([p.read_text(encoding="utf-8") for p in (*files, *sorted(NATIVE.glob("*.h")), *_seam())], options)
    target = cache_folder("emulator") / f"runtime-{key}.so"
    if not _is_kept(target):
        text = "".join(f'#include "{path}"\n' for path in files)
        _build(target, text, options, ("-ldl", "-lrt"))
    return target


def build_kernels(text: str, folders: Sequence[str], check: bool) -> Path:
    """The library of a translation unit of kernels; KernelCompileError if it does not compile.

    `folders` are those of the headers that the text includes.
    """
    flags = _kernel_flags(check)
    target = cache_folder("emulator") / f"kernels-{_hash([text, _headers(), *_included(folders)], flags)}.so"
    if not _is_kept(target):
        include = [f"-I{folder}" for folder in (_precompiled(check), INCLUDE, *folders)]
        link = (*_LINK, *_CHECKED_LINK) if check else _LINK
        _build(target, text, [*flags, *include, "-include", _PREFIX], link, check)
    return target


def _kernel_flags(check: bool) -> list[str]:
    is_clang = find_compiler().is_clang
    flags = [*_COMMON, *_KERNEL, _OPTIMISATION[check], *(() if is_clang else _GCC)]
    if check:
        flags += [*_CHECKED, *(_CHECKED_CLANG if is_clang else _CHECKED_GCC)]
    return flags


@cache
def _precompiled(check: bool) -> Path:
    """The folder of the header that stands before all kernels, compiled ahead: it takes three times a small kernel's
    time. (Clang takes such a header only by another option and gets it as text.)
    """
    flags = _kernel_flags(check)
    target = cache_folder("emulator") / f"prefix-{_hash([_headers()], flags)}"
    if _is_kept(target):
        return target
    _forget_old(target.parent)
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as folder:
        made = Path(folder, "prefix")
        made.mkdir()
        Path(made, _PREFIX).write_text('#include "cuda_emulator.h"\n#include "launch.h"\n', encoding="utf-8")
        if not find_compiler().is_clang:
            header = ["-x", "c++-header", _PREFIX, "-o", f"{_PREFIX}.gch"]
            _run([find_compiler().path, *flags, f"-I{INCLUDE}", *header], str(made))
        with suppress(OSError):  # another process was faster
            made.rename(target)
    return target


def _is_kept(target: Path) -> bool:
    """Whether the cache has it; if so, it counts as used today."""
    try:
        os.utime(target)
    except OSError:
        return False
    return True


def _forget_old(folder: Path) -> None:
    """Remove from the cache what has not been used for a month."""
    for path in folder.iterdir():
        with suppress(OSError):  # another process removes it too
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _seam() -> list[Path]:
    return [INCLUDE / "runtime.h", INCLUDE / "launch.h"]


@cache
def _headers() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(INCLUDE.rglob("*.h")))


def _included(folders: Sequence[str]) -> Iterator[str]:
    for folder in folders:
        for path in sorted(Path(folder).glob("*.*h")):
            yield path.read_text(encoding="utf-8")


@cache
def _processor() -> str:
    """What -march=native depends on: the first processor's model and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))


def _hash(texts: Sequence[str], options: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (*texts, *options, find_compiler().path, find_compiler().version, _processor()):
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:24]


def _build(target: Path, text: str, options: Sequence[str], libraries: Sequence[str], spaced: bool = False) -> None:
    """Compile and link apart: a link with the sanitizers' options would bring in their libraries."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as folder:
        compiler = find_compiler().path
        assembly = Path(folder, "unit.s")
        Path(folder, "unit.cpp").write_text(text, encoding="utf-8")
        _run([compiler, *options, f"-fdebug-prefix-map={folder}=.", "-S", "unit.cpp", "-o", "unit.s"], folder)
        if spaced:
            assembly.write_text(_spaced(assembly.read_text(encoding="utf-8")), encoding="utf-8")
        _run([compiler, "-shared", "-pthread", "unit.s", "-o", "unit.so", *libraries], folder)
        os.replace(Path(folder, "unit.so"), target)


def _spaced(assembly: str) -> str:
    """With a gap behind each thread-local variable, so that an index past one does not land in the next."""

    def space(section: re.Match[str]) -> str:
        return re.sub(r"(\t\.zero\t\d+\n)", rf"\1\t.zero\t{_GAP}\n", section[0])

    return _THREAD_LOCALS.sub(space, assembly)


def _run(command: Sequence[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KernelCompileError(f"the kernel does not compile:\n{done.stderr.strip()[:8000]}")
