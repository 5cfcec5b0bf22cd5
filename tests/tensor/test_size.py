import gpunn as gp


def test_size_is_a_tuple_with_numel():
    s = gp.Size([2, 3])
    assert s == (2, 3) and s.numel() == 6 and repr(s) == "gpunn.Size([2, 3])"
    assert isinstance(s[:1], gp.Size) and s[1] == 3 and isinstance(s.__add__((4,)), gp.Size) and (s * 2).numel() == 36
    assert gp.Size(()).numel() == 1


def test_a_tuple_and_a_size_make_a_size():
    s = gp.Size([2, 3])
    one = (1,)
    for made in (one + s, s + one, 2 * s, s * 2):
        assert type(made) is gp.Size
    assert one + s == (1, 2, 3) and 2 * s == (2, 3, 2, 3)
