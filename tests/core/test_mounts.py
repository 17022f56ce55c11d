"""Which file system a folder lies on."""

from __future__ import annotations

import pytest

from pixverse_async._core.mounts import network_file_system

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 0:31 / /mnt rw,relatime shared:1 - nfs4 nas:/export rw,vers=4.2
37 36 0:32 / /mnt/fast rw - xfs /dev/vdb rw
38 27 0:33 / /srv/two\\040words rw - cifs //nas/share rw
39 27 0:34 / /hidden rw - nfs nas:/old rw
40 39 0:35 / /hidden rw - tmpfs tmpfs rw
41 27 0:36 / /home/me/remote rw - fuse.sshfs me@host:/ rw
a line that nobody understands
"""


@pytest.mark.fault(34)
@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/mnt", "nfs4"),
        ("/mnt/videos/cats", "nfs4"),
        ("/mnt/fast/videos", None),
        ("/mntx/videos", None),
        ("/srv/two words/videos", "cifs"),
        ("/hidden/videos", None),
        ("/home/me/remote", "fuse.sshfs"),
        ("/home/me", None),
        ("/", None),
    ],
)
def test_34_a_folder_is_on_the_deepest_mount_above_it(folder: str, kind: str | None) -> None:
    """The kind is that of the innermost mount, the latest at its place, and is told of network file systems alone."""
    assert kind == network_file_system(MOUNTS, folder)


def test_without_a_table_nothing_is_known() -> None:
    """A system that keeps no such table has no folder on a network, as far as we can see."""
    assert network_file_system("", "/mnt/videos") is None
