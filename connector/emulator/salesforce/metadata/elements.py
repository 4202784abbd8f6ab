"""XML of metadata files, each element with the line it stood on, because deploy errors name lines.

In: the bytes of one file. Out: a tree of Node. Next room: `archive`, which reads the whole zip.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


def words(text: str) -> frozenset[str]:
    """The words of a text as a set; element names read better in a line than in a column."""
    return frozenset(text.split())


class Refused(Exception):
    """Why one component cannot be deployed, with the place in its file."""

    def __init__(self, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


@dataclass
class Node:
    """One element: local name, text, children, and where it began."""

    tag: str
    line: int = 1
    column: int = 1
    text: str = ""
    children: "list[Node]" = field(default_factory=list)

    def all(self, tag: str) -> "list[Node]":
        """Children of that name, in order."""
        return [child for child in self.children if child.tag == tag]

    def get(self, tag: str) -> str | None:
        """Text of the first child of that name; None when there is none."""
        return next((child.text for child in self.children if child.tag == tag), None)

    def yes(self, tag: str) -> bool:
        """Whether the child of that name says true."""
        return (self.get(tag) or "").lower() == "true"

    def refuse(self, problem: str) -> Refused:
        """Refusal placed at this element."""
        return Refused(problem, self.line, self.column)


class _Builder:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.stack: list[Node] = [Node("")]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        del attributes
        namespace, _, local = name.rpartition("}")
        node = Node(local, self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)
        if namespace != NAMESPACE:
            raise node.refuse(f"Error parsing file: Element {local} must be in the namespace {NAMESPACE}")
        self.stack[-1].children.append(node)
        self.stack.append(node)

    def end(self, name: str) -> None:
        del name
        node = self.stack.pop()
        node.text = node.text.strip()

    def characters(self, data: str) -> None:
        self.stack[-1].text += data

    def doctype(self, *_: object) -> None:
        # Entities could blow a small file up to any size; no metadata file needs them.
        raise Refused("Error parsing file: DOCTYPE is not allowed", self.parser.CurrentLineNumber)


def read(data: bytes, root: str) -> Node:
    """Tree of one metadata file whose outermost element must be `root`."""
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise Refused(f"Error parsing file: {said}", error.lineno, error.offset + 1) from error
    node = builder.stack[0].children[0]
    if node.tag != root:
        raise node.refuse(
            f"Error parsing file: Element {{{NAMESPACE}}}{node.tag} invalid at this location, expected {root}"
        )
    return node


def only(node: Node, allowed: frozenset[str], kind: str) -> None:
    """Refuse the first child that the metadata type does not know."""
    for child in node.children:
        if child.tag not in allowed:
            where = f"Element {{{NAMESPACE}}}{child.tag} invalid at this location in type {kind}"
            raise child.refuse(f"Error parsing file: {where}")


def once(node: Node, repeatable: frozenset[str], kind: str) -> None:
    """Refuse a child given twice that may stand only once, and repeated ones that do not stand together."""
    seen: set[str] = set()
    last = ""
    for child in node.children:
        if child.tag in seen and (child.tag not in repeatable or child.tag != last):
            raise child.refuse(f"Error parsing file: Element {child.tag} is duplicated at this location in type {kind}")
        seen.add(child.tag)
        last = child.tag
