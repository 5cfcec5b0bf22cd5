"""The text of a CUDA file made into one that a C++ compiler takes: lines stay on their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_ALIGNMENT = re.compile(r"\b(?:__align__|alignas|__builtin_align__)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)")
_DYNAMIC_SHARED = re.compile(r"\bextern\s+__shared__\s+([^;{}=]*?)\b(\w+)\s*\[\s*\]\s*;")
_KERNEL = re.compile(r"\b__global__\s+(?:[^;{}()]|\((?:[^()]|\([^()]*\))*\))*?\b(\w+)\s*\(([^()]*)\)\s*\{")
_EXTERN_C = re.compile(r'\bextern\s*"C"\s*$')


@dataclass(frozen=True)
class Signature:
    """A kernel's name and the names of its parameters."""

    name: str
    parameters: tuple[str, ...]
    is_template: bool


def translate(code: str, names: Sequence[str]) -> str:
    """The C++ text of `code`, with a table of the kernels `names` behind it."""
    entries = "".join(f'    ::gpunn_emulator::EntryOf<&::{name}>::named("{name}"),\n' for name in names)
    return (
        f'#line 1 "kernels.cu"\n{_with_dynamic_shared(code)}\n'
        '#line 1 "<entries>"\n'
        "static __thread char gpunn_anchor_variable;\n"
        'extern "C" __attribute__((visibility("default"))) char* gpunn_anchor() { return &gpunn_anchor_variable; }\n'
        'extern "C" __attribute__((visibility("default"))) const ::gpunn_emulator::Entry* gpunn_entries() {\n'
        f"  static const ::gpunn_emulator::Entry entries[] = {{\n{entries}    {{}}\n  }};\n"
        "  return entries;\n}\n"
    )


def signatures(code: str) -> list[Signature]:
    """The kernels that `code` defines."""
    text = _COMMENT.sub(_blank, code)
    return [
        Signature(match[1], tuple(_parameter_names(match[2])), not _is_plain(text, match.start()))
        for match in _KERNEL.finditer(text)
    ]


@cache
def dynamic_shared_name(code: str, kernel: str) -> str:
    """What the kernel calls its dynamic shared memory; if it has several names for it, or none, a description."""
    text = _COMMENT.sub(_blank, code)
    for match in _KERNEL.finditer(text):
        if match[1] == kernel.partition("<")[0]:
            own = _DYNAMIC_SHARED.search(text, match.end(), _end_of_body(text, match.end()))
            if own is not None:
                return own[2]
    names = {match[2] for match in _DYNAMIC_SHARED.finditer(text)}
    return names.pop() if len(names) == 1 else "the dynamic shared memory"


def _end_of_body(text: str, start: int) -> int:
    """Where the braces close that have opened just before `start`."""
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return len(text)


def _is_plain(text: str, start: int) -> bool:
    """Whether the `__global__` at `start` follows `extern "C"`."""
    return _EXTERN_C.search(text, max(0, start - 40), start) is not None


def _parameter_names(parameters: str) -> Iterator[str]:
    for parameter in parameters.split(","):
        words = re.findall(r"\w+", parameter.partition("=")[0])
        if words and words != ["void"]:
            yield words[-1]


def _with_dynamic_shared(code: str) -> str:
    """`extern __shared__ T name[];` becomes a pointer to the memory of the launch."""

    def pointer(match: re.Match[str]) -> str:
        kind = " ".join(_ALIGNMENT.sub("", match[1]).split())
        lines = "\n" * match[0].count("\n")
        return f"{kind}* const {match[2]} = static_cast<{kind}*>(::gpunn_emulator::self->dynamic_shared);{lines}"

    return _DYNAMIC_SHARED.sub(pointer, code)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])
