"""``python -m recbole_tagnnpp``."""

import sys

from recbole_tagnnpp.cli import main

if __name__ == "__main__":
    sys.exit(main())
