"""The chip table is GeoParquet for anybody: Spark, DuckDB and pandas read the same rows and places."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from landuse.chips import read_chips


@pytest.mark.spark
def test_spark_reads_the_chip_table(spark, chips):
    ours = read_chips(chips)
    frame = spark.read.parquet(str(chips / "chips.parquet"))
    rows = frame.select("chip_id", "row", "label", "shares", "geometry").collect()
    assert sorted(row.chip_id for row in rows) == sorted(ours.ids.tolist())
    assert {row.label for row in rows} == {ours.legend.name_of(code) for code in np.unique(ours.labels).tolist()}
    place = dict(zip(ours.ids.tolist(), ours.grid.polygons(ours.rows, ours.cols), strict=True))
    assert all(shapely.from_wkb(bytes(row.geometry)).equals(place[row.chip_id]) for row in rows)
    assert all(sum(row.shares.values()) == pytest.approx(1, abs=1e-5) for row in rows)


def test_pandas_geopandas_and_duckdb_read_the_chip_table(chips):
    import duckdb

    ours, path = read_chips(chips), chips / "chips.parquet"
    assert pd.read_parquet(path)["chip_id"].tolist() == ours.ids.tolist()
    frame = geopandas.read_parquet(path)
    assert frame.crs.equals(ours.grid.crs)
    assert frame.geometry.area.sum() == pytest.approx(len(ours) * ours.grid.side**2)
    with duckdb.connect() as database:
        found = database.execute(f"select count(*), sum(row), count(distinct label) from '{path}'").fetchall()
    assert found == [(len(ours), int(ours.rows.sum()), len(np.unique(ours.labels)))]
