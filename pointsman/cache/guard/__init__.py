"""May the answer to one text be given for another? Asked where their vectors are near, and cosine says too little:
what turns an answer round is often a single short word."""

from pointsman.cache.guard.guard import Verdict, compare

__all__ = ["Verdict", "compare"]
