# SPDX-License-Identifier: Apache-2.0
"""Shared code of the tests with a real VPP: processes, networks, traffic and records."""
