"""`python -m tests.gpu`."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end what was started, write the summary
    try:
        from tests.gpu import command
    except ModuleNotFoundError as missing:
        print(f"gpu-check: {missing}, which gpunn needs: pip install {missing.name}. Nothing was checked.")
        sys.exit(3)  # as without a GPU
    sys.exit(command.main())
