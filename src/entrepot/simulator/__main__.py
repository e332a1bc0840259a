"""`python -m entrepot.simulator` serves the plan on standard input until that ends (see `process.py`)."""

import sys

from entrepot.simulator.process import serve

if __name__ == "__main__":
    sys.exit(serve(sys.stdin.buffer, sys.stdout.buffer))
