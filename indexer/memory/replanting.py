"""What is in memory, planted in another version of the tree: made aside, while searches go on in what there is.

No product is encoded and none is placed anew in the space: vectors, words and pictures are the same ones. Categories
that stay take their sums along to their new positions; only those that products joined or left are summed again, and
what categories say of themselves is read anew, for names and paths are others. The labels are read from the record
store at the same moment as the tree, all of them: so none is ever of one version and the tree of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexer.encoders import Encoder
from indexer.intake.update import Encode, named
from indexer.memory.labels import UNLABELLED
from indexer.snapshots.snapshot import Built
from indexer.space.names import Names
from indexer.store.moment import Moment
from indexer.store.records import Records
from indexer.store.relabelling import path_of
from indexer.vectors import Keys
from taxonomy.aliases import Aliases
from taxonomy.tree import Tree

Nodes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Replanted:
    """An index in the tree that stands.

    before: what categories were called in earlier versions. relabelled: the places in the journal where changes of the
    tree sent products elsewhere: the labels here say so already.
    """

    built: Built
    before: Aliases
    relabelled: Sequence[range]


def replanted(built: Built, records: Records, encoder: Encoder, encode: Encode) -> Replanted:
    """Return an open index in the tree that stands in its store, with the labels of this moment.

    What the store has beside them, new products and new contents, is followed as ever.
    """
    labels = built.contents.labels
    with records.moment() as moment:
        standing, before, relabelled = moment.taxonomy(), moment.aliases(), moment.relabelled()
        tree = standing.tree
        places = places_of(built.tree, tree)
        moved = _carried(labels.nodes(np.arange(labels.size)), places)
        nodes = _stored(moment, tree, np.where(labels.known, moved, UNLABELLED).astype(np.int32), labels.known)
    said = named(records, encoder, tree, 0, encode).astype(np.float16)  # as precise as a snapshot keeps them
    names = Names(encoder.parts, said)
    contents = built.contents.replanted(names, nodes, _whole(places, moved, nodes, len(tree)))
    made = replace(built, tree=tree, contents=contents, grows=standing.open, number=standing.number)
    return Replanted(made, before, relabelled)


def places_of(before: Tree, after: Tree) -> Nodes:
    """Return where each node of a tree is in another one, by id; -1 for nowhere: int32 (nodes before,)."""
    place = {node_id: node for node, node_id in enumerate(after.ids)}
    return np.array([place.get(node_id, UNLABELLED) for node_id in before.ids], np.int32)


def _carried(nodes: Nodes, places: Nodes) -> Nodes:
    """Return nodes at their new places, -1 for nowhere; UNLABELLED, which is -1, stays."""
    return np.append(places, UNLABELLED).astype(np.int32)[nodes]


def _stored(moment: Moment, tree: Tree, nodes: Nodes, known: npt.NDArray[np.bool_]) -> Nodes:
    """Return the categories that the store has for products that are in memory; of the others, what was known."""
    made, found = nodes.copy(), dict[str, int]()
    for keys, categories in moment.categories():
        for category in set(categories) - found.keys():
            node = tree.find(path_of(category)) if category else None
            found[category] = UNLABELLED if node is None else node
        here = keys < len(made)
        here[here] = known[keys[here]]
        made[keys[here]] = _looked_up(found, categories)[here]
    return made


def _looked_up(found: Mapping[str, int], categories: list[str]) -> Nodes:
    return np.fromiter((found[category] for category in categories), np.int32, len(categories))


def _whole(places: Nodes, moved: Nodes, nodes: Nodes, size: int) -> Nodes:
    """Return where each node was before, int32 (size,); -1 for one that is new, or whose products are others now."""
    came = np.full(size, UNLABELLED, np.int32)
    stayed = np.flatnonzero(places >= 0)
    came[places[stayed]] = stayed
    differ: Keys = np.flatnonzero(moved != nodes)
    touched = np.concatenate([moved[differ], nodes[differ]])
    came[touched[touched >= 0]] = UNLABELLED
    return came
