# SPDX-License-Identifier: Apache-2.0
"""The lab: network namespaces with real servers and clients around a gateway under test. See docs/lab.md."""
