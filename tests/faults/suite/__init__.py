# SPDX-License-Identifier: Apache-2.0
"""The fault suite: real servers that fail slowly, and what the gateway makes of it. See docs/prediction.md."""
