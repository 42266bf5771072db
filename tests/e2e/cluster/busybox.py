"""Which image do tests of the cluster itself use? A static busybox: shell, nslookup, wget, …"""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import packages
from .images import write_archive

IMAGE = "localhost/busybox:1"
BUSYBOX = Path("/bin/busybox")


def archive(directory: Path) -> Path:
    """Writes the image's archive into `directory`."""
    # Not /bin/busybox: that could be another package's, which is linked dynamically.
    packages.ensure({"/usr/share/doc/busybox-static": "busybox-static"})
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    links = {f"/bin/{applet}": "busybox" for applet in listed.stdout.split() if applet != "busybox"}
    files = {"/bin/busybox": BUSYBOX}
    return write_archive(directory / "busybox.tar", IMAGE, files, ["/bin/sh"], links)
