"""Downloads from nginx, whose ranges, validators and broken upstreams are not of our making.

The numbers are the rows of the fault matrix. Without nginx on the machine they are skipped; `.ci/run` sees to it.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from pixverse_async import DirectorySink
from pixverse_async._core.config import Endpoint
from pixverse_async._core.events import LinkExpired
from pixverse_async._core.transfer import DownloadLimits
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async._edge.download import DownloadEnd, download
from tests.edge.storage import google_hash
from tests.loopback.raw_server import Answer, honest, raw_server, then_waits
from tests.loopback.test_storage_faults import (
    CUT,
    FILE,
    FULL,
    HALF,
    IMPATIENT,
    QUICK,
    assert_nothing_left,
    assert_saved,
)
from tests.mp4_files import video

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]

LOG = "$status|$http_range|$http_authorization|$http_user_agent|$http_cookie|$http_x_organization_id"
CONFIG = """
daemon off; worker_processes 1; user root root; pid {root}/pid; error_log {root}/error.log;
events {{ }}
http {{
    log_format seen '{log}'; access_log {root}/access.log seen; default_type video/mp4;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5; proxy_http_version 1.1; proxy_buffering off;
    server {{ listen 127.0.0.1:{port}; root {root}; add_header x-goog-hash "{named}"; {directives} }}
}}
"""


@attrs.frozen
class Nginx:
    """A server that runs, and the folder that it serves."""

    root: Path
    origin: str

    @property
    def log(self) -> list[list[str]]:
        """Of each request its status, its Range, and the headers that storage is not to be sent; whole at its end."""
        return [line.split("|") for line in (self.root / "access.log").read_text().splitlines()]


@contextmanager
def nginx(root: Path, directives: str = "", file: bytes | None = FILE) -> Generator[Nginx]:
    """Serves `cat.mp4`, when there is one, and names the hash of what it should be."""
    root.mkdir()
    if file is not None:
        (root / "cat.mp4").write_bytes(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # It is handed the listening socket, as at an upgrade: nobody can take the port, and nobody need wait for it.
        port, number = listener.getsockname()[1], listener.fileno()
        config = CONFIG.format(root=root, log=LOG, port=port, named=google_hash(FILE), directives=directives)
        (root / "nginx.conf").write_text(config)
        command = ["nginx", "-c", str(root / "nginx.conf"), "-p", str(root)]
        environment = os.environ | {"NGINX": f"{number};"}
        server = subprocess.Popen(command, pass_fds=[number], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield Nginx(root, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


async def bring(server: Nginx, folder: Path, limits: DownloadLimits = QUICK) -> DownloadEnd:
    """One download of `cat.mp4`."""
    transport = AiohttpTransport.open(Endpoint(base_url=server.origin, api_key="a-key", org_id="an-organization"))
    link = server.origin + "/cat.mp4?X-Goog-Signature=c0ffee"
    try:
        return await download(
            transport, DirectorySink(folder), "cat.mp4", link, duration=5, rng=random.Random(7), limits=limits
        )
    finally:
        await transport.aclose()


async def bring_through(root: Path, folder: Path, *answers: Answer, limits: DownloadLimits = QUICK) -> list[str]:
    """A download that is saved, by way of an nginx before a server that gives these answers: the ranges it asked."""
    async with raw_server(*answers) as upstream:
        with nginx(root, f"location / {{ proxy_pass {upstream.origin}; }}", None) as server:
            assert_saved(await bring(server, folder, limits), folder)
        return upstream.ranges


def hold(folder: Path, data: bytes, validator: str) -> None:
    """What an earlier run left."""
    folder.mkdir()
    (folder / "cat.mp4.part").write_bytes(data)
    (folder / "cat.mp4.part.version").write_text(validator)


def etag(path: Path) -> str:
    """As nginx makes it, of time and size."""
    return f'"{int(path.stat().st_mtime):x}-{path.stat().st_size:x}"'


@pytest.mark.fault(16)
@pytest.mark.parametrize("directives", ["return 403;", "return 410;", ""], ids=["403", "410", "404"])
async def test_16_a_link_that_ran_out_keeps_the_half(tmp_path: Path, directives: str) -> None:
    """nginx refuses the rest, or has no such file: a fresh link is asked for, and the half that was held stays."""
    hold(tmp_path / "out", FILE[:HALF], '"v1"')
    with nginx(tmp_path / "www", directives, None) as server:
        assert LinkExpired() == await bring(server, tmp_path / "out")
    assert [f"bytes={HALF}-"] == [line[1] for line in server.log]
    assert HALF == (tmp_path / "out" / "cat.mp4.part").stat().st_size


@pytest.mark.fault(17)
@pytest.mark.parametrize("cut", CUT)
async def test_17_a_body_that_is_cut_behind_nginx_is_continued(tmp_path: Path, cut: str) -> None:
    """However much nginx passes on of an upstream that breaks off, one more request brings the rest."""
    whole, rest = await bring_through(tmp_path / "www", tmp_path / "out", CUT[cut], honest(FILE))
    assert "" == whole
    # nginx resets the connection, and what of the half had not been read yet is lost.
    assert HALF >= int(rest.removeprefix("bytes=").removesuffix("-") or 0)


@pytest.mark.fault(19)
async def test_19_a_file_that_rotted_on_the_server_is_never_saved(tmp_path: Path) -> None:
    """One wrong byte, with the right length and another's hash: tried again, given up, nothing left."""
    with nginx(tmp_path / "www", file=FILE[:HALF] + b"?" + FILE[HALF + 1 :]) as server:
        assert_nothing_left(await bring(server, tmp_path / "out"), tmp_path / "out", "md5")
    assert ["200"] * QUICK.tries == [line[0] for line in server.log[: QUICK.tries]]


@pytest.mark.fault(20)
async def test_20_a_page_that_nginx_calls_a_video_is_quoted_and_dropped(tmp_path: Path) -> None:
    """A page under the name of a video never becomes a file."""
    with nginx(tmp_path / "www", file=b"<!DOCTYPE html><h1>Blocked by") as server:
        assert_nothing_left(await bring(server, tmp_path / "out"), tmp_path / "out", "Blocked by")


@pytest.mark.fault(21)
async def test_21_a_packed_file_is_refused(tmp_path: Path) -> None:
    """nginx sends its packed copy to whoever asks, also to us who ask for none: one request, nothing unpacked."""
    with nginx(tmp_path / "www", "gzip_static always;") as server:
        (server.root / "cat.mp4.gz").write_bytes(gzip.compress(bytes(10**7), mtime=0))
        assert_nothing_left(await bring(server, tmp_path / "out"), tmp_path / "out", "compressed")
    assert 1 == len(server.log)


@pytest.mark.fault(22)
async def test_22_a_throttled_body_is_continued_over_new_connections(tmp_path: Path) -> None:
    """Below the minimum speed each connection is left with what it brought, until the last brings the end."""
    hasty = attrs.evolve(IMPATIENT, min_bytes_per_second=10**6, speed_window=0.5)
    with nginx(tmp_path / "www", "limit_rate_after 80k; limit_rate 1k;") as server:
        assert_saved(await bring(server, tmp_path / "out", hasty), tmp_path / "out")
    first, *others = [line[0] for line in server.log]
    assert ("200", {"206"}) == (first, set(others))


@pytest.mark.fault(22)
async def test_22_a_body_that_stalls_behind_nginx_is_continued(tmp_path: Path) -> None:
    """Half a body and then silence: the rest comes over a new connection."""
    stalls = then_waits(FULL, FILE[:HALF])
    ranges = await bring_through(tmp_path / "www", tmp_path / "out", stalls, honest(FILE), limits=IMPATIENT)
    assert ["", f"bytes={HALF}-"] == ranges


@pytest.mark.fault(23)
async def test_23_the_rest_of_the_same_file_is_added(tmp_path: Path) -> None:
    """nginx knows its own ETag in If-Range, and sends the rest alone."""
    with nginx(tmp_path / "www") as server:
        hold(tmp_path / "out", FILE[:HALF], etag(server.root / "cat.mp4"))
        assert_saved(await bring(server, tmp_path / "out"), tmp_path / "out")
    assert [["206", f"bytes={HALF}-"]] == [line[:2] for line in server.log]


@pytest.mark.fault(23)
@pytest.mark.parametrize("directives", ["", "max_ranges 0;"], ids=["overwritten", "range ignored"])
async def test_23_no_byte_is_added_to_those_of_another_file(tmp_path: Path, directives: str) -> None:
    """Overwritten since, or served by a server without ranges: all of it comes anew, in one answer."""
    with nginx(tmp_path / "www", directives) as server:
        held, validator = (
            (FILE, etag(server.root / "cat.mp4")) if directives else (video(len(FILE), salt=1), '"1f-2a"')
        )
        hold(tmp_path / "out", held[:HALF], validator)
        assert_saved(await bring(server, tmp_path / "out"), tmp_path / "out")
    assert ["200"] == [line[0] for line in server.log]


@pytest.mark.fault(23)
async def test_23_a_part_that_was_whole_costs_no_byte(tmp_path: Path) -> None:
    """nginx says that nothing follows, and the file is checked and published."""
    with nginx(tmp_path / "www") as server:
        hold(tmp_path / "out", FILE, etag(server.root / "cat.mp4"))
        assert_saved(await bring(server, tmp_path / "out"), tmp_path / "out")
    assert ["416"] == [line[0] for line in server.log]


@pytest.mark.fault(24)
async def test_24_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """To the address of a cloud's secrets, with the status that keeps the method."""
    with nginx(tmp_path / "www", "return 307 http://169.254.169.254/latest/meta-data;") as server:
        assert_nothing_left(await bring(server, tmp_path / "out"), tmp_path / "out", "redirects are not followed")
    assert 1 == len(server.log)


@pytest.mark.fault(25)
async def test_25_storage_is_sent_nothing_of_ours(tmp_path: Path) -> None:
    """As nginx logs it: no key, no organization, no cookie, not even a name of the program."""
    with nginx(tmp_path / "www") as server:
        assert_saved(await bring(server, tmp_path / "out"), tmp_path / "out")
    assert [["200", "-", "-", "-", "-", "-"]] == server.log
