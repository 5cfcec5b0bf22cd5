"""The oracle itself: the PyTorch whose numbers gpunn promises, with its database of sample inputs."""

import torch
from torch.testing._internal.common_methods_invocations import op_db


def test_it_is_the_promised_release():
    assert torch.__version__.split("+")[0] == "2.13.0"


def test_its_database_gives_inputs_for_every_core_family():
    names = {op.name for op in op_db}
    assert {"add", "sum", "nn.functional.conv2d", "nn.functional.layer_norm", "linalg.cholesky"} <= names
    (relu,) = [op for op in op_db if op.name == "nn.functional.relu"]
    sample = next(iter(relu.sample_inputs("cpu", torch.float32)))
    assert sample.input.dtype == torch.float32
