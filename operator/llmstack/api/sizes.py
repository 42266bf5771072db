"""How is a number of bytes shown to people?"""


def gib(size: int, digits: int = 1) -> str:
    """`4.1 GiB`, or `512 MiB` for what is below one GiB, with one digit less behind the point."""
    if size >= 2**30:
        return f"{size / 2**30:.{digits}f} GiB"
    return f"{size / 2**20:.{digits - 1}f} MiB"
