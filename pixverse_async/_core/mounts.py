"""Which file system a folder lies on, read from the table that Linux keeps of its mounts.

It matters for one thing: a lock on a network file system may not be seen on another host.
"""

from __future__ import annotations

import re
from typing import Final

NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "beegfs", "gpfs", "glusterfs"),
        *("fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.goofys"),
    }
)
"""As the kernel spells them. Of others, such as plain `fuse` and `9p`, the name does not tell what is behind them."""
_MOUNT: Final = re.compile(r"^(?:\S+ ){4}(\S+) .*? - (\S+)", re.MULTILINE)
"""Two numbers, a device, the root within it, where it is mounted, options, a dash, and its kind: see proc(5)."""
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def network_file_system(mounts: str, folder: str) -> str | None:
    """The kind of network file system that the folder lies on, such as `nfs4`; None when it is on no known one.

    `mounts`: the text of `/proc/self/mountinfo`. `folder`: an absolute path without links.

    >>> network_file_system("36 27 0:31 / /mnt/team rw - nfs4 nas:/team rw", "/mnt/team/videos")
    'nfs4'
    """
    deepest, found = "", ""
    for escaped, kind in _MOUNT.findall(mounts):
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), escaped)
        # Of two mounts at one place the later hides the earlier.
        if f"{folder}/".startswith(f"{place.rstrip('/')}/") and len(place) >= len(deepest):
            deepest, found = place, kind
    return found if found in NETWORK else None
