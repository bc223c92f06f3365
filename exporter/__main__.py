"""`python -m exporter` is `tunewatch`."""

import sys

from exporter.cli import main

sys.exit(main())
