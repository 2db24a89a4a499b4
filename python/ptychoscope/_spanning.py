"""Components of the overlap graph, with phases that agree along the tree of their largest overlaps."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope._overlaps import Graph


class Component(NamedTuple):
    """At least two patches that overlaps hold together."""

    members: NDArray[np.intp]
    """Their indices."""
    row: NDArray[np.intp]
    """Of their overlaps, as indices into `members`."""
    column: NDArray[np.intp]
    overlap: NDArray[np.complex128]
    start: NDArray[np.complex128]
    """Unit numbers that agree along the tree: a start that is exact where all overlaps agree."""


def components(count: int, graph: Graph) -> Iterator[Component]:
    """The components of `graph` on `count` patches, those of one patch left out."""
    ends = np.concatenate([graph.row, graph.column])
    others = np.concatenate([graph.column, graph.row])
    link = np.concatenate([graph.overlap, graph.overlap.conj()])
    order = np.argsort(ends, kind="stable")
    begin = np.searchsorted(ends[order], np.arange(count + 1))
    others, link = others[order], link[order]
    unit = np.zeros(count, np.complex128)
    label = np.full(count, -1)
    trees: list[NDArray[np.intp]] = []
    for root in range(count):
        if label[root] < 0 and begin[root] < begin[root + 1]:
            trees.append(_grow(root, len(trees), begin, others, link, unit, label))
    number = label[graph.row]
    by_tree = np.argsort(number, kind="stable")
    cuts = np.searchsorted(number[by_tree], np.arange(len(trees) + 1))
    place = np.empty(count, np.intp)
    for tree, members in enumerate(trees):
        place[members] = np.arange(len(members))
        edges = by_tree[cuts[tree] : cuts[tree + 1]]
        yield Component(
            members, place[graph.row[edges]], place[graph.column[edges]], graph.overlap[edges], unit[members]
        )


def _grow(
    root: int,
    number: int,
    begin: NDArray[np.intp],
    others: NDArray[np.intp],
    link: NDArray[np.complex128],
    unit: NDArray[np.complex128],
    label: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Prim's tree of the largest overlaps from `root`; fills `unit` and `label`, returns its members."""
    members: list[int] = []
    heap: list[tuple[float, int, int, complex]] = [(0.0, root, root, 1 + 0j)]
    while heap:
        _, k, _, phase = heappop(heap)
        if label[k] >= 0:
            continue
        label[k], unit[k] = number, phase
        members.append(k)
        for at in range(begin[k], begin[k + 1]):
            other = int(others[at])
            if label[other] < 0:
                agreed = phase * complex(link[at]).conjugate()
                heappush(heap, (-abs(link[at]), other, k, agreed / abs(agreed)))
    return np.array(sorted(members))
