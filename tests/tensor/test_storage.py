import sys

import gpunn as gp


def test_views_share_the_memory(device):
    x = gp.zeros(4, 6, device=device)
    view, other = x[1:, 2], gp.zeros(4, 6, device=device)
    storage = x.untyped_storage()
    assert storage.data_ptr() == x.data_ptr() == view.untyped_storage().data_ptr() != other.untyped_storage().data_ptr()
    assert storage.nbytes() == storage.size() == len(storage) == view.untyped_storage().nbytes() >= 96
    assert storage.device == x.device and sys.getsizeof(storage) > 96


def test_nothing_has_no_address():
    storage = gp.zeros(0).untyped_storage()
    assert storage.nbytes() == 0 and storage.data_ptr() == 0
