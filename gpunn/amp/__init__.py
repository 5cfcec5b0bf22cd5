"""gpunn.amp: automatic mixed precision. Names as in torch.amp."""

from gpunn.amp.regions import autocast as autocast
from gpunn.amp.regions import custom_bwd as custom_bwd
from gpunn.amp.regions import custom_fwd as custom_fwd
from gpunn.amp.scaler import GradScaler as GradScaler
from gpunn.engine.autocast import is_autocast_available as is_autocast_available
