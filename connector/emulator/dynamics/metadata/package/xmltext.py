"""XML as it comes from outside: read without entities or document types, and written back.

Text comes in; elements leave, or the refusal of what is no XML. Next room: `archive`.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

from connector.emulator.dynamics.org.model import Problem


def parse(text: str | bytes, where: str, code: str) -> Element:
    """The root of a document; `where` and `code` are for the refusal."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def doctype(*_: object) -> None:
        raise Problem(400, code, f"{where} has a document type declaration, which is not allowed.")

    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Problem(400, code, f"{where} is not well formed: {error}") from error
    return builder.close()


def text(element: Element | None, tag: str, default: str = "") -> str:
    """The text of the first child of that name."""
    found = element.find(tag) if element is not None else None
    return (found.text or "").strip() or default if found is not None else default


def whole(value: str | None, where: str, default: int = 0) -> int:
    """A whole number in the text of an element or an attribute."""
    try:
        return int(value) if value else default
    except ValueError as error:
        raise Problem(400, "0x80048033", f"{where}: '{value}' is not a whole number.") from error


def yes(element: Element, tag: str) -> bool:
    """Whether the child of that name says 1 or true."""
    return text(element, tag).lower() in ("1", "true")


def texts(element: Element | None, many: str, one: str) -> dict[int, str]:
    """Texts in several languages, as `<displaynames><displayname description languagecode/>`."""
    found = element.find(many) if element is not None else None
    return {
        whole(entry.get("languagecode"), f"{many}/{one} languagecode", 1033): entry.get("description") or ""
        for entry in (found.iter(one) if found is not None else ())
    }


def children(element: Element | None, path: str) -> Iterator[Element]:
    """All elements at a path below an element that may be missing."""
    yield from (element.findall(path) if element is not None else ())


def guid(value: str | None) -> str:
    """A guid without braces, in lower case."""
    return (value or "").strip().strip("{}").lower()


def inner(element: Element | None, tag: str) -> str:
    """The XML inside the first child of that name, as text; fetchxml and layoutxml stand there."""
    found = element.find(tag) if element is not None else None
    if found is None:
        return ""
    if len(found) == 0:
        return (found.text or "").strip()
    return "".join(tostring(child, encoding="unicode").strip() for child in found)
