"""Results of several tensors: their names, and what is shown of them."""

import copy
import pickle

import pytest

import gpunn as gp

X = gp.tensor([[3.0, 1.0], [2.0, 4.0]])
RESULTS = {
    "max": X.max(1),
    "min": X.min(1),
    "median": X.median(1),
    "nanmedian": X.nanmedian(1),
    "mode": X.mode(1),
    "kthvalue": X.kthvalue(1),
    "sort": X.sort(1),
    "topk": X.topk(1),
    "cummax": X.cummax(1),
    "cummin": X.cummin(1),
    "aminmax": X.aminmax(),
    "linalg_slogdet": gp.linalg.slogdet(X),
    "slogdet": X.slogdet(),
    "linalg_eigh": gp.linalg.eigh(X),
    "linalg_qr": gp.linalg.qr(X),
    "qr": X.qr(),
    "linalg_svd": gp.linalg.svd(X),
    "svd": X.svd(),
}


@pytest.mark.parametrize("name", RESULTS)
def test_types_have_pytorchs_names(name):
    found = RESULTS[name]
    assert type(found) is getattr(gp.return_types, name)
    assert isinstance(found, tuple)
    assert [x.tolist() for x in found] == [getattr(found, field).tolist() for field in found._fields]
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(twin) is type(found)
        assert [x.tolist() for x in twin] == [x.tolist() for x in found]


def test_a_field_a_line():
    assert repr(X.max(1)) == "gpunn.return_types.max(\nvalues=tensor([3., 4.]),\nindices=tensor([0, 1]))"
    assert repr(X.aminmax()) == "gpunn.return_types.aminmax(\nmin=tensor(1.),\nmax=tensor(4.))"
