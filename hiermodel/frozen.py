"""A mapping that nobody can write into, and that can be pickled and copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenMap(Mapping[K, V], Generic[K, V]):
    """What `types.MappingProxyType` is, but for pickle and `copy.deepcopy`.

    The values stay in the mapping given: whoever made it and keeps it may still fill it.

    Examples
    --------
    >>> FrozenMap({"a": 1})["a"]
    1
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[K, V]) -> None:
        self._values = values

    def __getitem__(self, key: K) -> V:
        return self._values[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"FrozenMap({dict(self._values)!r})"
