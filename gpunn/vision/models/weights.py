"""The answer to a request for trained weights: there are none here, but files of them can be read."""

from __future__ import annotations

from gpunn.errors import UnsupportedError


def refuse_weights(name: str, weights: object, pretrained: object) -> None:
    """UnsupportedError if `weights` or `pretrained` ask for trained weights of the model `name`."""
    for argument, given in (("weights", weights), ("pretrained", pretrained)):
        if given is not None and given is not False:
            raise UnsupportedError(
                f"{name}: no trained weights come with gpunn, expected {argument}=None, got {given!r}; load a file of "
                f'them: model = {name}(); model.load_state_dict(gp.load("{name}.pth"))'
            )
