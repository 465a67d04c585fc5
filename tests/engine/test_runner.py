import os
import threading
import time
from pathlib import Path

import pytest

from landuse.engine.runner import INLINE, InlineRunner, Runner
from landuse.engine.session import default_threads, open_runner
from landuse.errors import DamagedSourceError, EngineError, UsageError
from tests.engine import jobs

KINDS = ["inline", pytest.param("spark", marks=pytest.mark.spark)]


@pytest.fixture(params=KINDS)
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == INLINE:
        return InlineRunner(threads_per_task=2)
    from landuse.engine.spark_runner import SparkRunner

    return SparkRunner(request.getfixturevalue("spark").sparkContext)


def lost(item: int, cause: str) -> str:
    return f"{item} lost: {cause}"


def test_results_come_in_the_order_of_the_work_and_are_the_same_on_every_runner(runner):
    done = []
    results = runner.map(jobs.square, range(40), done.append)
    assert results == [{"number": n, "square": n * n} for n in range(40)]
    assert sorted(done, key=lambda row: row["number"]) == results


def test_no_work_is_no_trouble(runner):
    assert runner.map(jobs.square, []) == []


def test_a_task_may_be_a_closure(runner):
    offset = 7
    assert runner.map(lambda number: number + offset, [1, 2]) == [8, 9]


def test_our_errors_keep_class_and_sentence(runner):
    with pytest.raises(DamagedSourceError, match=r"^Tile 3 of a\.tif cannot be read; fetch it again\.$"):
        runner.map(jobs.refuse_three, range(8))


def test_the_runner_works_after_an_error(runner):
    with pytest.raises(DamagedSourceError):
        runner.map(jobs.refuse_three, range(8))
    assert runner.map(jobs.square, [2]) == [{"number": 2, "square": 4}]


def test_trouble_of_the_machine_is_tried_again(runner, tmp_path: Path):
    assert runner.map(jobs.fails_twice, [tmp_path / "count"]) == ["back"]
    assert (tmp_path / "count").read_text() == "xxx"


def test_a_lost_item_costs_that_item_alone(runner):
    done = []
    results = runner.map(jobs.full_disk_at_three, range(6), done.append, lost)
    assert results == [0, 1, 2, "3 lost: OSError: [Errno 28] No space left on device", 4, 5]
    assert len(done) == 6


def test_a_lost_item_ends_the_run_where_nobody_takes_it(runner):
    with pytest.raises(EngineError, match=r"failed 3 times \(OSError: \[Errno 28\] No space left"):
        runner.map(jobs.full_disk_at_three, range(6))


def test_a_mistake_in_the_code_is_never_taken_for_a_lost_item(runner):
    with pytest.raises((TypeError, EngineError), match="object of type 'int' has no len"):
        runner.map(jobs.mistake, [1], on_lost=lost)


@pytest.mark.spark
def test_spark_tells_of_results_while_it_runs(spark):
    from landuse.engine.spark_runner import SparkRunner

    heard = []
    results = SparkRunner(spark.sparkContext).map(jobs.slow_square, range(8), lambda _: heard.append(time.time()))
    assert heard[0] < max(finished for finished, _ in results), "the first result came only after the last task"


@pytest.mark.spark
def test_workers_are_reused_and_keep_their_modules(spark):
    from landuse.engine.spark_runner import SparkRunner

    runner = SparkRunner(spark.sparkContext)
    seen = [*runner.map(jobs.process_and_calls, range(10)), *runner.map(jobs.process_and_calls, range(10))]
    processes = {process for process, _ in seen}
    assert os.getpid() not in processes
    assert len(processes) <= runner.parallelism
    assert max(calls for _, calls in seen) >= 10


@pytest.mark.spark
def test_python_that_does_not_answer_is_ended_and_started_anew(spark):
    from landuse.engine.spark_runner import SparkRunner
    from landuse.engine.watch import end_daemons

    runner = SparkRunner(spark.sparkContext)
    before = {process for process, _ in runner.map(jobs.process_and_calls, range(4))}
    end_daemons(spark.sparkContext)
    assert not before & {process for process, _ in runner.map(jobs.process_and_calls, range(4))}


@pytest.mark.spark
def test_a_dying_worker_costs_one_item(spark):
    from landuse.engine.spark_runner import SparkRunner

    results = SparkRunner(spark.sparkContext).map(jobs.dies_at_three, range(6), on_lost=lost)
    assert results == [0, 1, 2, "3 lost: the worker process died", 4, 5]


@pytest.mark.spark
def test_open_runner_uses_the_session_that_is_there(spark):
    with open_runner("local[2]") as runner:
        assert runner.map(jobs.square, [3]) == [{"number": 3, "square": 9}]
    assert spark.range(3).count() == 3, "the session was stopped"


def test_open_runner_inline():
    with open_runner(INLINE, threads_per_task=3) as runner:
        assert (runner.name, runner.threads_per_task, runner.parallelism) == ("inline", 3, 1)


def test_a_master_that_is_none():
    with pytest.raises(UsageError, match="no Spark master"), open_runner("locale[2]"):
        pass


def test_a_task_that_never_fits():
    with pytest.raises(UsageError, match="never fits"), open_runner("local[1]", threads_per_task=2):
        pass


def test_default_threads():
    assert [default_threads(slots) for slots in (None, 1, 2, 8, 16, 64)] == [1, 1, 1, 1, 2, 8]


@pytest.mark.spark
def test_a_task_that_freezes_in_every_try_costs_one_item(spark):
    """Ctrl-C, which leaves no process and no noise, is a test of the whole command in tests/cluster."""
    from landuse.engine.spark_runner import SparkRunner

    SparkRunner(spark.sparkContext).map(jobs.square, [1, 2])  # to start a worker may take longer than a second
    runner = SparkRunner(spark.sparkContext, task_timeout_s=1)
    results = runner.map(jobs.freezes_at_two, range(4), on_lost=lambda _, cause: cause)
    assert results == [0, 1, "the worker process took too long and was stopped", 3]


def test_ctrl_c_in_a_call_to_the_jvm_is_not_hidden_by_the_next_one():
    from py4j.protocol import Py4JNetworkError

    from landuse.engine.spark_runner import SparkRunner

    class Context:
        """A context whose first call after an interrupt has no answer."""

        def __init__(self):
            self.asked, self.ended = [], threading.Event()

        def setJobGroup(self, *_, **__):  # noqa: N802
            self.ended.wait(10)

        def parallelize(self, *_):
            raise RuntimeError("cancelled")

        def cancelJobGroup(self, group):  # noqa: N802
            self.asked.append(group)
            if len(self.asked) == 1:
                raise Py4JNetworkError("Answer from Java side is empty")
            self.ended.set()

    context = Context()
    with pytest.raises(KeyboardInterrupt), SparkRunner(context)._job(list, [1], "group"):
        raise KeyboardInterrupt
    assert context.asked == ["group", "group"]
