"""Tagged PDFs for tests, written object by object: structure elements with associated files, /Alt and MathML."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pymupdf

MATHML = "http://www.w3.org/1998/Math/MathML"


@dataclass
class Tag:
    """A structure element.

    Attributes:
        kind: Its structure type: "P", "Formula", "math".
        kids: Elements, and texts that the page shows as their marked content.
        keys: Further entries of its dictionary, in PDF syntax.
        files: (media type, content) of its associated files.
    """

    kind: str
    kids: Sequence["Tag | str"] = ()
    keys: str = ""
    files: Sequence[tuple[str, str]] = field(default=())


class _Writer:
    def __init__(self) -> None:
        self.pdf = pymupdf.open()
        self.page = self.pdf.new_page(width=500, height=400)
        self.page.insert_text((10, 10), " ", fontname="helv")
        self.content: list[str] = []
        self.owners: list[int] = []
        self.x, self.y = 40.0, 340.0
        self.namespace = self.new(f"<</Type/Namespace/NS({MATHML})>>")

    def new(self, source: str) -> int:
        xref = int(self.pdf.get_new_xref())
        self.pdf.update_object(xref, source)
        return xref

    def file(self, kind: str, content: str) -> int:
        stream = self.new("<<>>")
        self.pdf.update_stream(stream, content.encode(), new=True)
        self.pdf.xref_set_key(stream, "Type", "/EmbeddedFile")
        self.pdf.xref_set_key(stream, "Subtype", "/" + kind.replace("/", "#2F").replace("+", "#2B"))
        return self.new(f"<</Type/Filespec/AFRelationship/Supplement/F(f)/UF(f)/EF<</F {stream} 0 R>>>>")

    def text(self, text: str, owner: int) -> int:
        number = len(self.owners)
        self.owners.append(owner)
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        place = f"BT /helv 11 Tf {self.x:.1f} {self.y:.1f} Td ({shown}) Tj ET"
        self.content.append(f"/Span <</MCID {number}>> BDC {place} EMC")
        self.x += pymupdf.get_text_length(text, fontsize=11)
        return number

    def element(self, tag: Tag, parent: int, *, in_math: bool = False) -> int:
        xref = self.new("<<>>")
        in_math = in_math or tag.kind == "math"
        if tag.kind in ("P", "Document", "LI", "H1", "TR"):
            self.x, self.y = 40.0, self.y - 30
        kids = [
            str(self.text(kid, xref)) if isinstance(kid, str) else f"{self.element(kid, xref, in_math=in_math)} 0 R"
            for kid in tag.kids
        ]
        files = " ".join(f"{self.file(kind, content)} 0 R" for kind, content in tag.files)
        self.pdf.update_object(
            xref,
            f"<</Type/StructElem/S/{tag.kind}/P {parent} 0 R/Pg {self.page.xref} 0 R/K[{' '.join(kids)}]"
            f"{f'/NS {self.namespace} 0 R' if in_math else ''}{f'/AF[{files}]' if files else ''}{tag.keys}>>",
        )
        return xref


def document(*tags: Tag) -> pymupdf.Document:
    """Return a document of one page; a paragraph, a heading, an item and a table's row begin a line each."""
    writer = _Writer()
    root = writer.new("<<>>")
    top = writer.element(Tag("Document", tags), root)
    writer.pdf.update_stream(writer.page.get_contents()[0], "\n".join(writer.content).encode("latin-1"))
    owners = " ".join(f"{owner} 0 R" for owner in writer.owners)
    tree = f"<</Nums[0[{owners}]]>>"
    writer.pdf.update_object(root, f"<</Type/StructTreeRoot/K[{top} 0 R]/ParentTree {tree}>>")
    writer.pdf.xref_set_key(writer.page.xref, "StructParents", "0")
    writer.pdf.xref_set_key(writer.pdf.pdf_catalog(), "StructTreeRoot", f"{root} 0 R")
    writer.pdf.xref_set_key(writer.pdf.pdf_catalog(), "MarkInfo", "<</Marked true>>")
    return pymupdf.open("pdf", writer.pdf.tobytes())
