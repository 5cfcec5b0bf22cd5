"""`gpunn steps` hands its arguments to the benchmarks."""

import pytest

from gpunn import cli


def test_help_is_that_of_the_benchmarks(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["steps", "--help"])
    assert ended.value.code == 0
    assert "Take training steps of networks apart" in capsys.readouterr().out


def test_unknown_networks_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["steps", "lenet6"])
    assert ended.value.code == 2
    assert "unknown network lenet6; there are lenet5" in capsys.readouterr().err
