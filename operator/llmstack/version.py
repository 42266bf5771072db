"""Which version is this? The only place that says so; the package's metadata is made from it."""

VERSION = "0.2.0"
