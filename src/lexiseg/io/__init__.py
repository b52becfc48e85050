"""Pictures and videos in; result files and drawings out."""

from lexiseg.io.convert import Conversion, convert
from lexiseg.io.image import read_image
from lexiseg.io.listing import list_images
from lexiseg.io.overlay import OverlayStyle, draw_overlay
from lexiseg.io.palette import color_of
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Reading, Source, read_results
from lexiseg.io.record import append_record, read_records
from lexiseg.io.report import Report, Skip
from lexiseg.io.video import read_frames
from lexiseg.io.video_writer import VideoWriter
from lexiseg.io.writer import Writer, collection_writer, image_writer

__all__ = [
    "Conversion",
    "EntryError",
    "OverlayStyle",
    "ReadContext",
    "Reader",
    "Reading",
    "Report",
    "Skip",
    "Source",
    "VideoWriter",
    "Writer",
    "append_record",
    "collection_writer",
    "color_of",
    "convert",
    "draw_overlay",
    "image_writer",
    "list_images",
    "read_frames",
    "read_image",
    "read_records",
    "read_results",
]
