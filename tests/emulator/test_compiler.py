"""The compiler is found or missed with a clear word; libraries are kept, and made again when anything changes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from gpunn import emulator
from gpunn.caches import cache_folder
from gpunn.emulator import compiler
from gpunn.emulator.compiler import KernelCompileError, NoCompilerError
from gpunn.emulator.translation import translate
from tests.emulator.launching import needs_compiler

TEXT = translate('extern "C" __global__ void f(float* y) { y[0] = 1; }', ["f"])


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing that the tests make the module remember stays."""
    caches = (compiler.find_compiler, cache_folder, compiler._precompiled)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache; the real one's precompiled headers are lent to it."""
    ready = {check: compiler._precompiled(check) for check in (False, True)}
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(compiler, "_precompiled", ready.__getitem__)
    cache_folder.cache_clear()
    monkeypatch.setattr(compiler, "_precompiled", _Remembered(ready))
    return tmp_path / ".cache" / "gpunn" / "emulator"


class _Remembered:
    def __init__(self, ready):
        self._ready = ready

    def __call__(self, check):
        return self._ready[check]

    def cache_clear(self):
        return None


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None)
    with pytest.raises(NoCompilerError, match=r"found none of g\+\+, clang\+\+, c\+\+: install g\+\+"):
        compiler.find_compiler()
    assert emulator.compiler_problem().endswith("dnf install gcc-c++)")
    assert issubclass(NoCompilerError, emulator.EmulatorError)


def test_machines_that_the_runtime_does_not_know(monkeypatch):
    monkeypatch.setattr(compiler.platform, "machine", lambda: "riscv64")
    assert emulator.compiler_problem().endswith("on x86_64 and aarch64 only, this is linux on riscv64")


@needs_compiler
def test_no_problem():
    assert emulator.compiler_problem() is None


@needs_compiler
def test_libraries_are_kept(folder, monkeypatch):
    path = compiler.build_kernels(TEXT, (), False)
    assert path.parent == folder and list(folder.glob("kernels-*.so")) == [path]
    monkeypatch.setattr(compiler, "_run", None)
    assert compiler.build_kernels(TEXT, (), False) == path


@needs_compiler
def test_anything_that_changes_makes_another(folder):
    paths = {compiler.build_kernels(TEXT, (), check) for check in (False, True)}
    paths.add(compiler.build_kernels(TEXT + "// changed\n", (), False))
    found = compiler.find_compiler()
    compiler.find_compiler.cache_clear()
    compiler_before = compiler.find_compiler
    try:
        compiler.find_compiler = lambda: compiler.Compiler(found.path, found.version + "1", found.is_clang)
        paths.add(compiler.build_kernels(TEXT, (), False))
    finally:
        compiler.find_compiler = compiler_before
    assert len(paths) == 4


@needs_compiler
def test_processes_that_build_the_same_do_not_meet(folder):
    threads = [threading.Thread(target=compiler.build_kernels, args=(TEXT, (), False)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name.split("-")[0] for path in folder.iterdir()] == ["kernels"]


@needs_compiler
def test_a_failed_build_leaves_nothing(folder):
    with pytest.raises(KernelCompileError, match=r"the kernel does not compile:\n.*error"):
        compiler.build_kernels("this is no C++", (), False)
    assert list(folder.iterdir()) == []


def test_what_was_not_used_for_a_month_goes(tmp_path):
    for name, days in (("kernels-1.so", 31), ("kernels-2.so", 29), ("prefix-1", 400), ("prefix-2", 1)):
        path = tmp_path / name
        path.mkdir() if name.startswith("prefix") else path.write_text("")
        os.utime(path, (0, time.time() - days * 24 * 3600))
    compiler._forget_old(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"kernels-2.so", "prefix-2"}
    assert compiler._is_kept(tmp_path / "kernels-2.so") and not compiler._is_kept(tmp_path / "kernels-1.so")
    assert time.time() - (tmp_path / "kernels-2.so").stat().st_mtime < 60


def test_gaps_behind_thread_local_variables():
    assembly = (
        '\t.text\nf:\n\tret\n\t.section\t.tbss,"awT",@nobits\na:\n\t.zero\t256\n\t.align 4\nb:\n\t.zero\t4\n'
        '\t.section\t.rodata\nc:\n\t.zero\t8\n\t.section\t.tbss._ZZ1f,"awTG",@nobits,_ZZ1f,comdat\nd:\n\t.zero\t2\n'
    )
    gap = f"\t.zero\t{compiler._GAP}\n"
    wanted = assembly
    for size in (256, 4, 2):
        wanted = wanted.replace(f"\t.zero\t{size}\n", f"\t.zero\t{size}\n{gap}", 1)
    assert compiler._spaced(assembly) == wanted
