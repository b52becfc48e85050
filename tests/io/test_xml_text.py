"""What XML can hold, judged by a parser."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from hypothesis import given
from hypothesis import strategies as st

from lexiseg.io.xml_text import fits_xml


@given(st.text(max_size=20))
def test_exactly_what_fits_comes_back(text):
    document = f"<a b={quoteattr(text)}/>".encode("utf-8", "surrogatepass")
    try:
        read = ElementTree.fromstring(document).get("b")
    except ElementTree.ParseError:
        read = None
    assert (read == text) == fits_xml(text)
