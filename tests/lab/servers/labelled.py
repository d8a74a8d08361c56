#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers every datagram with the host's name, the port that it came to, and what was in it: labelled.py NAME PORT..."""

import asyncio
import sys


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, name, port):
        self.label = f"{name} {port} ".encode()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(self.label + data, addr)


async def main():
    loop = asyncio.get_running_loop()
    name, ports = sys.argv[1], map(int, sys.argv[2:])
    for port in ports:
        await loop.create_datagram_endpoint(lambda p=port: Datagrams(name, p), local_addr=("0.0.0.0", port))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
