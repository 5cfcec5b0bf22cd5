import re
from pathlib import Path

from gpunn.compat import version


def test_the_release_is_the_one_that_the_oracle_compares_with():
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert re.findall(r"torch==([\d.]+)", project.read_text(encoding="utf-8")) == [version.__version__]


def test_nothing_was_built_for_a_gpu():
    assert version.cuda is None and version.hip is None and version.debug is False
