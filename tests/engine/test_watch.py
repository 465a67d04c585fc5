"""How a cluster without workers is told; frozen tasks are in `test_runner`, and both with real clusters in `tests/cluster`."""

import io
from types import SimpleNamespace

import pytest

from landuse.engine.progress import progress_on
from landuse.engine.watch import WAIT_SETTING, Watch, children, workers_wait
from landuse.errors import EngineError


class Cluster:
    """A Spark context as far as the watch asks for its executors."""

    def __init__(self, master="spark://host:7077", **settings):
        self.master, self.executors = master, 1
        self._jsc = SimpleNamespace(sc=lambda: self)
        self.getConf = lambda: SimpleNamespace(get=lambda name, usual: settings.get(name, usual))

    def statusTracker(self):  # noqa: N802
        return SimpleNamespace(getExecutorInfos=lambda: [None] * self.executors)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr("landuse.engine.watch.time.monotonic", lambda: now.s)
    return now


def test_a_cluster_without_workers_is_told_and_given_up(clock):
    watch, said = Watch(Cluster(), "group", 0), io.StringIO()
    with progress_on(said):
        for clock.s in range(1000, 1120):
            watch.look()
        with pytest.raises(
            EngineError, match=r"^No worker of spark://host:7077 has taken any work for 120 s; see .*\.$"
        ):
            clock.s = 1120.0
            watch.look()
    lines = said.getvalue().splitlines()
    assert lines[0] == "No worker of spark://host:7077 has joined yet; waiting 114 s more."
    assert len(lines) == 6


def test_workers_that_come_late_are_welcome_and_may_all_be_lost_again(clock):
    cluster = Cluster()
    watch = Watch(cluster, "group", 0)
    watch.look()
    clock.s, cluster.executors = 1119.0, 3
    watch.look()
    clock.s, cluster.executors = 1130.0, 1
    watch.look()
    clock.s = 1249.0
    watch.look()
    clock.s = 1255.0
    with pytest.raises(EngineError):
        watch.look()


def test_how_long_workers_are_waited_for():
    assert workers_wait(Cluster()) == 120
    assert workers_wait(Cluster("yarn")) == 600
    assert workers_wait(Cluster(**{WAIT_SETTING: "5s"})) == 5


def test_children_of_a_process_that_is_gone():
    assert children(2**22 + 1) == []
