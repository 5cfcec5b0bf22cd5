"""Rules about code. A rule yields a line for each violation: where, what is wrong, how to mend it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.layout.project import Project

USES_ENVIRON = {"gpunn/cli/facts.py": "CUDA_VISIBLE_DEVICES, only to say that it hides the GPU"}
IGNORES_KEYWORDS = {"gpunn/nn/linear.py": "Identity takes the arguments of any layer, as in PyTorch"}
LOADERS = ("kernels", "emulator")
KNOWS_DEVICES = ("backend", "engine", "emulator")


def no_unsafe_readers(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        for place, name in source.imports:
            if name.split(".")[0] in ("pickle", "marshal", "shelve", "dill", "cloudpickle"):
                yield f"{place}: {name} runs code from files; read safetensors or JSON"
        for place, node in source.find(ast.keyword):
            if node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                yield f"{place}: allow_pickle runs code from files; leave it False"


def no_code_from_text(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        for place, node in source.find(ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                yield f"{place}: {node.func.id} runs text; write the code"


def no_bare_except(project: Project) -> Iterator[str]:
    for source in project.python:
        for place, node in source.find(ast.ExceptHandler):
            if node.type is None:
                yield f"{place}: a bare except also catches Ctrl-C; name the exception"


def no_assert(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        for place, _ in source.find(ast.Assert):
            yield f"{place}: assert vanishes under python -O; raise a class of gpunn.errors"


def no_environment_variables(project: Project) -> Iterator[str]:
    names = ("os.environ", "os.getenv", "os.putenv")
    for source in project.gpunn:
        used = [place for place, name in source.imports if name in names]
        used += [place for place, node in source.find(ast.Attribute) if ast.unparse(node) in names]
        if source.path not in USES_ENVIRON:
            yield from (f"{place}: an environment variable is no API; take an argument" for place in used)


def keyword_arguments_have_names(project: Project) -> Iterator[str]:
    """But __new__ shares its arguments with __init__, and what only raises takes anything to say no."""
    for source in project.gpunn:
        for place, node in source.find(ast.FunctionDef, ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            refuses = len(statements) == 1 and isinstance(statements[0], ast.Raise)
            if node.args.kwarg is None or node.name == "__new__" or refuses:
                continue
            if source.path in IGNORES_KEYWORDS:
                continue
            name = node.args.kwarg.arg
            calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
            given = [a for c in calls for a in (*c.args, *(k.value for k in c.keywords if k.arg is None))]
            if name not in map(ast.unparse, given):
                yield f"{place}: {node.name} swallows **{name}; name the arguments, or pass them all on"


def launches_are_counted(project: Project) -> Iterator[str]:
    """`gpunn kernels --check`, the benchmarks and tests count launches by putting a function in place of this one."""
    for source in project.gpunn:
        for place, name in source.imports:
            if name == "gpunn.kernels.launch":
                yield f"{place}: a launch taken out of its module is not counted; write kernels.launch(…)"


def no_stored_lambda(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        in_class = [line for _, node in source.find(ast.ClassDef) for line in node.body]
        for place, node in source.find(ast.Assign):
            is_kept = node in in_class or any(isinstance(target, ast.Attribute) for target in node.targets)
            if is_kept and isinstance(node.value, ast.Lambda):
                yield f"{place}: a stored lambda has no name in a traceback and no pickle; write a function"


def public_names_are_documented(project: Project) -> Iterator[str]:
    """Functions and classes of a module; but in ops a class is a node, and its function says what it does."""
    for source in project.gpunn:
        if any(part.startswith("_") and part != "__init__" for part in source.parts):
            continue
        kinds = (ast.FunctionDef,) if source.unit == "ops" else (ast.FunctionDef, ast.ClassDef)
        for place, node in source.find(*kinds):
            is_public = node in source.tree.body and not node.name.startswith("_")
            is_overload = any(ast.unparse(d).endswith("overload") for d in node.decorator_list)
            if is_public and not is_overload and ast.get_docstring(node) is None:
                yield f"{place}: {node.name} is public; say in a docstring what comes out"


def cuda_only_in_kernel_files(project: Project) -> Iterator[str]:
    raw = ("RawKernel", "RawModule", "ElementwiseKernel", "ReductionKernel")
    for source in project.gpunn:
        if source.unit in LOADERS:
            continue
        for place, node in source.find(ast.Attribute, ast.Name):
            if ast.unparse(node).split(".")[-1] in raw:
                yield f"{place}: {ast.unparse(node)} outside the loader; put the kernel in kernels/"
        for place, node in source.find(ast.Constant):
            if isinstance(node.value, str) and "__global__ void" in node.value:
                yield f"{place}: CUDA in a Python string; put it in kernels/"


def no_device_branches(project: Project) -> Iterator[str]:
    for source in project.gpunn:
        if source.unit in KNOWS_DEVICES:
            continue
        for place, node in source.find(ast.Compare):
            if {"np", "numpy", "cp", "cupy"} & {ast.unparse(side) for side in (node.left, *node.comparators)}:
                yield f"{place}: asks for the device; write forward_numpy and forward_cuda"
