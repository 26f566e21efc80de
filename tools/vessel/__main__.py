# SPDX-License-Identifier: BSD-2-Clause
"""`python -m vessel`."""

import sys

from vessel.cli import main

sys.exit(main())
