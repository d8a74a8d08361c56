#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends back what it gets, over TCP and UDP on one port, both families: echo.py PORT [--delay-ms N] [--tell]

A datagram that begins with "late " is answered by so many milliseconds later as follow. With --tell every datagram is
told on stdout.
"""

import argparse
import asyncio
import socket


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, options):
        self.options = options

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.options.tell:
            print(f"datagram {len(data)} {addr[0]} {addr[1]}", flush=True)
        delay = int(data.split()[1]) if data.startswith(b"late ") else self.options.delay_ms
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, self.transport.sendto, data, addr)
        else:
            self.transport.sendto(data, addr)


async def stream(options, reader, writer):
    try:
        while data := await reader.read(65536):
            if options.delay_ms:
                await asyncio.sleep(options.delay_ms / 1000)  # the delay that this server is known for
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        pass


def datagram_socket(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    return s


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--tell", action="store_true")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(options), sock=datagram_socket(options.port))
    listener = socket.create_server(("::", options.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    server = await asyncio.start_server(lambda r, w: stream(options, r, w), sock=listener)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
