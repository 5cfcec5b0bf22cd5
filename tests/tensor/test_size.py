import gpunn as gp


def test_size_is_a_tuple_with_numel():
    s = gp.Size([2, 3])
    assert s == (2, 3) and s.numel() == 6 and repr(s) == "gpunn.Size([2, 3])"
    assert isinstance(s[:1], gp.Size) and s[1] == 3 and isinstance(s.__add__((4,)), gp.Size) and (s * 2).numel() == 36
    assert gp.Size(()).numel() == 1
