"""The house rules (tests/layout) hold for this project, and each finds the fault that it is there for."""

import inspect
from pathlib import Path

import pytest

from tests.layout import code, structure
from tests.layout.project import Project

RULES = {
    name: rule
    for module in (structure, code)
    for name, rule in inspect.getmembers(module, inspect.isfunction)
    if rule.__module__ == module.__name__ and not name.startswith("_")
}


@pytest.fixture(scope="module")
def project():
    return Project(Path(__file__).resolve().parent.parent)


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds(rule, project):
    violations = list(RULES[rule](project))
    assert not violations, "\n" + "\n".join(violations)


def test_the_project_is_read(project):
    assert {"gpunn.cli", "gpunn.cli.info"} <= project.modules
    assert "kernels/common.cuh" in project.cuda
    assert "Makefile" in dict(project.text_files())


@pytest.fixture
def violations(tmp_path):
    """What a rule says of a project made of the given files."""

    def check(rule, files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return list(RULES[rule](Project(tmp_path)))

    return check


LONG = "    pass\n" * 60
FAULTS = [
    ("imports_point_down", {"gpunn/ops/pool.py": "import gpunn.tensor\n", "gpunn/tensor.py": ""}, "above it"),
    (
        "imports_point_down",
        {"gpunn/ops/a.py": "def f():\n from gpunn.nn import b", "gpunn/nn/b.py": ""},
        "a.py:2:",
    ),
    (
        "imports_point_down",
        {"gpunn/ops/a.py": "import importlib as i\ni.import_module('gpunn.nn')", "gpunn/nn/__init__.py": ""},
        "ops imports gpunn.nn",
    ),
    (
        "imports_point_down",
        {"gpunn/optim/sgd.py": "import gpunn.nn", "gpunn/nn/__init__.py": ""},
        "do not know",
    ),
    (
        "imports_point_down",
        {"gpunn/optim/sgd.py": "from gpunn import nn", "gpunn/__init__.py": ""},
        "the roof",
    ),
    ("imports_point_down", {"gpunn/attic.py": ""}, "no floor"),
    (
        "the_package_stands_alone",
        {"gpunn/cli/a.py": "from benchmarks import runner"},
        "a wheel does not have",
    ),
    (
        "only_the_backend_imports_cupy",
        {"gpunn/ops/a.py": "def f():\n    import cupy as cp\n"},
        "a.py:2: imports cupy",
    ),
    ("only_the_backend_imports_cupy", {"gpunn/kernels.py": "from cupyx import jit\n"}, "imports cupyx.jit"),
    (
        "no_import_cycles",
        {"gpunn/nn/a.py": "from gpunn.nn.b import f", "gpunn/nn/b.py": "def f():\n    import gpunn.nn.a"},
        "circle",
    ),
    ("files_are_short", {"gpunn/a.py": "x = 1\n" * 501}, "501 lines"),
    ("files_are_short", {"kernels/a.cu": "//\n" * 501}, "501 lines"),
    ("functions_are_short", {"tests/a.py": "def f():\n" + LONG}, "f has 61 lines"),
    (
        "kernels_are_short",
        {"kernels/a.cu": '// a\n\nextern "C" __global__ void k(T* y) {\n' + "{ }\n" * 59 + "}\n"},
        "61",
    ),
    ("every_module_has_its_test", {"gpunn/ops/pool.py": ""}, "write tests/ops/test_pool.py"),
    (
        "kernel_files_name_their_twin",
        {"kernels/pool.cu": "// Pooling. Launched by gpunn/ops/pool.py.\n"},
        "name the",
    ),
    ("kernel_files_name_their_twin", {"kernels/reduce.cuh": "#pragma once\n"}, "what the file is for"),
    ("names_say_something", {"gpunn/ops/helpers.py": ""}, "says nothing"),
    ("names_say_something", {"gpunn/ops/pool.py": "", "gpunn/ops/pool2.py": ""}, "stands beside pool.py"),
    ("no_machine_paths", {"examples/train.py": "\ndata = '" + "/" + "home/me/data'\n"}, "train.py:2:"),
    ("no_machine_paths", {"README.md": "--data .." + "/shared/data\n"}, "README.md:1:"),
    ("no_unsafe_readers", {"gpunn/io.py": "import pickle\n"}, "pickle runs code"),
    (
        "no_unsafe_readers",
        {"gpunn/io.py": "import numpy as np\nnp.load('a', allow_pickle=True)\n"},
        "io.py:2:",
    ),
    ("no_code_from_text", {"gpunn/a.py": "eval('1')\n"}, "eval runs text"),
    ("no_bare_except", {"benchmarks/a.py": "try:\n    pass\nexcept:\n    pass\n"}, "a.py:3:"),
    ("no_assert", {"gpunn/a.py": "def f(x):\n    assert x\n"}, "a.py:2:"),
    ("no_environment_variables", {"gpunn/a.py": "import os\nos.environ['A']\n"}, "a.py:2:"),
    ("no_environment_variables", {"gpunn/a.py": "from os import getenv\n"}, "a.py:1:"),
    (
        "keyword_arguments_have_names",
        {"gpunn/a.py": "def f(**options):\n    return options['a']\n"},
        "**options",
    ),
    (
        "no_stored_lambda",
        {"gpunn/ops/a.py": "class A:\n    def f(self, x):\n        self.back = lambda g: g\n"},
        ":3:",
    ),
    ("no_stored_lambda", {"gpunn/ops/a.py": "class A:\n    back = lambda self, g: g\n"}, "a.py:2:"),
    ("launches_are_counted", {"gpunn/ops/a.py": "from gpunn.kernels import bounds, launch\n"}, "a.py:1:"),
    ("public_names_are_documented", {"gpunn/ops/a.py": "class A: ...\ndef f(x): return x\n"}, "f is public"),
    ("public_names_are_documented", {"gpunn/nn/a.py": "class A: ...\n"}, "A is public"),
    (
        "cuda_only_in_kernel_files",
        {"gpunn/ops/a.py": "import a\nk = a.RawKernel('', 'k')\n"},
        "a.RawKernel outside",
    ),
    ("cuda_only_in_kernel_files", {"gpunn/ops/a.py": "code = '__global__ void k() {}'\n"}, "Python string"),
    (
        "no_device_branches",
        {"gpunn/ops/a.py": "def f(xp):\n    return 1 if xp is np else 2\n"},
        "forward_cuda",
    ),
]


@pytest.mark.parametrize(("rule", "files", "words"), FAULTS)
def test_rule_finds_the_planted_fault(rule, files, words, violations):
    (violation,) = violations(rule, files)
    assert words in violation


def test_every_rule_has_a_planted_fault():
    assert {rule for rule, _, _ in FAULTS} == set(RULES)


ALLOWED = [
    (
        "imports_point_down",
        {
            "gpunn/__init__.py": "import gpunn.nn.pool",
            "gpunn/ops/pool.py": "if TYPE_CHECKING:\n    from gpunn.tensor import Tensor\n",
            "gpunn/nn/pool.py": "import numpy\nfrom gpunn.ops.pool import max_pool2d\n",
            "gpunn/tensor.py": "",
        },
    ),
    (
        "only_the_backend_imports_cupy",
        {"gpunn/backend.py": "import cupy", "gpunn/a.py": "name = 'import cupy'"},
    ),
    (
        "no_import_cycles",
        {
            "gpunn/nn/__init__.py": "import gpunn.nn.a",
            "gpunn/nn/a.py": "import gpunn.nn.b",
            "gpunn/nn/b.py": "",
        },
    ),
    ("functions_are_short", {"gpunn/a.py": "def f():\n" + LONG[9:]}),
    (
        "kernels_are_short",
        {
            "kernels/a.cu": "// a\n\n__global__ void k(T* y) {\n" + "  y;\n" * 58 + "}\n\n"
            "// Longer than 60 lines: one loop.\n__global__ void l(T* y) {\n" + "  y;\n" * 99 + "}\n"
        },
    ),
    (
        "every_module_has_its_test",
        {
            "gpunn/ops/sum/a.py": "",
            "tests/ops/test_sum.py": "",
            "gpunn/ops/_pool.py": "",
            "tests/ops/test_pool.py": "",
            "gpunn/ops/__init__.py": "",
        },
    ),
    ("kernel_files_name_their_twin", {"kernels/image.cu": "// Twin: gpunn/vision.", "gpunn/vision/a.py": ""}),
    ("names_say_something", {"gpunn/nn/utils/__init__.py": "", "gpunn/vision/inception3.py": ""}),
    ("no_machine_paths", {"README.md": "see https://a.b/home/page, ./tmp/x and gpunn/work/x"}),
    ("no_code_from_text", {"gpunn/a.py": "model.eval()\n"}),
    ("no_environment_variables", {"gpunn/cli/facts.py": "import os\nos.environ['A']\n"}),
    ("keyword_arguments_have_names", {"gpunn/a.py": "def f(**options):\n    return g(1, **options)\n"}),
    (
        "keyword_arguments_have_names",
        {"gpunn/a.py": "def f(**options):\n    'No.'\n    raise TypeError('no')\n"},
    ),
    ("keyword_arguments_have_names", {"gpunn/nn/linear.py": "def f(**options):\n    pass\n"}),
    ("no_stored_lambda", {"gpunn/a.py": "order = sorted([1], key=lambda x: -x)\n"}),
    (
        "public_names_are_documented",
        {"gpunn/a.py": "@overload\ndef f(): ...\ndef _g(): ...\nclass A:\n    'An a.'\n"},
    ),
    ("cuda_only_in_kernel_files", {"gpunn/kernels.py": "cupy.RawModule(code='')\n"}),
    (
        "no_device_branches",
        {"gpunn/backend.py": "xp is np\n", "gpunn/ops/a.py": "x = np.zeros(1) if y is None else y\n"},
    ),
]


@pytest.mark.parametrize(("rule", "files"), ALLOWED)
def test_rule_lets_good_code_pass(rule, files, violations):
    assert violations(rule, files) == []
