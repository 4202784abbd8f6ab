"""The zip of a deploy: which components it brings, which it deletes, and where manifest and files disagree.

In: the bytes of the zip. Out: Package, its faults gathered. Next room: `deploy`.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.emulator.salesforce.metadata.elements import Node, Refused, once, read

MAX_FILES = 10_000
MAX_UNPACKED = 400 * 1024 * 1024
FOLDERS = {"objects": (".object", "CustomObject"), "permissionsets": (".permissionset", "PermissionSet")}
CHILDREN = {"fields": "CustomField", "listViews": "ListView"}
KINDS = ("CustomObject", "CustomField", "ListView", "PermissionSet")


@dataclass(frozen=True)
class Component:
    """One thing to deploy: metadata type, full name, file, and its element."""

    kind: str
    name: str
    file: str
    node: Node


@dataclass(frozen=True)
class Fault:
    """One component that could not even be read."""

    kind: str
    name: str
    file: str
    problem: str
    line: int = 1
    column: int = 1


@dataclass
class Package:
    """What a zip asks for: components, deletions before and after them, and faults found while reading."""

    components: list[Component] = field(default_factory=list)
    before: list[tuple[str, str, str]] = field(default_factory=list)  # kind, name, file
    after: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def unpack(data: bytes) -> Package:
    """Package of a zip; what is wrong with single components is in its faults, never raised."""
    package = Package()
    try:
        files = _files(data)
        manifest = _members(files, "package.xml")
    except Refused as refused:
        package.faults.append(Fault("", "package.xml", "package.xml", refused.problem, refused.line, refused.column))
        return package
    _deletions(files, package)
    found: list[Component] = []
    for path in sorted(files):
        if path.endswith(".xml") and "/" not in path:
            continue
        try:
            found += _components(path, files[path])
        except Refused as refused:
            kind, name = _named(path)
            package.faults.append(Fault(kind, name, path, refused.problem, refused.line, refused.column))
    _reconcile(manifest, found, package)
    return package


def _files(data: bytes) -> dict[str, bytes]:
    """Files by path inside the package; one folder around everything is taken off."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
                raise Refused(f"Too many or too large files: at most {MAX_FILES} files and {MAX_UNPACKED} bytes")
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, RuntimeError, EOFError, NotImplementedError) as error:
        raise Refused(f"The file part is not a readable zip: {error}") from error
    tops = {path.split("/", 1)[0] for path in files}
    if "package.xml" not in files and len(tops) == 1:
        files = {path.split("/", 1)[1]: content for path, content in files.items() if "/" in path}
    if "package.xml" not in files:
        raise Refused("No package.xml found")
    return files


def _members(files: dict[str, bytes], path: str) -> list[tuple[str, str]]:
    """Pairs (metadata type, full name) that one manifest lists."""
    listed: list[tuple[str, str]] = []
    for types in read(files[path], "Package").all("types"):
        kind = types.get("name") or ""
        if kind not in KINDS:
            raise types.refuse(f"Unknown type name '{kind}' specified in {path}")
        listed += [(kind, member.text) for member in types.all("members")]
    return listed


def _deletions(files: dict[str, bytes], package: Package) -> None:
    lists = {
        "destructiveChangesPre.xml": package.before,
        "destructiveChanges.xml": package.before,
        "destructiveChangesPost.xml": package.after,
    }
    for path, target in lists.items():
        if path not in files:
            continue
        try:
            for kind, name in _members(files, path):
                if "*" in name:
                    raise Refused(f"Wildcards are not supported in {path}")
                target.append((kind, name, path))
        except Refused as refused:
            package.faults.append(Fault("", path, path, refused.problem, refused.line, refused.column))


def _named(path: str) -> tuple[str, str]:
    folder, _, file = path.partition("/")
    suffix, kind = FOLDERS.get(folder, ("", ""))
    return kind, file.removesuffix(suffix)


def _components(path: str, content: bytes) -> Iterator[Component]:
    """Component of one file, then those inside it."""
    kind, name = _named(path)
    if not kind or not path.endswith(FOLDERS[path.split("/", 1)[0]][0]):
        raise Refused(f"The emulator knows only {', '.join(sorted(FOLDERS))}; found {path}")
    node = read(content, kind)
    if kind == "CustomObject":
        once(node, frozenset(CHILDREN), kind)
        own = [child for child in node.children if child.tag not in CHILDREN]
        yield Component(kind, name, path, Node(node.tag, node.line, node.column, "", own))
    else:
        yield Component(kind, name, path, node)
    for child in node.children:
        if kind == "CustomObject" and child.tag in CHILDREN:
            yield Component(CHILDREN[child.tag], f"{name}.{child.get('fullName') or ''}", path, child)


def _reconcile(manifest: list[tuple[str, str]], found: list[Component], package: Package) -> None:
    """Keep the components that the manifest names; a member on one side only is a fault."""
    listed = set(manifest)
    by_name = {(part.kind, part.name): part for part in found}
    whole = {name for kind, name in listed if kind == "CustomObject" and name != "*"}
    if ("CustomObject", "*") in listed:
        whole |= {part.name for part in found if part.kind == "CustomObject" and part.name.endswith("__c")}
    unreadable = {fault.name for fault in package.faults}
    for kind, name in manifest:
        known = (kind, name) in by_name or name.split(".", 1)[0] in unreadable
        if name != "*" and not known:
            problem = (
                f"An object '{name}' of type {kind} was named in package.xml, but was not found in zipped directory"
            )
            package.faults.append(Fault("", name, "package.xml", problem))
    for part in found:
        parent = part.name.split(".", 1)[0]
        if (part.kind, part.name) in listed or (part.kind, "*") in listed or parent in whole:
            package.components.append(part)
        elif part.kind == "CustomObject":
            # A file that only carries listed children need not be listed itself, unless it says something of its own.
            if part.node.children:
                package.faults.append(Fault(part.kind, part.name, part.file, "Not in package.xml"))
        else:
            line, column = part.node.line, part.node.column
            package.faults.append(Fault(part.kind, part.name, part.file, "Not in package.xml", line, column))
    _duplicates(found, package)


def _duplicates(found: list[Component], package: Package) -> None:
    seen: set[tuple[str, str]] = set()
    for part in found:
        key = (part.kind, part.name.lower())
        if key in seen:
            problem = f"Duplicate {part.kind} name: {part.name}"
            package.faults.append(Fault(part.kind, part.name, part.file, problem, part.node.line, part.node.column))
        seen.add(key)
