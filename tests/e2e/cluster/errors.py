"""What can go wrong with a test cluster?

ClusterError            every message says what to do next
├── MissingTool         a package or toolchain is not installed and cannot be
├── BuildFailed         a tool did not build; the message ends with its output
└── NotReady            something did not become ready; the message ends with its log
"""

from __future__ import annotations


class ClusterError(Exception):
    """Base of every error that a person who starts a cluster can see."""


class MissingTool(ClusterError):
    """Something must be installed first."""


class BuildFailed(ClusterError):
    """A tool could not be built."""


class NotReady(ClusterError):
    """A part of the cluster did not become ready in time."""
