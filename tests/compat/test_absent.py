import pytest

from gpunn.compat import absent
from gpunn.errors import UnsupportedError


def test_there_is_one_process():
    distributed = absent.EMPTY["torch.distributed"]
    assert distributed["is_available"]() is False and distributed["destroy_process_group"]() is None
    with pytest.raises(UnsupportedError, match="one process"):
        distributed["init_process_group"](backend="nccl")
    with pytest.raises(UnsupportedError, match="one process"):
        absent.EMPTY["torch.nn.parallel"]["DistributedDataParallel"](None, device_ids=[0])
    with pytest.raises(UnsupportedError, match="DistributedSampler: gpunn trains in one process"):
        absent.EMPTY["torch.utils.data.distributed"]["DistributedSampler"]([1, 2])
