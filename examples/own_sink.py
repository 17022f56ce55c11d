"""Videos in an SQLite file: `python examples/own_sink.py photos videos.sqlite "it snows"`, with GMI_API_KEY set."""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from pixverse_async import Job, generate_many, jobs_from_folder

TABLE = "CREATE TABLE IF NOT EXISTS videos (name TEXT PRIMARY KEY, sha256 TEXT, data BLOB)"


class SqliteSink:
    """One row for each video. Each statement runs on a worker thread with a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return await asyncio.to_thread(self._query, sql, values)

    def _query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as base, base:
                return base.execute(sql, values).fetchall()
        except sqlite3.IntegrityError as problem:
            raise FileExistsError(str(problem)) from problem
        except sqlite3.OperationalError as problem:
            raise OSError(str(problem)) from problem

    async def prepare(self) -> None:
        await self.query(TABLE)

    async def open(self, name: str) -> "SqlitePart":
        return SqlitePart(self, name)

    async def exists(self, name: str) -> bool:
        return bool(await self.query("SELECT 1 FROM videos WHERE name = ?", name))

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        found = await self.query("SELECT length(data), sha256 FROM videos WHERE name = ?", place)
        return place if any(size == size_bytes and sha256 in (None, kept) for size, kept in found) else None


class SqlitePart:
    """A video that is being received, in memory; the row appears whole."""

    def __init__(self, sink: SqliteSink, name: str) -> None:
        self.sink, self.name, self.data = sink, name, bytearray()
        self.validator: str | None = None

    @property
    def received_bytes(self) -> int:
        return len(self.data)

    async def restart(self, validator: str | None) -> None:
        self.data.clear()
        self.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        self.data += b"".join(pieces)

    async def replay(self, feed: Callable[[bytes], None]) -> None:
        await asyncio.to_thread(feed, bytes(self.data))

    async def commit(self, size_bytes: int, sha256: str) -> str:
        if not await self.sink.find(self.name, size_bytes, sha256):
            await self.sink.query("INSERT INTO videos VALUES (?, ?, ?)", self.name, sha256, bytes(self.data))
        return self.name

    async def discard(self) -> None:
        self.data.clear()

    async def aclose(self) -> None:
        self.data.clear()


async def main(jobs: list[Job], path: Path) -> None:
    journal = path.with_suffix(".jsonl")  # a sink has no folder to keep it in
    print((await generate_many(jobs, sink=SqliteSink(path), journal=journal, progress=True)).summary())


if __name__ == "__main__":
    folder, database, prompt = sys.argv[1:]
    asyncio.run(main(jobs_from_folder(folder, prompt=prompt), Path(database)))
