"""What can go wrong while an image is made?"""

from __future__ import annotations


class ImageError(Exception):
    """An image or one of its inputs could not be made; the message ends with the tool's output."""
