"""`cupy.RawModule` of the emulated machine: kernels compiled by the machine's C++ compiler, run on its processor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from gpunn.emulator import recording, runtime
from gpunn.emulator.arguments import Signature
from gpunn.emulator.checked_arrays import NO_ARRAYS, CheckedArrays
from gpunn.emulator.compiler import build_kernels
from gpunn.emulator.reports import KernelError, parse_reports
from gpunn.emulator.runtime import REQUEST, Library
from gpunn.emulator.settings import ORDERS, Current
from gpunn.emulator.storage import EmulatorError, Storage
from gpunn.emulator.translation import signatures, translate

MAX_THREADS: Final = 1024  # of a block
MAX_SHARED: Final = 227 << 10  # bytes of a block, on the GPUs that have most
DEFAULT_SHARED: Final = 48 << 10  # beyond it, max_dynamic_shared_size_bytes must be set
RESIDENT_THREADS: Final = 4 * 2048  # of the emulated device: a cooperative launch has no more
PARALLEL_THREADS: Final = 1 << 16  # from so many threads on, several processor cores share a launch


class RawModule:
    """CUDA source and its kernels, with the arguments of CuPy 14.2; compiled when a kernel is first asked for."""

    def __init__(
        self,
        *,
        code: str | None = None,
        path: str | None = None,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False,
        name_expressions: Sequence[str] | None = None,
        jitify: bool = False,
    ) -> None:
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if code is None or translate_cucomplex or jitify or backend != "nvrtc":
            raise EmulatorError("cupy.RawModule: the emulator takes code alone, and compiles it as NVRTC would")
        self.code = code
        self.options = options
        self.enable_cooperative_groups = enable_cooperative_groups
        self.name_expressions = None if name_expressions is None else tuple(name_expressions)
        found = signatures(code)
        self._parameters = {signature.name: signature.parameters for signature in found}
        self._names = self.name_expressions or [s.name for s in found if not s.is_template]
        self._libraries: dict[bool, Library] = {}  # without and with checks

    def get_function(self, name: str) -> RawKernel:
        """The kernel of this name, which is one of `name_expressions` if those were given."""
        self.library()
        if name not in self._names:
            raise EmulatorError(f"no kernel {name!r} in this module, only {', '.join(self._names) or 'none at all'}")
        return RawKernel(self, name)

    def compile(self, log_stream: Any = None) -> None:
        """Compile now."""
        self.library()

    def library(self) -> Library:
        """The compiled module, with checks or without, as the settings are now."""
        check = Current.settings.check
        library = self._libraries.get(check)
        if library is None:
            runtime.library()
            defined, folders = _definitions(self.options)
            path = build_kernels(defined + translate(self.code, self._names), folders, check)
            library = Library(path, check)
            self._libraries[check] = library
        return library

    def signature(self, library: Library, name: str) -> Signature:
        """What the compiled kernel takes, with the names of the source."""
        return Signature(name, library.entries[name], self._parameters.get(name.partition("<")[0], ()))


class RawKernel:
    """A kernel of a module: call it with grid, block and arguments."""

    def __init__(self, module: RawModule, name: str) -> None:
        self.name = self.__name__ = name
        self.enable_cooperative_groups = module.enable_cooperative_groups
        self.max_dynamic_shared_size_bytes = DEFAULT_SHARED
        self.max_threads_per_block = MAX_THREADS
        self._module = module
        self._ready: dict[bool, tuple[Library, int, Signature]] = {}

    def __repr__(self) -> str:
        return f"<emulated kernel {self.name}>"

    def __call__(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        stream: Any = None,
    ) -> None:
        """Run to the end, or note the launch if the stream is capturing; KernelError if it did what it must not."""
        settings = Current.settings
        library, entry, signature = self._ready.get(settings.check) or self._prepare()
        arguments = signature.pack(args)
        grid, block = _three(grid), _three(block)
        threads = block[0] * block[1] * block[2]
        blocks = grid[0] * grid[1] * grid[2]
        self._check_shape(grid, block, threads, blocks, shared_mem)
        graph = recording.current()
        orders = settings.orders if graph is None else 1
        arrays = CheckedArrays(signature, args, self._module.code) if settings.check or orders > 1 else None
        request = REQUEST.pack(
            *(
                entry,
                library.module,
                *(arrays.words if arrays else NO_ARRAYS),
                settings.time_limit,
                settings.next_seed(),
            ),
            *grid,
            *block,
            *(shared_mem, ORDERS.index(settings.order), self._workers(blocks, threads)),
            *(settings.check, self.enable_cooperative_groups, not signature.has_double, orders),
        )
        if graph is None:
            self._run(request, arguments, library, (grid, block))
        else:
            graph.uses(args)
            numbers = (grid, block, shared_mem, *[arg for arg in args if not isinstance(arg, Storage)])
            kept = (arrays, *[arg._host for arg in args if isinstance(arg, Storage)])  # what addresses lead to
            recording.note(self.name, partial(self._run, request, arguments, library, (grid, block), kept), numbers)

    def _run(
        self, request: bytes, arguments: bytes, library: Library, shape: tuple[Any, Any], kept: object = None
    ) -> None:
        """Launch; KernelError if there are reports. `kept` lives as long as the call can be made again."""
        text = runtime.launch(request, arguments)
        if text:
            raise KernelError(f"{self.name}, grid {shape[0]}, block {shape[1]}", parse_reports(text, library))

    def _prepare(self) -> tuple[Library, int, Signature]:
        library = self._module.library()
        signature = self._module.signature(library, self.name)
        ready = library, runtime.address_of_entry(library.entries[self.name]), signature
        self._ready[Current.settings.check] = ready
        return ready

    def _workers(self, blocks: int, threads: int) -> int:
        if self.enable_cooperative_groups or Current.settings.check or blocks * threads < PARALLEL_THREADS:
            return 1
        return len(os.sched_getaffinity(0))

    def _check_shape(
        self, grid: tuple[int, int, int], block: tuple[int, int, int], threads: int, blocks: int, shared_mem: int
    ) -> None:
        """EmulatorError for what cuLaunchKernel refuses."""
        shape = f"{self.name}: grid {grid}, block {block}, {shared_mem} bytes of shared memory"
        if min(*grid, *block) < 1:
            raise EmulatorError(f"{shape}: every size is at least 1")
        if threads > MAX_THREADS or block[2] > 64:
            raise EmulatorError(f"{shape}: a block has at most {MAX_THREADS} threads (64 along z), not {threads}")
        if grid[0] >= 1 << 31 or max(grid[1:]) >= 1 << 16:
            raise EmulatorError(f"{shape}: a grid has at most 2^31 - 1, 65535 and 65535 blocks along its axes")
        if shared_mem > MAX_SHARED:
            raise EmulatorError(f"{shape}: a block has at most {MAX_SHARED} bytes of shared memory")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise EmulatorError(
                f"{shape}: set max_dynamic_shared_size_bytes, which is {self.max_dynamic_shared_size_bytes}"
            )
        if self.enable_cooperative_groups and blocks * threads > RESIDENT_THREADS:
            raise EmulatorError(
                f"{shape}: a cooperative launch has all its blocks resident, "
                f"{RESIDENT_THREADS // threads} of this size, not {blocks}"
            )


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*shape, 1, 1, 1)[: max(3, len(shape))]
    return int(x), int(y), int(z)


def _definitions(options: Sequence[str]) -> tuple[str, list[str]]:
    """The macros that `options` define, as text, and the folders of headers. NVRTC's other options change nothing."""
    text, folders = "", []
    for option in options:
        if option.startswith("-D"):
            name, _, value = option[2:].partition("=")
            text += f"#define {name} {value or 1}\n"
        elif option.startswith("-I"):
            folders.append(option[2:])
    return text, folders
