"""Reads a page with the standard library's parser: tags in order, texts, and what doesn't balance."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}


@dataclass
class Tag:
    """One element: its name, attributes and the text within it."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: tuple[str, ...] = ()


@dataclass
class Page(HTMLParser):
    """A parsed page."""

    tags: list[Tag] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _open: list[Tag] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Tag(tag, dict(attrs), inside=tuple(t.name for t in self._open))
        if len(made.attributes) < len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.tags.append(made)
        if tag not in _VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, dict(attrs), inside=tuple(t.name for t in self._open)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].name != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1].name if self._open else 'nothing'}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            tag.text += data

    def all(self, name: str, **attributes: str) -> list[Tag]:
        """Elements of a name with these attributes."""
        wanted = {k.rstrip("_"): v for k, v in attributes.items()}.items()
        return [t for t in self.tags if t.name == name and wanted <= t.attributes.items()]


def read(text: str) -> Page:
    """Parse a page."""
    page = Page()
    page.feed(text)
    page.close()
    page.faults += [f"<{t.name}> is never closed" for t in page._open]
    return page
