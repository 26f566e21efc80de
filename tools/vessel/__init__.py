# SPDX-License-Identifier: BSD-2-Clause
"""The vessel tool: checks a system description, packs it and runs it."""

__version__ = "0.1.0"
