from gpunn import nn
from gpunn.compat import bases


def test_layers_derive_from_the_classes_that_programs_ask_for():
    bn, conv, up = nn.BatchNorm2d(2), nn.Conv1d(1, 1, 1), nn.ConvTranspose3d(1, 1, 1)
    instance, dropout = nn.InstanceNorm1d(2), nn.Dropout2d()
    is_one = {
        name: [isinstance(layer, kind) for layer in (bn, instance, conv, up, dropout)]
        for name, kind in bases.NAMES.items()
        if name in ("_BatchNorm", "_InstanceNorm", "_NormBase", "_ConvNd", "_ConvTransposeNd", "_DropoutNd")
    }
    assert is_one == {
        "_BatchNorm": [True, False, False, False, False],
        "_InstanceNorm": [False, True, False, False, False],
        "_NormBase": [True, True, False, False, False],
        "_ConvNd": [False, False, True, True, False],
        "_ConvTransposeNd": [False, False, False, True, False],
        "_DropoutNd": [False, False, False, False, True],
    }
    assert isinstance(nn.CrossEntropyLoss(), bases.NAMES["_WeightedLoss"])
    assert isinstance(nn.MSELoss(), bases.NAMES["_Loss"]) and not isinstance(nn.MSELoss(), bases.NAMES["_WeightedLoss"])


def test_tuples_of_numbers():
    single, pair, triple = (bases.NAMES[name] for name in ("_single", "_pair", "_triple"))
    assert single(3) == (3,) and pair(3) == (3, 3) and triple([1, 2, 3]) == (1, 2, 3)
    assert bases.ntuple(5)("a") == ("a",) and bases.ntuple(5)(0.5) == (0.5,) * 5 and pair.__name__ == "_pair"
