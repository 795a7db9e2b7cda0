"""The KV cache as blocks: counted references, and full blocks that stay findable until they are reused."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

ROOT_KEY = b""


def chain_key(parent: bytes, tokens: bytes) -> bytes:
    """The key of a full block: it names the block's tokens and all tokens before them."""
    return blake2b(tokens, digest_size=16, key=parent).digest()


class BlockPool:
    """Blocks that no sequence holds are free; they keep their content until they are taken, oldest first."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._references = [0] * total
        self._keys: list[bytes | None] = [None] * total
        self._by_key: dict[bytes, int] = {}
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(total))  # least recently used first

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def used(self) -> int:
        """Counted from the references, so that a test can compare it with `free`."""
        return sum(count > 0 for count in self._references)

    def match(self, keys: Sequence[bytes]) -> list[int]:
        """The longest run of cached blocks that `keys` begins with; takes no reference."""
        blocks = []
        for key in keys:
            block = self._by_key.get(key)
            if block is None:
                break
            blocks.append(block)
        return blocks

    def acquire(self, shared: Sequence[int], fresh: int) -> list[int] | None:
        """Hold every block of `shared` and `fresh` new ones, which are returned; None if too few are free."""
        references, free = self._references, self._free
        revived = sum(1 for block in shared if references[block] == 0)
        if fresh > len(free) - revived:
            return None
        for block in shared:
            if references[block] == 0:
                del free[block]
            references[block] += 1
        return [self._take() for _ in range(fresh)]

    def _take(self) -> int:
        block, _ = self._free.popitem(last=False)
        key = self._keys[block]
        if key is not None:
            del self._by_key[key]
            self._keys[block] = None
        self._references[block] = 1
        return block

    def publish(self, block: int, key: bytes) -> None:
        """Make a full block findable; of two blocks with the same content the first stays."""
        if self._by_key.setdefault(key, block) == block:
            self._keys[block] = key

    def release(self, blocks: Iterable[int]) -> None:
        """Drop one reference to each, the last given being reused first later on."""
        for block in reversed(list(blocks)):
            self._references[block] -= 1
            if self._references[block] == 0:
                self._free[block] = None
