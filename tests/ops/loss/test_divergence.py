import gpunn as gp

F = gp.nn.functional


def test_kl_div_where_the_target_is_0(device):
    x = gp.tensor([-1.0, -2.0], dtype=gp.float64, device=device)
    t = gp.tensor([0.0, 1.0], dtype=gp.float64, device=device)
    assert F.kl_div(x, t, reduction="none").tolist() == [0, 2]
    assert F.kl_div(x, t, reduction="batchmean").item() == 1
