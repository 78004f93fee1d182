"""Pictures of charts without a browser or a network, and the renderer of notebooks that is made of them.

The renderer gives ``application/vnd.vegalite.v5+json``, which JupyterLab draws by itself, beside ``image/png``, which
shows where no front end draws (GitHub, nbconvert).
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import altair as alt

_SCALE = 1.5  # pixels of a PNG for one of the chart


def png(chart: alt.TopLevelMixin) -> bytes:
    r"""The chart as a PNG, drawn without a browser or a network.

    Parameters
    ----------
    chart : altair chart
        Any chart of altair, not only those of this package.

    Returns
    -------
    bytes
        The file's content, 1.5 pixels for one of the chart's.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[4e-3, 2e-3, 1e-3, 5e-4], df=31)
    >>> pl.charts.png(pl.charts.risk_curve_chart(curve))[:4]
    b'\x89PNG'
    """
    return _png(chart.to_dict())


def svg(chart: alt.TopLevelMixin) -> str:
    """The chart as SVG text, for pages that must be readable without a network.

    Parameters
    ----------
    chart : altair chart
        Any chart of altair, not only those of this package.

    Returns
    -------
    str
        An ``<svg>`` element.

    Examples
    --------
    >>> import predictlab as pl
    >>> curve = pl.RiskCurve(depth=[4, 8, 16, 32], risk=[4e-3, 2e-3, 1e-3, 5e-4], df=31)
    >>> pl.charts.svg(pl.charts.risk_curve_chart(curve))[:4]
    '<svg'
    """
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def enable() -> None:
    """Show altair's charts in notebooks with the renderer of this package, which needs no network.

    It is chosen when `predictlab.charts` is first used, unless another renderer was chosen before.

    Examples
    --------
    >>> import predictlab as pl
    >>> pl.charts.enable()
    """
    alt.renderers.register("predictlab", _render)
    alt.renderers.enable("predictlab")


def _render(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {
        "application/vnd.vegalite.v5+json": {**spec, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"},
        "image/png": base64.b64encode(_png(spec)).decode(),
        "text/plain": "<altair chart>",
    }


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert

    return recompressed(vl_convert.vegalite_to_png(spec, scale=_SCALE))


def recompressed(png: bytes) -> bytes:
    """The same picture in about a fifth of the bytes; vl_convert hardly compresses what every notebook keeps."""
    chunks, start = [], 8
    while start < len(png):
        size, kind = struct.unpack_from(">I4s", png, start)
        chunks.append((kind, png[start + 8 : start + 8 + size]))
        start += size + 12
    rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    kept = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*kept, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    )
