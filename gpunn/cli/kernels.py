"""`gpunn kernels`: the hand-written kernels: lists them, shows their text, compiles them ahead, checks them."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tqdm import tqdm

from gpunn import backend
from gpunn.cli.facts import cuda_problem
from gpunn.cli.kernel_check import check
from gpunn.cli.kernel_table import Named, measure, table
from gpunn.errors import ArgumentError, GpunnError
from gpunn.kernels.prepared import compiled
from gpunn.kernels.source import KernelFile, kernel_file, source, stems
from gpunn.kernels.survey import Build, builds, cores

DEFAULT_ARCH: Final = 90


def main(argv: Sequence[str]) -> int:
    """0 if what was asked for could be done, else 1. Tables and texts go to stdout, all else to stderr."""
    parser = argparse.ArgumentParser(prog="gpunn kernels", description=(__doc__ or "").splitlines()[0])
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--list", nargs="?", const="", metavar="NAME", help="what kernels take of a GPU, and their cost")
    task.add_argument("--show", metavar="NAME", help="the text of a kernel or of a kernel file")
    task.add_argument("--warm", action="store_true", help="compile all kernels for the GPU of this machine")
    task.add_argument("--check", metavar="NAME", help="run its tests on the CPU, with every access of memory checked")
    parser.add_argument("--arch", type=int, help=f"of --list: a compute capability (else the GPU's, or {DEFAULT_ARCH})")
    parser.add_argument("--configuration", metavar="T=float,…", help="of --show: the file as the compiler gets it")
    given = parser.parse_args(argv)
    if given.arch is not None and given.list is None:
        parser.error("--arch belongs to --list")
    if given.configuration is not None and given.show is None:
        parser.error("--configuration belongs to --show")
    try:
        if given.list is not None:
            return list_kernels(given.list, given.arch)
        if given.show is not None:
            return show(given.show, given.configuration)
        return warm() if given.warm else check(given.check, find(given.check))
    except GpunnError as error:
        print(f"gpunn kernels: {error}", file=sys.stderr)
        return 1


def find(name: str) -> list[Named]:
    """The kernels called `name`, or those of the file or folder; all, if it is empty. ArgumentError suggests names."""
    everything = [Named(file, kernel) for file in map(kernel_file, stems()) for kernel in file.kernels.values()]
    name = _plain(name)
    found = [one for one in everything if name in ("", one.kernel.name) or _is_in(one.file.stem, name)]
    if not found:
        names = sorted({one.kernel.name for one in everything} | {one.file.stem for one in everything})
        spelled = {known.rpartition("/")[2]: known for known in names} | {known: known for known in names}
        close = difflib.get_close_matches(name, spelled, n=5) or [known for known in spelled if name in known][:5]
        close = list(dict.fromkeys(spelled[known] for known in close))
        hint = f"did you mean {' or '.join(close)}?" if close else "`gpunn kernels --list` tells all names"
        raise ArgumentError(f"no kernel and no kernel file is called {name!r}; {hint}")
    return found


def list_kernels(name: str, arch: int | None) -> int:
    """Print the table of all kernels, or of those called `name` in every configuration; 1 if one does not compile."""
    found = find(name)
    measured = measure(found, _gpu_arch() if arch is None else arch)
    print("\n".join(table(found, measured, is_detailed=bool(name))))
    for text in measured.complaints:
        print(f"\n{text}", file=sys.stderr)
    return 1 if measured.complaints else 0


def show(name: str, configuration: str | None) -> int:
    """Print a kernel with its comment and place, or kernel files; with a configuration, all that the compiler gets."""
    found = find(name)
    files = {one.file.stem: one.file for one in found}
    if configuration is not None:
        texts = [source(file, _chosen(file, configuration)) for file in files.values()]
    elif any(_is_in(stem, _plain(name)) for stem in files):
        texts = [f"// kernels/{stem}.cu\n" * (len(files) > 1) + file.text for stem, file in files.items()]
    else:
        texts = [_kernel_text(one) for one in found]
    print("\n".join(texts), end="")
    return 0


def warm() -> int:
    """Compile every kernel for the current GPU, into CuPy's cache, so that no training waits for it later."""
    problem = cuda_problem()
    if problem is not None:
        print(f"gpunn kernels: there is no GPU to compile for: {problem}", file=sys.stderr)
        return 1
    cupy = backend.cuda_module()
    device = cupy.cuda.Device()
    todo = list(builds(map(kernel_file, stems()), (_gpu_arch(),)))

    def compile_one(build: Build) -> str:
        with device:  # a new thread begins with the first GPU
            try:
                compiled(cupy, build.file.stem, tuple(build.configuration.items())).compile()
            except Exception as error:  # CuPy's own classes; the others are to be compiled nevertheless
                return f"{build}: {error}"
        return ""

    with ThreadPoolExecutor(cores()) as pool:
        answers = pool.map(compile_one, todo)
        refused = [answer for answer in tqdm(answers, "compile", len(todo), disable=not sys.stderr.isatty()) if answer]
    print(f"{len(todo) - len(refused)} of {len(todo)} builds are ready for sm_{_gpu_arch()}")
    for text in refused:
        print(f"\n{text}", file=sys.stderr)
    return 1 if refused else 0


def _gpu_arch() -> int:
    """The compute capability of this machine's GPU, such as 90; 90 also where there is none."""
    return DEFAULT_ARCH if cuda_problem() else int(backend.cuda_module().cuda.Device().compute_capability)


def _plain(name: str) -> str:
    return name.removeprefix("kernels/").removesuffix(".cu")


def _is_in(stem: str, name: str) -> bool:
    """Whether `name` is the file `stem`, or the folder that it is in."""
    return f"{stem}/".startswith(f"{name}/")


def _chosen(file: KernelFile, text: str) -> dict[str, str]:
    """The configuration that "T=float,BM=64" picks; its words are the header's own, none of the user's."""
    given: dict[str, str] = {}
    for part in text.split(","):
        name, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ArgumentError(f"--configuration: expected NAME=CHOICE,…, got {part!r}")
        given[name] = word
    for configuration in file.configurations():
        if all(_is_word(word, configuration.get(name)) for name, word in given.items()):
            return configuration
    return file.complete(given)  # raises, and names the choices


def _is_word(typed: str, word: str | None) -> bool:
    """Whether `typed` means `word`; "unsigned int" may be typed as unsigned_int."""
    return word is not None and typed in (word, word.replace(" ", "_"))


def _kernel_text(one: Named) -> str:
    """Where the kernel is, and its text from the first line of its comment to its closing brace."""
    text, name = one.file.text, re.escape(one.kernel.name)
    signature = re.search(rf"^[^/\n]*\b{name}\(", text, re.MULTILINE)
    if signature is None:  # the parser has found it there
        raise GpunnError(f"{one.file.stem}.cu: the signature of {one.kernel.name} is not found")
    start = text.rfind("\n\n", 0, signature.start()) + 2
    line = text.count("\n", 0, signature.start()) + 1
    where, depth = f"// kernels/{one.file.stem}.cu, line {line}\n", 0
    for brace in re.compile(r"[{}]").finditer(text, signature.end()):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return where + text[start : brace.end()] + "\n"
    return where + text[start:]
