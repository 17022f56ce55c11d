"""Videos in an SQLite file: `python examples/own_sink.py photos videos.sqlite "it snows"`, with GMI_API_KEY set."""

import asyncio
import sqlite3
import sys

from pixverse_async import Job, OnePieceSink, PixverseError, generate_many, jobs_from_folder


def sqlite_sink(path: str) -> OnePieceSink:
    base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    base.execute("CREATE TABLE IF NOT EXISTS videos (name TEXT PRIMARY KEY, sha256 TEXT, data BLOB)")

    async def query(sql: str, *values: object) -> list[tuple[object, ...]]:
        return await asyncio.to_thread(lambda: base.execute(sql, values).fetchall())

    async def exists(name: str) -> bool:
        return bool(await query("SELECT 1 FROM videos WHERE name = ?", name))

    async def find(place: str, size_bytes: int, sha256: str | None) -> str | None:
        found = await query("SELECT length(data), sha256 FROM videos WHERE name = ?", place)
        return place if any(size == size_bytes and sha256 in (None, kept) for size, kept in found) else None

    async def put(name: str, data: bytes, sha256: str) -> str:
        await query("INSERT OR IGNORE INTO videos VALUES (?, ?, ?)", name, sha256, data)
        if await find(name, len(data), sha256) is None:
            raise FileExistsError(f"another video is called {name}")
        return name

    return OnePieceSink(put=put, exists=exists, find=find)


async def main(jobs: list[Job], path: str) -> None:  # a sink has no folder to keep the journal in
    print((await generate_many(jobs, sink=sqlite_sink(path), journal=f"{path}.jsonl", progress=True)).summary())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        asyncio.run(main(jobs_from_folder(sys.argv[1], prompt=sys.argv[3]), sys.argv[2]))
    except PixverseError as problem:  # a missing folder, no key, no way to the service
        sys.exit(str(problem))
