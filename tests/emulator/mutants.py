"""Mutants of a kernel text: each has one small fault that a careless hand might make. Good tests notice most of them.

```
for description, text in mutants(Path("kernels/pool.cu").read_text()):
    ...
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|^[ \t]*#[^\n]*", re.S | re.M)
_TEMPLATE = re.compile(r"\btemplate\s*<|\b(?:static_cast|reinterpret_cast|const_cast|bit_cast)\s*<")

# What stands before the bracket where an array is declared: qualifiers, a type, and names that are declared before.
_DECLARATION = re.compile(
    r"\s*(?:(?:__shared__|__align__\(\d+\)|const|constexpr|static|extern|unsigned) +)*(?!return |else |case )"
    r"\w[\w:]*(?:<[^;=]*>)? +(?:\w+(?:\[[^\]]*\])*(?: = [^,;]*)?, *)*[*&]?\w+\Z"
)

# What may stand between two operands, seen from an operator in the middle of a line of code.
_RULES: list[tuple[str, str, Callable[[re.Match[str]], str]]] = [
    ("drop", r"\b__sync(?:threads|warp)\w*\([^;()]*\);", lambda m: ";"),
    ("drop", r"\b(?:grid_barrier|__threadfence\w*)\([^;{]*\);", lambda m: ";"),
    ("drop", r"\bcp_async_(?:commit|wait(?:<[^;>]*>)?)\(\);", lambda m: ";"),
    ("loosen", r"(?<=[\w)\]]) < (?=[\w(*-])", lambda m: " <= "),
    ("tighten", r"(?<=[\w)\]]) <= (?=[\w(*-])", lambda m: " < "),
    ("loosen", r"(?<=[\w)\]]) > (?=[\w(*-])", lambda m: " >= "),
    ("loosen", r"(?<=[\w)\]]) >= (?=[\w(*-])", lambda m: " + 1 >= "),
    ("shift an index", r"(?<=\w)\[(?=[^\]\[]*\w[^\]\[]*\](?!\s*[;,)]?\s*\{))([^\]\[]+)\]", lambda m: f"[({m[1]}) + 1]"),
    ("swap", r"(?<=[\w)\]]) \+ (?=[\w(])(?!0[^\w.])", lambda m: " - "),
    ("swap", r"(?<=[\w)\]]) - (?=[\w(])(?!0[^\w.])", lambda m: " + "),
    ("swap", r"(?<=[\w)\]]) \+= (?=[\w(-])", lambda m: " -= "),
    ("drop a condition", r"\b(if|while) \(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)", lambda m: f"{m[1]} (true)"),
    ("drop a condition", r"(?<=[\w)\]]) && (?=[\w(!])", lambda m: " || "),
    ("negate", r"(?<=[\w)\]]) == (?=[\w(-])", lambda m: " != "),
]


def mutants(text: str) -> list[tuple[str, str]]:
    """(description with its line, text) of each mutant; comments, strings and preprocessor lines stay as they are."""
    result: dict[str, str] = {}
    for _, description, changed in sorted(_all_mutants(text), key=lambda mutant: mutant[0]):
        equal = sum(known.partition(" (again")[0] == description for known in result)
        if changed != text:
            result[f"{description} (again: {equal + 1})" if equal else description] = changed
    return list(result.items())


def _all_mutants(text: str) -> Iterator[tuple[int, str, str]]:
    code = _blanked(text)
    for action, pattern, replace in _RULES:
        for match in re.finditer(pattern, code):
            if "while" in match[0] and "true" in replace(match):
                continue  # a loop without end says nothing that a time limit would not
            if _declares(code, match):
                continue
            new = replace(match)
            changed = text[: match.start()] + new + text[match.end() :]
            line = text.count("\n", 0, match.start()) + 1
            was, now = (" ".join(words.split()) or "nothing" for words in (match[0], new.strip("; ")))
            yield match.start(), f"line {line}: {action}: {was} becomes {now}", changed


def _blanked(text: str) -> str:
    """`text` with spaces for all that is no code, for what the emulator does not see, and for brackets of templates."""
    code = _COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), _seen(text))
    for match in reversed(list(_TEMPLATE.finditer(code))):
        end = _closing(code, match.end())
        code = code[: match.start()] + " " * (end - match.start()) + code[end:]
    return code


def _seen(text: str) -> str:
    """`text` with spaces for the lines that stand there for NVRTC only."""
    lines, conditions = [], []
    for line in text.split("\n"):
        if line.startswith("#if"):
            conditions.append(line)
        elif line.startswith("#else"):
            conditions[-1] = f"not {conditions[-1]}"
        elif line.startswith("#endif"):
            conditions.pop()
        is_unseen = "#ifndef GPUNN_EMULATED" in conditions or "not #ifdef GPUNN_EMULATED" in conditions
        lines.append(" " * len(line) if is_unseen else line)
    return "\n".join(lines)


def _closing(code: str, start: int) -> int:
    """Behind the bracket that closes what has opened just before `start`."""
    depth = 1
    for bracket in re.compile(r"[<>;{]").finditer(code, start):
        if bracket[0] in ";{":
            break
        depth += 1 if bracket[0] == "<" else -1
        if depth == 0:
            return bracket.end()
    return start


def _declares(code: str, match: re.Match[str]) -> bool:
    """Whether a bracket gives the size of an array that is declared, or captures of a lambda."""
    if not match[0].startswith("["):
        return False
    return _DECLARATION.match(re.split(r"[;{}\n]", code[: match.start()])[-1]) is not None
