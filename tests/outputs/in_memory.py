"""Maps that fit in memory, written and dissolved at once."""

import geopandas as gpd
import pandas as pd

from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.cog import change_cog
from landuse.outputs.vectors import Dissolver, MapLines


def write_change_cog(path, changes, place, legend, numbers):
    with change_cog(path, place, legend, numbers) as writer:
        writer.write(changes, 0, 0)
        return writer.totals


def dissolve(codes, transform, crs, legend, confidence=None):
    dissolver = Dissolver(transform, crs, legend, codes.shape[1])
    lines = MapLines(0, codes, raster_areas_ha(transform, crs, codes.shape), confidence)
    frames = [frame_of(areas) for areas in (*dissolver.add(lines), dissolver.end())]
    return pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)


def frame_of(areas):
    return gpd.GeoDataFrame(dict(areas.columns), geometry=areas.polygons, crs=areas.crs).to_crs(4326)
