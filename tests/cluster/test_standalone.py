"""The same command on clusters of real processes: each row as it is inline."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from landuse.models.bundle import read_bundle
from tests.cluster.conftest import command
from tests.cluster.processes import (
    CHIPS,
    SHORT_LIVED,
    Cluster,
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

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]
SETTINGS = """
spark.executor.cores 2
spark.speculation true
spark.speculation.interval 100ms
spark.speculation.multiplier 1.01
spark.speculation.quantile 0.1
"""
BY_STORE = ("--parts", "s3://surveys/parts")
_HIDING = 'mount -t tmpfs none "$0" && exec "$@"'


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
def cluster(bucket, apart, tmp_path_factory) -> Iterator[Cluster]:
    """It has no worker until the first test adds one, which runs an executor of two cores."""
    with standalone_cluster(tmp_path_factory.mktemp("cluster"), wrap=apart, **bucket.environment) as one:
        yield one


@pytest.fixture(scope="module")
def far(cluster, bucket, tmp_path_factory) -> Iterator[Driver]:
    """A driver on the cluster, which serves all tests; speculation does none of them harm."""
    conf = tmp_path_factory.mktemp("conf")
    flags = " ".join(SHORT_LIVED)
    (conf / "spark-defaults.conf").write_text(f"{SETTINGS}spark.executor.extraJavaOptions {flags}\n")
    own = {"SPARK_CONF_DIR": str(conf), "SPARK_SUBMIT_OPTS": flags}
    with driver(cluster.address, **bucket.environment | own) as one:
        yield one


@pytest.fixture(scope="module")
def first(work, far, cluster, hidden) -> tuple[Path, int, str]:
    """The map of the first command, its status and what it told; a worker joined when it had said that there is none."""
    model = hidden / "only here.landuse"
    model.write_bytes(work.model.read_bytes())
    arguments = [*command(work, hidden / "map", cluster.address), *BY_STORE]
    arguments[arguments.index(work.model)] = model
    far.send(*arguments)
    assert far.hear(f"No worker of {cluster.address} has joined yet; waiting "), far.answer()
    cluster.add_worker()
    status, _, trouble = far.answer()
    return hidden / "map", status, trouble


def test_a_command_awaits_workers_and_gives_the_same_map_with_nothing_but_an_object_store_between(
    undisturbed, first, bucket
):
    """The model goes by Spark, the code goes by Spark, the results come by the store."""
    out, status, trouble = first
    assert status == 0, trouble
    same_files(out, undisturbed)
    assert bucket.names("parts") == []


@pytest.mark.usefixtures("first")
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
        ("far", [cluster.address, *BY_STORE], lambda *line: far.run(*line)[0]),
    ):
        model, report = hidden / f"{name}.landuse", hidden / f"{name} report"
        for line in (
            ["train", chips, *tuning, "--out", model],
            ["evaluate", model, chips, "--bootstrap", "20", "--out", report],
        ):
            assert runs(*line, "--master", *place) == 0
        heads.append(read_bundle(model).head.arrays())
        figures.append((report / "metrics.json").read_text())
    assert all(np.array_equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert figures[0] == figures[1]
    assert bucket.names("parts") == []


@pytest.mark.usefixtures("first")
def test_workers_that_do_not_share_the_disk_are_told_apart_at_once(work, far, cluster, apart, hidden):
    if not apart:
        pytest.skip("no rights to give workers a disk of their own")
    status, _, trouble = far.run(*command(work, hidden / "unseen", cluster.address))
    assert status == 1
    last = trouble.splitlines()[-1]
    assert last.startswith("Error: A worker wrote a result to ")
    assert last.endswith(
        "give with --parts an address that all machines share, such as s3://bucket/folder or a network disk."
    )


@pytest.mark.usefixtures("first")
def test_workers_that_are_frozen_cost_nothing(work, undisturbed, far, cluster, bucket, hidden):
    """The operating system stops all of them (SIGSTOP): only SIGKILL ends such a process. It is this cluster's last test."""
    out = hidden / "thawed"
    far.send(*command(work, out, cluster.address), *BY_STORE, "--task-timeout", round(3 * busy()))
    until(lambda: bucket.names("parts"), every_s=0.05)
    frozen = workers(os.getpid(), "pyspark.daemon")
    for worker in frozen:
        os.kill(worker, signal.SIGSTOP)
    status, _, trouble = far.answer()
    assert status == 0, trouble
    assert len(frozen) == 2
    assert gone(frozen)
    same_files(out, undisturbed)


def test_a_master_that_does_not_answer_is_told_within_seconds(work, tmp_path):
    """Told in one sentence; Spark alone takes a minute."""
    status, _, trouble = run(*command(work, tmp_path / "map", "spark://127.0.0.1:1"))
    assert status == 1
    assert trouble.splitlines()[-1].startswith(
        "Error: No Spark master answers at spark://127.0.0.1:1 (Connection refused)"
    )
