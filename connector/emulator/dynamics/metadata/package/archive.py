"""The zip of a solution: its two documents, found and read.

Base64 comes in; the manifest and the customizations leave. Next room: `bodies`.
"""

import base64
import io
import zipfile
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from connector.emulator.dynamics.metadata.package.xmltext import parse
from connector.emulator.dynamics.org.model import Problem

NEEDED = ("solution.xml", "customizations.xml", "[Content_Types].xml")
MOST_BYTES = 100 * 1024 * 1024
_BAD_ZIP = (
    "The solution file is invalid. The compressed file must contain the following files at its root: solution.xml, "
    "customizations.xml, and [Content_Types].xml. Customization files exported from previous versions of Microsoft "
    "Dynamics 365 are not supported."
)


@dataclass(frozen=True)
class Package:
    """A solution file: what it is called and whose it is, and what it brings."""

    manifest: Element
    customizations: Element


def unpack(encoded: object) -> Package:
    """The package in a base64 text; refuses what is none."""
    try:
        data = base64.b64decode(str(encoded or ""), validate=True)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {entry.filename.lower(): entry for entry in archive.infolist()}
            if any(name.lower() not in files for name in NEEDED):
                raise Problem(400, "0x80048060", _BAD_ZIP)
            if sum(files[name.lower()].file_size for name in NEEDED) > MOST_BYTES:
                raise Problem(400, "0x80048060", f"The solution file unpacks to more than {MOST_BYTES} bytes.")
            solution, customizations = (archive.read(files[name]) for name in NEEDED[:2])
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Problem(400, "0x80048060", _BAD_ZIP) from error
    manifest = parse(solution, "solution.xml", "0x8004802c").find("SolutionManifest")
    if manifest is None:
        raise Problem(400, "0x80048013", "Invalid customization file. solution.xml has no SolutionManifest.")
    root = parse(customizations, "customizations.xml", "0x8004802c")
    if root.tag != "ImportExportXml":
        raise Problem(400, "0x80048013", f"Invalid customization file. customizations.xml begins with {root.tag}.")
    return Package(manifest, root)


def pack(files: dict[str, str]) -> str:
    """A zip of these files, as base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content.encode(), zipfile.ZIP_DEFLATED)
    return base64.b64encode(buffer.getvalue()).decode()
