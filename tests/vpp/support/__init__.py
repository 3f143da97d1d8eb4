# SPDX-License-Identifier: Apache-2.0
"""What the tests against a real VPP share: processes, networks, traffic and records."""
