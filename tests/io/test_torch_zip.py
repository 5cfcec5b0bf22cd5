"""PyTorch's files, without PyTorch: two it wrote, kept as text, and others built by hand from pickle's opcodes."""

import base64
import io
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import FileFormatError
from gpunn.nn import Parameter

# torch.save(obj, f, pickle_protocol=2 and 4) of PyTorch 2.13, compressed; obj is what test_what_pytorch_wrote expects.
PROTOCOL_2 = (
    "eNq1lstvG1UUxq/txHGm5FkgaYDwKA8HUsceP5OmjRmKC0xp0wktQyEMk/GNPcLx+HhuUlopUiTktGVFESAWCPFfsEBCFRs2bNggFkhdsKhYdYdY"
    "ch+OOzNpmqQRo4yd8ZzvO79777lnZl6NdCEUi6FtxyAaRmbTqtpreKpsEjPR+LhWUvrRJd+xEV4HFNe7qcAlJsEQsiynVsMWsZ26K51rlnETl0/Z"
    "FpEgPKFBJK6HaOxl6LKIQ90Txiqxa65kNPHSql0rGwTXXadprMkSdMfjeg83dppmBUNUSKRSzTHJgvhRgh5umISYHqHfVmMVetUoAem8itSwGtmE"
    "Q2pEDW3CIzeqDKCPQL8GA1xUhcEqTVLdMla4cyrX8R7iYSkYrvaqYQKHuWcLHlVDLXhM+D1OYESDUR5YhyM+vzNOvdLxGuMhMjxBvUIEnqReExPC"
    "4ykC4xo8zQNW4Bk/k+PUOh7P8pA0PCd4jrZ5nmc8LwivFwm8pIGYZQITwqsqJikDL1f55LzChBE1vAmTaojN0TEhThCY0iDJgxuQ2mGJGmbTXMEE"
    "NyWQff5ZSAuwTBssy8BywjtPoKDB9HV+MXMNjmswy1UYTvhccnCSulD4OeaCGF5RLOGrwkkh8JoGp1bX4XW9lwoMCmOyEoXSOpzWWfHCG+vwJi+e"
    "Ndx0aSnCW2rYdd0lnVY7qtkuAXURzsTV0Olil6j3s9evwdv8NsGfEDi7DufUiGVYThlbroTr7B8J5vUwjTCX4LweZU4msesp0DZhQYN3XMw3Qplc"
    "aWC40F7AZVFTElzk5q59FcO77XsL9EICXdTpey24pMH73LeM12wLwwftOHEpwWKnxj9sgaHBR/zaxQRMyzDY6lAcw5DoLxIsLYJFB6iGcQvKGgg2"
    "s2LadViuDqwm5tWeWOXit3d/pB7snN+xFYygYqcVJJad5opJjPa8lpTZQEfY35FiFD/c/fNTtvLs3JliDOXvUbR7gmHW7Ep9BddJSUk/DEguwwDm"
    "LsPfbF3DDwQYQnMdgKUrBDusuZWU4weZgJpNSA0zhtaJv46wpY8+kKEfnfR15alkSZk5AIBw3ZijH0X6R88Nen5fZEQjn9+5OUpvjO5CNOknSpWU"
    "+J6JaGaea+yzf75i26Nrl1xFfy75oPXX03ZmDI3f7zgsaWwXhlk/Q7qkFB6aIcQz/3T0Z333+utHij9zpqScPNDo/5f1z+5n/RG6xXLfYvlmJm//"
    "6p9/tJf5zx1k/nce1wA63MnTaXYDwURpiZH/9l3lwu7rN47kew2Mo7u4adMOdtVkb0uGXS4piX2OJJkrTGfl6Wwuky9k5WQum80XUjI980lZzuUz"
    "0zk5PZ0tJBnlL7f/iMUpR5xThhhsh9P7IBjcRh58DwyqvQ18xKc81IV2enQETbxNeMxnctNrsq3zB328jXTI5zPcjbY38KDcW/X9PvnX3SjQe4Na"
    "bxfza+PRgDYV1Hq7j1/7ZVArB7Xe/uHXjvYEtOm9j/eLoDYT1Hp3bGC8sYA2u6W9/572Ht8EtblgXu9+G/Bb9aLgrg2Kvdtg3KfVPOL7b9B5NRqd"
    "3NrOkWMdZV/gOx8R3//2bj1eovxJM9UOEG863VGh6ePxIvY/UesSDA=="
)
PROTOCOL_4 = (
    "eNq1ls9v22QYx1/HjpOta7MVoZZqmoS4uKKktWO76djWyiBzMILSCYEmochN3iUWbhzsNx2bNKnS1P2SpW30HeKE9gfsDDc0OO/CZSckDhwmTtwQ"
    "3HhfO0lfv22TdhWv4sSO38/z/b4/nsdedUQJgGIR7GmnwSRww3rL24TzDRe55c6Xvm1NgCuZtiU9/jmXAjexEucj5CKI47F64PuwjrygHZGrj8MG"
    "DGHjfa+O8A6eXSM9hWs4PoUCIlCudZHnk26TtRCudz2/UUOwHQVhbVMjvRUlLkSko9skcfMJQUjbD1x0uff3Do6FBRyL9U4XOzLCnzjAyTnibeyI"
    "jnAb32tJRBLhNdKthVsnFKV1sjUWl6wkiGqyYVTcKjm5Xoht7AjbGby9i499GLSbLKpRVEjQ2VkW2mAgKwh8FqoM10N9dDwWdNq1NzrRyZHRCXSM"
    "bPcObhWYaey4obsBEQyJ1G4cY5jk3eTsThINMpBJIZBCYL+p7d7E8YkaUXPpZsHkCtCvwiYMI7ILsJOLomg9lnwvQvgLrDjCBytSunE+unsHxxKC"
    "XyNCOOJ7OXcdRzDON9D1DrPmhavpctF5kyLvBrE3FkuX6ckOTtd7m/qWG3DTqyd3+6c7vc2R3BcjiPAD6sDJPYzzbtP1yLK+3i2vOoXiVv6Hp8/J"
    "hqbH6oG5MQXmB7lRvhqEGy6q9QZqW29zKTK0qVT0x79+uyWQsPQ4WHQGLO6K9jKi5vpes70B28i2KkfR7TdTpwaWr331J83i3FADZ8DywMD6dQQD"
    "mtW29e6r6Pab7yHkQ+ph++Ifb8hERR7qYQJcylSl+QXbOn8MA2nUrWXytUI+5Ngix5MV6mjq4ctH0+TG9AhHc1lHqm0ph3ZElBOtmft/P6bpII3Q"
    "WslqabZ14TjTf6XQi0w9dF68DKhocYSHC1kPFduqvrIHIVH+6a1fPh+9/yaAlVXWbevSsUb/v6y/cZT1B+AZ1X5G9c7P/f48O//gMPNvHmf+Dx5X"
    "Cbw20BnUthIvVDlJnf/6ffPT0et3Dmi7BSyxHsHQIxXshktfFGpew7bKRxzJglldMrQlw9QXq4a2YBrGYlVVNb1aVSuaoeu6apjqUjWpcsG/n72p"
    "EB9K4lJIXlv6Ptm6f3qPc/49iKfZAj6VIc+K4KAnBR+ELcIzmSCP2CB7Kj8fhy2kZzJxJiWwt4DzOLvrJzL4txLgai/PslUsyyp5jlV5lq0+WRbz"
    "rMazbP3IstMyx1YOP95veFbnWTZjufEWONbos/vnNNu+41mT12XzrZQNVQR81vIwmwbnMuwaA++foKuOLM/101l8Z0COc7+LYvr7T7H/eJGTJ838"
    "qfQ6fdPJyykznvRP+/4H2Q37uA=="
)

FLOATS = b"ctorch\nFloatStorage\n"
DATA = np.arange(6, dtype=np.float32).tobytes()
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def number(n):
    return b"J" + n.to_bytes(4, "little", signed=True)


def numbers(*values):
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key=b"0", kind=FLOATS):
    return b"(X\x07\0\0\0storage" + kind + b"X\x01\0\0\0" + key + b"X\x03\0\0\0cpu" + number(6) + b"tQ"


def tensor(offset, size, stride):
    return REBUILD + b"(" + storage() + number(offset) + numbers(*size) + numbers(*stride) + b"\x89" + b")" + b"tR"


def zipped(pickle, data=DATA, method=zipfile.ZIP_STORED, **more):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/data/0", data)
        for name, content in more.items():
            archive.writestr(f"archive/{name}", content)
    return file.getvalue()


def load(content, **options):
    return gp.load(io.BytesIO(content), **options)


@pytest.mark.parametrize("text", [PROTOCOL_2, PROTOCOL_4])
def test_what_pytorch_wrote(text):
    found = load(zlib.decompress(base64.b64decode(text)))
    state = found["state"]
    assert type(state) is OrderedDict and list(state) == ["w", "h", "n", "m", "t", "p", "e"]
    assert state._metadata == {"": {"version": 2}}
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    wanted = {
        "w": (table, gp.float32),
        "h": ([1, 2], gp.bfloat16),
        "n": (7, gp.int64),
        "m": ([True, False], gp.bool),
        "t": (table.T, gp.float32),
        "p": ([1.5, -2], gp.float32),
        "e": (np.zeros((0, 3)), gp.float32),
    }
    for name, (values, dtype) in wanted.items():
        assert state[name].dtype is dtype and state[name].shape == np.shape(values)
        np.testing.assert_array_equal(state[name].detach().numpy(), values)
    assert state["t"].stride() == (1, 3)
    assert type(state["p"]) is Parameter and state["p"].requires_grad and not state["w"].requires_grad
    assert found.pop("again") is found.pop("state")["w"]
    assert found == {
        "list": [1, (2.5, None, True), "text", {3: b"ab"}],
        "dtype": gp.float16,
        "size": gp.Size((2, 3)),
        "device": gp.device("cpu"),
        "set": {1, 2},
    }


def test_tensors_by_hand():
    one = load(zipped(b"\x80\x02" + tensor(1, (2, 2), (2, 1)) + b"."))
    np.testing.assert_array_equal(one.numpy(), [[1, 2], [3, 4]])
    assert load(zipped(tensor(0, (0, 5), (1, 1)) + b".")).shape == (0, 5)
    assert load(zipped(b"}K\x01Ns(K\x02Nu.")) == {1: None, 2: None}
    assert load(zipped(b"(K\x01K\x02d.")) == {1: 2}
    assert load(zipped(b"(K\x01lK\x02a.")) == [1, 2]


def test_tensors_on_one_storage_share_it():
    a, b = load(zipped(tensor(0, (6,), (1,)) + tensor(2, (2,), (1,)) + b"\x86."))
    a[3] = 9.0
    np.testing.assert_array_equal(b.numpy(), [2, 9])


def test_map_location():
    seen = []
    file = zipped(tensor(0, (6,), (1,)) + b".")
    load(file, map_location=lambda t, place: seen.append((t.shape, place)))
    assert seen == [((6,), "cpu")]


@pytest.mark.parametrize(
    "pickle, complaint",
    [
        (b"cos\nsystem\n(X\x02\0\0\0lstR.", "os.system"),
        (b"cbuiltins\neval\n(X\x01\0\0\x001tR.", "builtins.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.", "os.system"),
        (b"(X\x02\0\0\0lsios\nsystem\n.", "INST 'os system'"),
        (b"(cos\nsystem\nX\x02\0\0\0lso.", "os.system"),
        (b"(ctorch\nSize\n)o.", "OBJ"),
        (b"ctorch\nSize\n)\x81.", "NEWOBJ"),
        (b"\x82\x01.", "EXT1"),
        (b"Pkey\n.", "PERSID"),
        (b"]}b.", "state"),
        (b"ctorch\nFloatStorage\n)R.", "FloatStorage"),
        (b"c_codecs\nencode\n(X\x01\0\0\0aX\x04\0\0\0zliktR.", "encode"),
        (b"ctorch\nSize\n.", "one object"),
        (b"K\x01K\x02.", "one object"),
        (b"(.", "one object"),
        (b"\x80\xff.", "PROTO 255"),
        (b"\xff.", "damaged"),
        (b".", "damaged|one object"),
        (b"", "damaged|cut short"),
        (b"]", "damaged|cut short"),
        (b"t.", "damaged|mark"),
        (b"h\x07.", "damaged"),
        (b"]K\x01K\x02s.", "no dict"),
        (b"})K\x02s.", "tuple as a key"),
        (b"ctorch\nSize\nNR.", "damaged"),
        (b"I" + b"9" * 10000 + b"\n.", "damaged"),
    ],
)
def test_streams_that_are_refused(pickle, complaint):
    with pytest.raises(FileFormatError, match=complaint):
        load(zipped(pickle))


@pytest.mark.parametrize(
    "offset, size, stride, complaint",
    [
        (0, (7,), (1,), "beyond"),
        (1, (6,), (1,), "beyond"),
        (0, (2, 3), (4, 1), "beyond"),
        (0, (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), "beyond"),
        (-1, (2,), (1,), "impossible"),
        (0, (-2,), (1,), "impossible"),
        (1, (2,), (-1,), "impossible"),
        (0, (2,), (1, 1), "impossible"),
        (0, (2**31 - 1,), (0,), "expanded"),
        (0, (3, 3), (1, 1), "expanded"),
        (0, (0,) + (2**31 - 1,) * 4, (1,) * 5, "damaged"),
    ],
)
def test_tensors_that_cannot_be(offset, size, stride, complaint):
    with pytest.raises(FileFormatError, match=complaint):
        load(zipped(tensor(offset, size, stride) + b"."))


def test_zips_that_are_refused():
    bomb = zipped(b"N.", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(FileFormatError, match="much more than its size"):
        load(bomb)
    with pytest.raises(FileFormatError, match="big-endian"):
        load(zipped(b"N.", byteorder=b"big"))
    assert load(zipped(b"N.", byteorder=b"little")) is None
    with pytest.raises(FileFormatError, match=r"no data\.pkl"):
        load(zipped(b"N.").replace(b"data.pkl", b"data.pkx"))
    with pytest.raises(FileFormatError, match="damaged"):
        load(zipped(tensor(0, (1,), (1,)) + b".", data=bytes(5)))
    missing = b"X\x07\0\0\0storage" + FLOATS
    with pytest.raises(FileFormatError, match="damaged"):
        load(zipped(b"(" + missing + b"X\x01\0\0\x009X\x03\0\0\0cpuK\x01tQ."))
    with pytest.raises(FileFormatError, match="only plain tensors"):
        load(zipped(b"(" + missing + b"X\x01\0\0\0/X\x03\0\0\0cpuK\x01tQ."))


def test_damage_is_noticed_or_harmless():
    content = zlib.decompress(base64.b64decode(PROTOCOL_2))
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), 60):
        with pytest.raises(FileFormatError):
            load(content[:length])
    for at, value in zip(rng.integers(0, len(content), 600), rng.integers(1, 256, 600), strict=True):
        changed = bytearray(content)
        changed[at] ^= value
        try:
            load(bytes(changed))
        except FileFormatError:
            continue
