"""The kernel files as text: their headers, their kernels' signatures, and the source that a compiler gets.

A file begins with a comment that says what it holds, and a header: what it is built for.

```
// Activations, forward and backward. Launched by gpunn/ops/activation.
// T: float, double, __half
// (BM, BN): (64, 64), (128, 64)
// arch: 80
```

A name in capital letters is chosen from its choices at launch and written above the source: `using T = float;`,
`constexpr int BM = 64;`, or `#define OP Relu` for a word that is neither a type nor a number. Names in brackets vary
together. `arch` is the least compute capability (75 if not given); `launch: cooperative` asks for all blocks at once.
Only words of a header reach a source.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gpunn.errors import ArgumentError

_PACKAGE = Path(__file__).resolve().parent.parent
KERNEL_DIR: Final = next(d for d in (_PACKAGE / "_kernels", _PACKAGE.parent / "kernels") if d.is_dir())

C_TYPES: Final = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "uint16": "unsigned short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "float32": "float",
    "float64": "double",
}
_HALF_HEADERS = "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n"

_HEADER_LINE = re.compile(r"// (\w+|\(\w+(?:, \w+)+\)): (.+)")
_INCLUDE = re.compile(r'#include "([\w/]+\.cuh)"')
_KERNEL = re.compile(
    r'((?://[^\n]*\n)*)extern "C" __global__ void (?:__launch_bounds__\([^)]*\)\s*)?(\w+)\(([^)]*)\)\s*\{'
)

Configuration = Mapping[str, str]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: `const T* x` is an array of T, `long long n` a number, `T* const* p` a table."""

    name: str
    type: str  # of the elements: "T", "int", "long long"
    kind: str  # "array", "number" or "table" (addresses of arrays, in device memory)
    is_const: bool


@dataclass(frozen=True)
class Kernel:
    """One kernel: its parameters, the comment above it, and from that its cost formulas."""

    name: str
    parameters: tuple[Parameter, ...]
    comment: str

    @property
    def bytes(self) -> str:
        """What it moves, in the names of its parameters; "" if the comment does not say."""
        return _formula("Bytes", self.comment)

    @property
    def flops(self) -> str:
        """What it computes, in the names of its parameters; "" if the comment does not say."""
        return _formula("FLOPs", self.comment)


@dataclass(frozen=True)
class KernelFile:
    """One file of `kernels/`. `choices`: for each line of the header its names, and the words to choose from."""

    stem: str
    text: str
    choices: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]
    arch: int
    is_cooperative: bool
    kernels: Mapping[str, Kernel]

    def configurations(self) -> Iterator[dict[str, str]]:
        """All that the file is built for: every line of the header with every other."""
        names = [name for group, _ in self.choices for name in group]
        for picked in itertools.product(*[words for _, words in self.choices]):
            yield dict(zip(names, itertools.chain(*picked), strict=True))

    def complete(self, given: Configuration) -> dict[str, str]:
        """The first configuration with the words of `given`: a name that is left out takes its first choice."""
        found = next((c for c in self.configurations() if given.items() <= c.items()), None)
        if found is None:
            lines = "; ".join(f"{', '.join(names)}: {words}" for names, words in self.choices)
            raise ArgumentError(f"{self.stem}.cu is not built for {dict(given)}; its choices are {lines}")
        return found


def stems() -> list[str]:
    """The kernel files by their path in `kernels/` without ".cu": "pool", "conv/forward"."""
    return sorted(path.relative_to(KERNEL_DIR).with_suffix("").as_posix() for path in KERNEL_DIR.rglob("*.cu"))


@cache
def kernel_file(stem: str) -> KernelFile:
    """The file `kernels/<stem>.cu`."""
    return parse(stem, (KERNEL_DIR / f"{stem}.cu").read_text(encoding="utf-8"))


def parse(stem: str, text: str) -> KernelFile:
    """What the header and the signatures of a kernel file say."""
    choices, facts = [], {}
    for line in text.splitlines()[1:]:
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            break
        if match[1].islower():
            facts[match[1]] = match[2]
        else:
            choices.append(_choices(match[1], match[2]))
    kernels = {m[2]: Kernel(m[2], _parameters(m[3]), m[1]) for m in _KERNEL.finditer(text)}
    is_cooperative = facts.get("launch") == "cooperative"
    return KernelFile(stem, text, tuple(choices), int(facts.get("arch", 75)), is_cooperative, kernels)


def source(file: KernelFile, configuration: Configuration) -> str:
    """The text that a compiler gets: the chosen types and constants, and the file with its headers inlined.

    CuPy's cache of compiled kernels does not look into included files, so nothing is left to include.
    """
    chosen = file.complete(configuration)
    preamble = "".join(_definition(name, word) for name, word in chosen.items())
    halves = _HALF_HEADERS if {"__half", "__nv_bfloat16"} & set(chosen.values()) else ""
    return halves + preamble + "".join(_inlined(f"{file.stem}.cu", file.text, set()))


def _inlined(name: str, text: str, seen: set[str]) -> Iterator[str]:
    """`text` with its own headers in place of their first `#include`; compilers keep to the lines of the files."""
    yield f'#line 1 "{name}"\n'
    for number, line in enumerate(text.splitlines(), 1):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            yield "\n" if line == "#pragma once" else line + "\n"
            continue
        if include[1] not in seen:
            seen.add(include[1])
            yield from _inlined(include[1], (KERNEL_DIR / include[1]).read_text(encoding="utf-8"), seen)
        yield f'#line {number + 1} "{name}"\n'


def _definition(name: str, word: str) -> str:
    if word in C_TYPES.values():
        return f"using {name} = {word};\n"
    if re.fullmatch(r"-?\d+", word):
        return f"constexpr int {name} = {word};\n"
    return f"#define {name} {word}\n"


def _choices(names: str, words: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    if not names.startswith("("):
        return (names,), tuple((word.strip(),) for word in words.split(","))
    tuples = re.findall(r"\(([^)]*)\)", words)
    return tuple(names[1:-1].split(", ")), tuple(tuple(w.strip() for w in t.split(",")) for t in tuples)


def _parameters(text: str) -> tuple[Parameter, ...]:
    return tuple(_parameter(words) for words in text.split(",")) if text.strip() else ()


def _parameter(text: str) -> Parameter:
    """`const T* __restrict__ x` as a Parameter; constness is that of the elements."""
    words = text.replace("__restrict__", " ").replace("*", " * ").split()
    name, stars = words.pop(), words.count("*")
    elements = words[: words.index("*")] if stars else words
    kind = ("number", "array", "table")[stars]
    return Parameter(name, " ".join(w for w in elements if w != "const"), kind, "const" in elements)


def _formula(label: str, comment: str) -> str:
    """What follows "Bytes:" in a comment, up to the full stop that ends it."""
    words = " ".join(line.removeprefix("//").strip() for line in comment.splitlines())
    match = re.search(rf"\b{label}: (.+?)\.(?= [A-Z]|$)", words)
    return match[1] if match else ""
