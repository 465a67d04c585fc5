"""What is written for people and other programs: rasters, vectors, tables, the map page, the record of a run."""
