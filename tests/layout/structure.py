"""Rules about imports and files. A rule yields a line for each violation: where, what, how to mend it."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.layout.project import Project

# Lowest first: a module imports from its own floor and from those below it.
FLOORS = (
    ("backend", "caches", "capture", "dtypes", "errors"),
    ("emulator",),
    ("kernels", "random", "blas"),
    ("engine",),
    ("ops",),
    ("tensor",),
    ("nn",),
    (
        "amp",
        "autograd",
        "backends",
        "compat",
        "compile",
        "cuda",
        "distributions",
        "func",
        "io",
        "linalg",
        "optim",
        "serialization",
        "special",
        "utils",
    ),
    ("vision",),
    ("train", "viz", "distributed"),
    ("cli",),
)
FLOOR_OF = {name: height for height, names in enumerate(FLOORS) for name in names}
STRANGERS = {("optim", "nn")}  # the floors would allow it, but an optimizer knows parameters only
KNOWS_MODULES = ("gpunn/optim/swa_utils.py",)  # where PyTorch keeps AveragedModel, which is a Module
USES_CUPY = ("gpunn/backend.py", "gpunn/emulator/")
MAX_FILE, MAX_FUNCTION, MAX_KERNEL = 500, 60, 60
LONG_KERNEL = "Longer than 60 lines:"  # in the comment above a kernel, followed by the reason

_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\([^{;]*\{")
_MACHINE_PATH = re.compile(r"(?<![\w.~:/-])/(?:work|tmp|home|root|Users)/\w+|\.\./shared\b")


def imports_point_down(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        if source.unit in ("", "__main__"):
            continue
        if source.unit not in FLOOR_OF:
            yield f"{source.path}: gpunn.{source.unit} is on no floor; give it one in FLOORS and in DESIGN"
            continue
        for place, name in source.imports:
            target = project.module_of(name)
            unit = target.split(".")[1] if target and target != "gpunn" else None
            if target == "gpunn":
                yield f"{place}: imports the package gpunn, the roof; import the module that has the name"
            elif unit and FLOOR_OF.get(unit, 0) > FLOOR_OF[source.unit]:
                yield f"{place}: {source.unit} imports {target}, which is above it; move what is needed down"
            elif (source.unit, unit) in STRANGERS and source.path not in KNOWS_MODULES:
                yield f"{place}: {source.unit} imports {target}; the two do not know each other"


def the_package_stands_alone(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        for place, name in source.imports:
            if name.split(".")[0] in ("benchmarks", "examples", "tests"):
                yield f"{place}: imports {name}, which a wheel does not have; move it into gpunn"


def only_the_backend_imports_cupy(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        for place, name in source.imports:
            if name.split(".")[0] in ("cupy", "cupyx", "cupy_backends") and not source.path.startswith(USES_CUPY):
                yield f"{place}: imports {name}; take the module from backend.array_module(x)"


def no_import_cycles(project: Project) -> Iterator[str]:
    graph = {s.module: {project.module_of(name) for _, name in s.imports} - {None} for s in project.gpunn}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield f"{' <- '.join(error.args[1])}: import each other in a circle; move the shared part down"


def files_are_short(project: Project) -> Iterator[str]:
    texts = {source.path: source.text for source in project.python} | project.cuda
    for path, text in texts.items():
        if (lines := text.count("\n")) > MAX_FILE:
            yield f"{path}: {lines} lines, {MAX_FILE} at most; make it a folder of the same name"


def functions_are_short(project: Project) -> Iterator[str]:
    for source in project.python:
        for place, node in source.find(ast.FunctionDef, ast.AsyncFunctionDef):
            if (lines := node.end_lineno - node.lineno + 1) > MAX_FUNCTION:
                yield f"{place}: {node.name} has {lines} lines, {MAX_FUNCTION} at most; split it"


def kernels_are_short(project: Project) -> Iterator[str]:
    for path, text in project.cuda.items():
        for match in _KERNEL.finditer(text):
            lines = text.count("\n", match.start(), _closing_brace(text, match.end())) + 1
            comment = text[: match.start()].rpartition("\n\n")[2]
            if lines > MAX_KERNEL and LONG_KERNEL not in comment:
                yield f"{path}: {match[1]} has {lines} lines; split it, or write '{LONG_KERNEL} why' above it"


def _closing_brace(text: str, start: int) -> int:
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return len(text)


def every_module_has_its_test(project: Project) -> Iterator[str]:
    """A folder that is one family (gpunn/ops/reduction) may share one file (tests/ops/test_reduction.py)."""
    for source in project.gpunn:
        folders = source.parts[1:-1]
        own = Path("tests", *folders, f"test_{source.stem.lstrip('_')}.py")
        family = Path("tests", *folders[:-1], f"test_{folders[-1]}.py") if folders else own
        is_tested = (project.root / own).is_file() or (project.root / family).is_file()
        if source.stem not in ("__init__", "__main__") and not is_tested:
            yield f"{source.path}: has no test; write {own.as_posix()}"


def kernel_files_name_their_twin(project: Project) -> Iterator[str]:
    for path, text in project.cuda.items():
        first = text.partition("\n")[0]
        twins = re.findall(r"gpunn(?:/\w+)+(?:\.py)?", first)
        if not first.startswith("// "):
            yield f"{path}:1: say here, after //, what the file is for"
        elif path.endswith(".cu") and not any((project.root / twin).exists() for twin in twins):
            yield f"{path}:1: name the Python file that launches these kernels, such as gpunn/ops/pool.py"


def names_say_something(project: Project) -> Iterator[str]:
    known = {source.parts for source in project.python}
    for source in project.python:
        if source.stem in ("utils", "helpers", "misc", "base", "common"):
            yield f"{source.path}: {source.stem} says nothing; name the file after what it holds"
        plain = re.sub(r"_?v?\d+$|_(new|old|fast)$", "", source.stem)
        if plain != source.stem and (*source.parts[:-1], plain) in known:
            yield f"{source.path}: stands beside {plain}.py; keep one, or make {plain} a folder"


def no_machine_paths(project: Project) -> Iterator[str]:
    for path, text in project.text_files():
        if found := _MACHINE_PATH.search(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: {found[0]} is a path of one machine; take it as an argument"
