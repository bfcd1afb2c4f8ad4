"""The labelling interface of Label Studio, as its XML: the product, the whole tree or a branch of it, and the tags.

What is pre-annotated may name only what the interface offers, so both are made by the same `Interface`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.sax.saxutils import quoteattr

from indexer.errors import SettingError
from taxonomy.names import name_key
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

CATEGORY, TAGS = "category", "tags"
"""Names of the two controls, under which an export tells what was chosen."""
SHOWN = "title"
"""Name of the object that the controls are about."""
FIELDS = (SHOWN, "brand", "specs", "description")
"""What is shown of a product, each as plain text under its name in the data of a task."""
LARGE = 10_000
"""Categories from which the interface loads slowly in a browser."""

_UNWRITABLE = re.compile("[\ufffe\uffff]")  # which XML has no way to write; control characters are in no name
_FIELD = re.compile(r"\$\w")


@dataclass(frozen=True)
class Interface:
    """What can be chosen. branch: node that it is limited to, with those above it; None for the whole tree."""

    tree: Tree
    tags: tuple[str, ...]
    branch: int | None = None

    @classmethod
    def of(
        cls, tree: Tree, vocabulary: Vocabulary, counts: Mapping[str, int], most: int, category: str = ""
    ) -> Interface:
        """Return the interface of a tree, or of a branch by its path or id, with the `most` commonest tags.

        counts: how many products carry each tag. Raises SettingError when there is no such category.
        """
        carried: dict[str, int] = {}
        for tag, count in counts.items():
            for word in vocabulary.apply([tag]):
                carried[word] = carried.get(word, 0) + count
        commonest = sorted(carried, key=lambda tag: (-carried[tag], tag))[:most]
        branch = None
        if category:
            found = tree.of_id(category)
            branch = tree.find(tuple(category.split(" > "))) if found is None else found
            if branch is None:
                raise SettingError(f"there is no category {category[:200]!r}; name one of the tree by its path or id")
        return cls(tree, tuple(sorted(commonest, key=name_key)), branch)

    @cached_property
    def _offered(self) -> dict[str, str]:
        return {name_key(tag): tag for tag in self.tags}

    @cached_property
    def _limits(self) -> tuple[str, ...]:
        return () if self.branch is None else self.tree.path(self.branch)

    @cached_property
    def categories(self) -> int:
        """How many categories can be chosen."""
        return sum(1 for node in range(len(self.tree)) if self.offers(node))

    @property
    def misread(self) -> list[str]:
        """The names that Label Studio takes for a field of the data, as it does what follows a dollar sign."""
        names = [self.tree.names[node] for node in range(len(self.tree)) if self.offers(node)]
        return sorted({name for name in (*names, *self.tags) if _FIELD.search(name)})

    def offers(self, node: int) -> bool:
        """Return whether a category can be chosen: one of the branch, or one above it."""
        path, limits = self.tree.path(node), self._limits
        return path[: len(limits)] == limits[: len(path)]

    def tag(self, tag: str) -> str | None:
        """Return a tag as it is offered, None when it is not."""
        return self._offered.get(name_key(tag))

    def xml(self, *, images: bool = False) -> Iterator[str]:
        """Yield the lines of the labelling interface. images: with the picture of each product."""
        yield "<View>\n"
        for field in FIELDS:
            yield f'  <Header value="{field.capitalize()}" size="5"/>\n  <Text name="{field}" value="${field}"/>\n'
        if images:
            yield '  <Image name="image" value="$image"/>\n'
        shown = 'maxUsages="1" showFullPath="true" pathSeparator=" &gt; "'
        yield f'  <Taxonomy name="{CATEGORY}" toName="{SHOWN}" {shown}>\n'
        yield from self._choices(None, "    ")
        yield "  </Taxonomy>\n"
        if self.tags:
            yield f'  <Choices name="{TAGS}" toName="{SHOWN}" choice="multiple" showInline="true">\n'
            yield from (f"    <Choice value={_quoted(tag)}/>\n" for tag in self.tags)
            yield "  </Choices>\n"
        yield "</View>\n"

    def _choices(self, parent: int | None, indent: str) -> Iterator[str]:
        for node in self.tree.children(parent):
            if not self.offers(node):
                continue
            value = _quoted(self.tree.names[node])
            if not self.tree.children(node):
                yield f"{indent}<Choice value={value}/>\n"
                continue
            yield f"{indent}<Choice value={value}>\n"
            yield from self._choices(node, indent + "  ")
            yield f"{indent}</Choice>\n"


def _quoted(name: str) -> str:
    return quoteattr(_UNWRITABLE.sub("\ufffd", name))
