# SPDX-License-Identifier: Apache-2.0
"""The file that the application server (app.c) and the suite share: see panel.h, whose order this has."""

import mmap
import struct

FIELDS = ("cpu_us", "dependency_us", "leak_bytes", "stuck_ppm", "write_blocks", "error_ppm",
          "workers", "busy", "queue", "requests", "errors", "request_us", "writes", "write_us", "io_busy_us")


class Panel:
    def __init__(self, path):
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(8 * len(FIELDS)))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * len(FIELDS))

    def get(self, field):
        return struct.unpack_from("<Q", self.map, 8 * FIELDS.index(field))[0]

    def set(self, field, value):
        """One aligned store of eight bytes: the server never sees half of it."""
        struct.pack_into("<Q", self.map, 8 * FIELDS.index(field), max(0, round(value)))
