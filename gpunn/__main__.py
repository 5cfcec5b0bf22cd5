"""`python -m gpunn` is the command `gpunn`."""

import sys

from gpunn.cli import main

if __name__ == "__main__":
    sys.exit(main())
