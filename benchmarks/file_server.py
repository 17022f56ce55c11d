"""nginx on loopback with MP4-shaped files, which names their hashes as Google's storage does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import random
import subprocess
from collections.abc import Generator
from pathlib import Path

import attrs

from pixverse_async._core.integrity import find_crc32c

PORT = 18_765


def base(*, tls: bool) -> str:
    """Where the files are."""
    return f"http{'s' * tls}://127.0.0.1:{PORT}"


def certificate(root: Path) -> Path:
    """Self-made, for 127.0.0.1."""
    return root / "cert.pem"


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + kind + body


def make_video(size_bytes: int, rng: random.Random) -> bytes:
    """Random bytes in the boxes of an MP4 of 5.042 s, moov last."""
    mvhd = box(b"mvhd", bytes(12) + (1000).to_bytes(4) + (5042).to_bytes(4) + bytes(80))
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"mdat", rng.randbytes(size_bytes - 148)) + box(b"moov", mvhd)


def named_hash(data: bytes, named: str) -> str:
    if named == "none":
        return ""
    if named == "md5":
        return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()
    crc32c = find_crc32c()
    assert crc32c is not None, "install crc32c or google-crc32c"
    return "crc32c=" + base64.b64encode(crc32c(data, 0).to_bytes(4)).decode()


@attrs.frozen
class Server:
    """A running nginx."""

    pid: int

    def cpu(self) -> float:
        """Seconds of its worker until now."""
        worker = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def nginx(root: Path, files: int, size_bytes: int, named: str, *, tls: bool) -> Generator[Server]:
    """The server, and its folder."""
    rng, hashes = random.Random(1), list[str]()
    (root / "www").mkdir()
    for n in range(files):
        data = make_video(size_bytes, rng)
        (root / "www" / f"{n}.mp4").write_bytes(data)
        hashes.append(f'/{n}.mp4 "{named_hash(data, named)}";')
    if tls:
        _make_certificate(root)
    secure = f"ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;" if tls else ""
    config = root / "nginx.conf"
    config.write_text(f"""
        daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
        events {{ worker_connections 512; }}
        http {{
            sendfile on; tcp_nopush on; keepalive_requests 100000; access_log off; default_type video/mp4;
            client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
            uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5; map_hash_bucket_size 256; map_hash_max_size 8192;
            map $uri $hash {{ default ""; {" ".join(hashes)} }}
            server {{ listen 127.0.0.1:{PORT}{" ssl" * tls}; root {root}/www; add_header x-goog-hash $hash; {secure} }}
        }}""")
    server = subprocess.Popen(["nginx", "-c", str(config), "-p", str(root)], stderr=subprocess.DEVNULL)
    try:
        _await_port(tls=tls)
        yield Server(server.pid)
    finally:
        server.terminate()
        server.wait()


def _make_certificate(root: Path) -> None:
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(root / "key.pem"), "-out", str(certificate(root))]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *files]
    subprocess.run(make, check=True, stderr=subprocess.DEVNULL)


def _await_port(*, tls: bool) -> None:
    for _ in range(100):
        look = ["curl", "-skfo", os.devnull, f"{base(tls=tls)}/0.mp4"]
        if subprocess.run(look, check=False).returncode == 0:
            return
        subprocess.run(["sleep", "0.1"], check=True)
    raise SystemExit("nginx did not start")
