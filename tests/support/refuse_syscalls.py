"""Runs a command under a kernel that refuses some system calls, as some file systems do.

    python -m tests.support.refuse_syscalls EOPNOTSUPP symlink,link COMMAND…

A seccomp filter: the answer comes from the kernel, and the command itself is not touched.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {
    "x86_64": {"symlink": (88, 266), "link": (86, 265)},
    "aarch64": {"symlink": (36,), "link": (37,)},
}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


def program(numbers: list[int], error: int) -> bytes:
    """Each of these calls fails with `error`, all others pass."""
    steps = [(_LOAD, 0, 0, 0)]
    steps += [(_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERROR | error)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def refuse(numbers: list[int], error: int) -> None:
    """From now on, for this process and all that it starts."""
    code = ctypes.create_string_buffer(program(numbers, error))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(header)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, buffer, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    known = NUMBERS[platform.machine()]
    refused = [number for name in sys.argv[2].split(",") for number in known[name]]
    refuse(refused, getattr(errno, sys.argv[1]))
    os.execvp(sys.argv[3], sys.argv[3:])
