"""Pictures of charts: small, and the same."""

import struct
import zlib

from predictlab.charts._render import recompressed


def test_a_recompressed_png_is_the_same_picture():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = bytes(range(256)) * 30
    stored = zlib.compress(rows, 0)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 85, 30, 8, 2, 0, 0, 0)),
        (b"IDAT", stored[:1000]),
        (b"IDAT", stored[1000:]),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in [*parts, (b"IEND", b"")])
    small = recompressed(png)
    assert len(small) < len(png) / 5
    head, data, end = small[8:33], small[33:-12], small[-12:]
    assert (head, end) == (chunk(*parts[0]), chunk(b"IEND", b""))
    assert data == chunk(b"IDAT", data[8:-4])
    assert zlib.decompress(data[8:-4]) == rows
