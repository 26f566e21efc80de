# SPDX-License-Identifier: BSD-2-Clause
"""`python -m vessel`."""

import sys

try:
    from vessel.cli import main
except KeyboardInterrupt:  # Loading takes a moment, and nothing has been done yet.
    sys.exit(6)  # Exit.LEFT

sys.exit(main())
