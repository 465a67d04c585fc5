"""Everything that can go wrong for a user, as one family of exceptions.

Each message is one plain sentence that says what is wrong, where, and what to do. The command line prints it and leaves
with `exit_status`; a program catches `LanduseError` or the builtin that each class also is.
"""


class LanduseError(Exception):
    """Something failed; nothing half-written is left behind."""

    exit_status = 1


class UsageError(LanduseError, ValueError):
    """The request itself cannot be right, whatever the data hold."""

    exit_status = 2


class ConfigError(UsageError):
    """A config, legend or option file does not say what it must say."""


class GeographicGridError(UsageError):
    """A lattice was asked for in degrees, where a metre is not a fixed length."""


class SourceNotFoundError(LanduseError, FileNotFoundError):
    """An address matches no file."""


class NotARasterError(LanduseError, OSError):
    """A file cannot be opened as a raster."""


class NotAVectorError(LanduseError, OSError):
    """A file cannot be opened as vector data, or holds no polygons where polygons are needed."""


class DamagedSourceError(LanduseError, OSError):
    """A raster opens, but some of its pixels cannot be read (a truncated file, say)."""


class MissingCRSError(LanduseError, ValueError):
    """A raster or a vector file does not say where on Earth it lies."""


class BandsError(UsageError):
    """A raster, a band list and a model do not agree on the bands."""


class NoOverlapError(LanduseError, ValueError):
    """Two things that must share ground do not."""


class GridMismatchError(LanduseError, ValueError):
    """Two maps do not lie on the same lattice."""


class OutputExistsError(LanduseError, FileExistsError):
    """The output folder holds something else."""


class ChipTableError(LanduseError, ValueError):
    """A chip table is damaged, of another format version, or not a chip table."""


class LabelsError(LanduseError, ValueError):
    """A label raster or a label layer cannot give classes."""


class ModelFileError(LanduseError, ValueError):
    """A model file is damaged, of another format version, or not a model file."""


class QuantisationError(LanduseError, ValueError):
    """A model says something else in 8 bits than it does otherwise."""


class TooManyQuarantinedError(LanduseError):
    """More chips failed than a run may lose."""


class EngineError(LanduseError, RuntimeError):
    """Spark does not start, or lost a piece of work for a reason that lies outside the work."""


class RunLockedError(LanduseError):
    """Another run writes into the same folder."""


class MissingDependencyError(LanduseError, ImportError):
    """Something this machine lacks (a Java runtime, a library)."""


class LanduseWarning(UserWarning):
    """Base of this package's warnings."""


class MapOrderWarning(LanduseWarning):
    """By their names, maps are compared against the order of time, or a map is compared with itself."""


class UnlabelledWarning(LanduseWarning):
    """Label data hold codes or names that are no class of the legend, so ground has no label because of them."""


class LeftOutWarning(LanduseWarning):
    """Pixels of a class map take no part in a comparison, or 0 does although nothing says what it is."""


class CRSReplacedWarning(LanduseWarning):
    """The sources' own CRS is not fit for a lattice, so another took its place."""
