"""What does the card say of itself? By nvidia-smi."""

import subprocess


def name() -> str:
    """As the maker calls it."""
    return _query("name")


def used_bytes() -> int:
    """Memory in use, of all processes and the driver."""
    return int(_query("memory.used")) * 2**20


def _query(what: str) -> str:
    return subprocess.run(
        _command(what), capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]


def _command(what: str, *options: str) -> list[str]:
    return ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits", *options]
