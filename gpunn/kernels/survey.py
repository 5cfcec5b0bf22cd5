"""What NVRTC says of the kernel files: each in every configuration of its header, for every architecture.

Compiles on all cores and keeps the logs on disk, so that a second survey only reads.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gpunn.caches import cache_folder
from gpunn.errors import UnsupportedError
from gpunn.kernels import nvrtc
from gpunn.kernels.nvrtc import OPTIONS, CompileError, Compiler, Report
from gpunn.kernels.source import Configuration, KernelFile, source

ARCHITECTURES: Final = (75, 80, 90, 100)  # the compute capabilities that every kernel is compiled for


@dataclass(frozen=True)
class Build:
    """One thing to compile: a file in one configuration for one architecture."""

    file: KernelFile
    configuration: Configuration
    arch: int

    def __str__(self) -> str:
        return f"{self.file.stem}.cu {described(self.configuration)} sm_{self.arch}"


def described(configuration: Configuration) -> str:
    """`configuration` in one word: "T=float,BLOCK=256"; a type of two words is written with a low line."""
    return ",".join(f"{name}={word.replace(' ', '_')}" for name, word in configuration.items())


def builds(files: Iterable[KernelFile], architectures: Sequence[int] = ARCHITECTURES) -> Iterator[Build]:
    """All that `files` declare: every configuration for every architecture from the declared one up."""
    for file in files:
        for configuration in file.configurations():
            yield from (Build(file, configuration, arch) for arch in architectures if arch >= file.arch)


def survey(
    wanted: Iterable[Build], compiler: Compiler | None = None, folder: Path | None = None
) -> Iterator[tuple[Build, Report]]:
    """Each of `wanted` with the compiler's report on it, in their order. A source that is refused has `failed` set.

    Args:
        compiler: None is the first that is found; UnsupportedError if there is none.
        folder: where the logs are kept; None is the user's cache.
    """
    chosen = _first_compiler() if compiler is None else compiler
    place = cache_folder("nvrtc") if folder is None else folder
    todo = list(wanted)
    pool = ThreadPoolExecutor(cores())
    try:
        yield from zip(todo, pool.map(lambda build: examine(build, chosen, place), todo), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def examine(build: Build, compiler: Compiler, folder: Path | None) -> Report:
    """The report on `build`: read from `folder` if it was made of the same text in the same way, else made."""
    try:
        text = source(build.file, build.configuration)
    except OSError as error:  # it includes a file that is not there
        return Report(str(error), failed=True)
    how = repr((build.arch, OPTIONS, _identity(compiler)))
    digest = hashlib.sha256(f"{how}\n{text}".encode()).hexdigest()
    path = folder / hashlib.sha256(f"{build}\n{how}".encode()).hexdigest() if folder else None
    known = _read(path, digest) if path else None
    if known is not None:
        return Report(known)
    try:
        log = compiler.compile(text, build.arch).log
    except CompileError as error:
        return error.report
    if path:
        _write(path, digest, log)
    return Report(log)


@cache
def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first_compiler() -> Compiler:
    missing = nvrtc.problem()
    if missing:
        raise UnsupportedError(missing)
    return nvrtc.compilers()[0]


@cache
def _identity(compiler: Compiler) -> tuple[object, ...]:
    """What tells this compiler and its headers from other releases; its version has two numbers only."""
    headers = sorted([*compiler.headers.glob("cuda_fp16.h*"), *compiler.headers.glob("cuda_bf16.h*")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in headers)).hexdigest()
    return compiler.version, compiler.library.stat().st_size, digest


def _read(path: Path, digest: str) -> str | None:
    """The log kept at `path`, if it belongs to `digest`."""
    try:
        first, _, log = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return log if first == digest else None


def _write(path: Path, digest: str, log: str) -> None:
    """Keep `log` at `path`: whole or not at all, also if other processes write there. A full disk is no error."""
    with suppress(OSError):
        number, name = tempfile.mkstemp(dir=path.parent)
        try:
            with open(number, "w", encoding="utf-8") as file:
                file.write(f"{digest}\n{log}")
            os.replace(name, path)
        except OSError:
            os.unlink(name)
