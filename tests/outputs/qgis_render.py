"""Draws files in QGIS as somebody who opens them would see them: with Debian's Python, `qgis_render.py FOLDER FILE...`.

Writes a picture of each and, as JSON by file, the words of its legend and the colours of the picture (``#rrggbb`` and their
pixels) without the legend.
"""

import json
import os
import sys

from qgis.core import (
    QgsApplication,
    QgsLayerTree,
    QgsLayerTreeModel,
    QgsLegendRenderer,
    QgsLegendSettings,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRenderContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage, QPainter

SIDE, LEGEND = 400, 300


def opened(address):
    """The layer with its default style, which QGIS finds by itself, or with the one after a ``@``."""
    path, _, style = address.partition("@")
    raster = path.endswith(".tif")
    layer = QgsRasterLayer(path, "map") if raster else QgsVectorLayer(path, "map", "ogr")
    if style:
        _, done = layer.loadSldStyle(style)
        if not done:
            sys.exit(f"QGIS refuses {style}")
    if not layer.isValid():
        sys.exit(f"QGIS cannot open {path}")
    return layer


def drawn(layer):
    """The map as a picture."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setExtent(layer.extent())
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


def colours(image):
    """Pixels of each colour."""
    found = {}
    for x in range(image.width()):
        for y in range(image.height()):
            name = image.pixelColor(x, y).name()
            found[name] = found.get(name, 0) + 1
    return found


def main(folder, *addresses):
    app = QgsApplication([], False)
    app.initQgis()
    found = {address: seen(f"{folder}/{number}.png", address) for number, address in enumerate(addresses)}
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # QGIS and Python disagree on who takes what apart


def seen(out, address):
    """What one file looks like."""
    layer = opened(address)
    image = drawn(layer)
    QgsProject.instance().addMapLayer(layer)
    root = QgsLayerTree()
    root.addLayer(layer)
    model = QgsLayerTreeModel(root)
    words = [str(node.data(0) or "") for node in model.layerLegendNodes(root.findLayer(layer.id()))]
    save(out, image, QgsLegendRenderer(model, QgsLegendSettings()))
    return {"words": words, "colours": colours(image)}


def save(out, image, legend):
    """The picture with the legend beside it."""
    sheet = QImage(SIDE + LEGEND, SIDE, QImage.Format_RGB32)
    sheet.fill(QColor("white"))
    painter = QPainter(sheet)
    painter.drawImage(0, 0, image)
    painter.translate(SIDE, 0)
    scale = sheet.logicalDpiX() / 25.4
    painter.scale(scale, scale)
    legend.drawLegend(QgsRenderContext.fromQPainter(painter))
    painter.end()
    sheet.save(out)


main(*sys.argv[1:])
