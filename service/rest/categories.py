"""The route of categories: level by level with what lies in them, or those that somebody's words may mean."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Query, Request

from service.engine import Engine
from service.rest.api import PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.replies import NodeList
from taxonomy.search import search_of
from taxonomy.tree import Tree

FOUND = 20
"""Categories that a search answers with unless told otherwise."""
DOUBTED = 0.5
"""Probability of being wrong from which a label counts as doubted here, as in GET /v1/audit/labels."""

router = APIRouter(prefix="/v1/taxonomy", route_class=BodyRoute)


@router.get("/nodes", response_model=NodeList, responses=refusals(404, 422))
def taxonomy_nodes(
    request: Request,
    parent: Annotated[str | None, Query(description="Id of a category; none asks for the top.")] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words that begin words of the path: a search below `parent`.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="Categories that a search answers with.")] = FOUND,
) -> Json:
    """Return the categories right below one, in order of the tree, or those that `q` may mean, the best first.

    Each has the products of its whole branch, and how many of their labels are doubted.
    """
    engine = serving_of(request).engine
    with engine.live.reading():
        tree = engine.tree
        own = engine.live.labels.node_counts(len(tree))
    products, doubted = tree.totals(own), tree.totals(_doubted(engine, tree))
    above = -1 if parent is None else tree.index(parent)
    if q is not None and q.strip():
        nodes = search_of(tree).find(q, products.tolist(), limit, above)
    else:
        nodes = list(tree.children(None if parent is None else above))
    items = [
        {
            "id": tree.ids[node],
            "path": tree.text(node),
            "name": tree.names[node],
            "children": len(tree.children(node)),
            "products": int(products[node]),
            "own": int(own[node]),
            "doubted": int(doubted[node]),
        }
        for node in nodes
    ]
    return Json({"parent": parent, "items": items})


def _doubted(engine: Engine, tree: Tree) -> npt.NDArray[np.int64]:
    """Return how many labels of each category are doubted, int64 (n,); one that the tree lacks is left out."""
    counts = np.zeros(len(tree), np.int64)
    for node_id, doubted in engine.live.records.suspects.by_category(DOUBTED).items():
        if (node := tree.of_id(node_id)) is not None:
            counts[node] = doubted
    return counts
