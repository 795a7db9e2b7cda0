"""Pointsman: a semantic routing gateway for LLM traffic."""

from importlib.metadata import version

__version__ = version("pointsman")
