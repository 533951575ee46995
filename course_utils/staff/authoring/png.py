"""PNG bytes that say nothing of the machine that drew them.

`strip` only leaves chunks out, so that its result is the same everywhere and `course build --check` can ask for it.
`optimise` compresses anew, which depends on the zlib at hand; it is used only on a figure that was just drawn.
"""

import io
import struct
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}  # the pixels; not Software, not time, not resolution


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, the chunk's bytes with length and checksum) of each chunk. ValueError where `png` is no PNG."""
    if not png.startswith(SIGNATURE):
        raise ValueError("not a PNG file")
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png.ljust(at + 4, b"\0"), at)
        yield png[at + 4 : at + 8], png[at : at + 12 + length]
        at += 12 + length


def strip(png: bytes) -> bytes:
    """The same picture without metadata."""
    return SIGNATURE + b"".join(chunk for kind, chunk in chunks(png) if kind in KEPT)


def optimise(png: bytes) -> bytes:
    """The same pixels in fewer bytes: no alpha channel where all is opaque, a palette where 256 colours are enough."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        if image.mode == "RGB" and image.getcolors(256):
            image = exact_palette(image)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
    return min(strip(file.getvalue()), strip(png), key=len)


def exact_palette(image):
    """An RGB image of at most 256 colours as a palette image of exactly these colours, in sorted order."""
    from PIL import Image

    colours = sorted(colour for _, colour in image.getcolors(256))
    index = {colour: i for i, colour in enumerate(colours)}
    pixels = image.tobytes()
    paletted = Image.new("P", image.size)
    paletted.putpalette(bytes(value for colour in colours for value in colour))
    paletted.putdata([index[pixel] for pixel in zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)])
    return paletted
