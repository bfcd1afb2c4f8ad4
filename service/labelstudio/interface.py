"""The labelling interface of Label Studio, as its XML: the product, the whole tree or a branch of it, and the tags.

What is pre-annotated may name only what the interface offers, so both are made by the same `Interface`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as File
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from indexer.errors import SettingError
from taxonomy.names import SEPARATOR, Path, name_key
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
    """What can be chosen: categories, by their paths, and tags. tree: as it is now; an older interface may differ."""

    tree: Tree
    paths: frozenset[Path]
    tags: tuple[str, ...]

    @classmethod
    def of(
        cls, tree: Tree, vocabulary: Vocabulary, counts: Mapping[str, int], most: int, category: str = ""
    ) -> Interface:
        """Return the interface of a tree, or of a branch by its path or id, with the `most` commonest tags.

        The categories above a branch can be chosen, too. counts: how many products carry each tag. Raises SettingError
        when there is no such category.
        """
        carried: dict[str, int] = {}
        for tag, count in counts.items():
            for word in vocabulary.apply([tag]):
                carried[word] = carried.get(word, 0) + count
        writable = [tag for tag in carried if not _UNWRITABLE.search(tag)]
        commonest = sorted(writable, key=lambda tag: (-carried[tag], tag))[:most]
        limits: Path = ()
        if category:
            found = tree.of_id(category)
            branch = tree.find(tuple(category.split(SEPARATOR))) if found is None else found
            if branch is None:
                raise SettingError(f"there is no category {category[:200]!r}; name one of the tree by its path or id")
            limits = tree.path(branch)
        within = (path for path in map(tree.path, range(len(tree))) if path[: len(limits)] == limits[: len(path)])
        paths = frozenset(path for path in within if not _UNWRITABLE.search("".join(path)))
        return cls(tree, paths, tuple(sorted(commonest, key=name_key)))

    @classmethod
    def read(cls, file: File, tree: Tree) -> Interface:
        """Return the interface of a file that `xml` wrote, also changed by hand. Raises SettingError for another."""
        try:
            root = ET.fromstring(file.read_bytes())  # noqa: S314  (a user's own; expat bounds its entities)
        except (OSError, ET.ParseError) as error:
            raise SettingError(f"{file} is no labelling interface: {error}; write one by `config`") from error
        taxonomy = root.find(f".//Taxonomy[@name='{CATEGORY}']")
        if taxonomy is None:
            raise SettingError(f"{file} has no Taxonomy named {CATEGORY!r}; write one by `config`")
        tags = (each.get("value", "") for each in root.iterfind(f".//Choices[@name='{TAGS}']//Choice"))
        return cls(tree, frozenset(_paths(taxonomy, ())), tuple(tags))

    @cached_property
    def _offered(self) -> dict[str, str]:
        return {name_key(tag): tag for tag in self.tags}

    @property
    def misread(self) -> list[str]:
        """The names that Label Studio takes for a field of the data, as it does what follows a dollar sign."""
        names = {name for path in self.paths for name in path}
        return sorted(name for name in {*names, *self.tags} if _FIELD.search(name))

    def offers(self, node: int) -> bool:
        """Return whether a category can be chosen."""
        return self.tree.path(node) in self.paths

    def tag(self, tag: str) -> str | None:
        """Return a tag as it is offered, None when it is not."""
        return self._offered.get(name_key(tag))

    def xml(self, *, images: bool = False) -> Iterator[str]:
        """Yield the lines of the labelling interface. images: with the picture of each product."""
        yield "<View>\n"
        for field in FIELDS:
            yield f'  <Header value="{field.capitalize()}" size="5"/>\n  <Text name="{field}" value="${field}"/>\n'
        shown = 'maxUsages="1" showFullPath="true" pathSeparator=" &gt; "'
        yield f'  <Taxonomy name="{CATEGORY}" toName="{SHOWN}" {shown}>\n'
        yield from self._choices(None, "    ")
        yield "  </Taxonomy>\n"
        if self.tags:
            yield f'  <Choices name="{TAGS}" toName="{SHOWN}" choice="multiple" showInline="true">\n'
            yield from (f"    <Choice value={quoteattr(tag)}/>\n" for tag in self.tags)
            yield "  </Choices>\n"
        if images:  # last: one that is tall, or cannot be loaded, leaves what can be chosen in sight
            yield '  <Image name="image" value="$image"/>\n'
        yield "</View>\n"

    def _choices(self, parent: int | None, indent: str) -> Iterator[str]:
        for node in self.tree.children(parent):
            if not self.offers(node):
                continue
            value = quoteattr(self.tree.names[node])
            if not self.tree.children(node):
                yield f"{indent}<Choice value={value}/>\n"
                continue
            yield f"{indent}<Choice value={value}>\n"
            yield from self._choices(node, indent + "  ")
            yield f"{indent}</Choice>\n"


def _paths(parent: ET.Element, above: Path) -> Iterator[Path]:
    """Yield the paths of the choices below an element, at whatever depth."""
    for child in parent:
        path = (*above, child.get("value", ""))
        yield path
        yield from _paths(child, path)
