"""`pointsman bench`: measure this gateway, and others next to it."""

from __future__ import annotations

from pointsman.bench.command import bench

__all__ = ["bench"]
