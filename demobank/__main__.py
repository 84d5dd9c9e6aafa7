"""`python -m demobank`."""

import sys

from demobank.cli import main

sys.exit(main())
