"""A storage server that sends at the pace of a network: each connection gets so many bytes a second.

It stands in for a line that loopback does not have.  Every path is the same video of 16 MiB, MP4-shaped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys

from benchmarks.file_server import make_video

SIZE_BYTES = 16 * 2**20
PIECE_BYTES = 2**17
NAME = "paced.mp4"


async def serve(port: int, bytes_per_second: float) -> None:
    """Until it is killed; prints a line when it listens."""
    video = memoryview(make_video(SIZE_BYTES, random.Random(1)))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await _request(reader):
                await _send(writer, video, bytes_per_second)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _send(writer: asyncio.StreamWriter, video: memoryview, bytes_per_second: float) -> None:
    clock = asyncio.get_running_loop().time
    head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len(video)}\r\n\r\n"
    writer.write(head.encode())
    began = clock()
    for at in range(0, len(video), PIECE_BYTES):
        writer.write(video[at : at + PIECE_BYTES])
        await writer.drain()
        ahead = at / bytes_per_second - (clock() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)  # noqa: TID251 - a server of its own, without anyio's cost


async def _request(reader: asyncio.StreamReader) -> bool:
    try:
        await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("bytes_per_second", type=float)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.bytes_per_second))
