"""`python -m tests.gpu`."""

import signal
import sys

from tests.gpu.command import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end what was started, write the summary
    sys.exit(main())
