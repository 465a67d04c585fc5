"""Why Java or Spark did not start, in one line."""

import io
import subprocess
import sys
from types import SimpleNamespace

import pytest

from landuse.engine import java as module
from landuse.engine.java import Errors, ask_java, last_message, plain, reason_of
from landuse.engine.progress import progress_on
from landuse.engine.session import open_runner
from landuse.engine.spark_runner import _lost
from landuse.errors import EngineError

YARN = """Picked up _JAVA_OPTIONS: -Xmx1g
WARNING: Using incubator modules: jdk.incubator.vector
Exception in thread "main" org.apache.spark.SparkException: When running with master 'yarn' either HADOOP_CONF_DIR or \
YARN_CONF_DIR must be set in the environment.
\tat org.apache.spark.deploy.SparkSubmitArguments.error(SparkSubmitArguments.scala:650)
""".replace("\\\n", "")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Unrecognized VM option 'Foo'\n", "Error: Could not create the Java Virtual Machine.\n",
          "Error: A fatal exception has occurred. Program will exit.\n"], "Unrecognized VM option 'Foo'"),
        (YARN.splitlines(), "When running with master 'yarn' either HADOOP_CONF_DIR or YARN_CONF_DIR must be set in the "
         "environment."),
        (["Exception in thread \"main\" java.lang.A: outer", "\tat a.b", "Caused by: java.io.IOException: inner", "\tat c.d"],
         "inner"),
        (["Error: Unable to initialize main class", "Caused by: java.lang.NoClassDefFoundError: org/apache/X"],
         "org/apache/X"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_last_message_of_java_counts(lines, message):
    assert last_message(lines) == message


def test_a_message_is_plain():
    assert plain("javax.LoginException: java.lang.NullPointerException: no user") == "no user"
    assert plain("java.lang.OutOfMemoryError") == "java.lang.OutOfMemoryError"
    assert "/etc/passwd" in plain("java.lang.NullPointerException: invalid null input: name")


def java(text, cause=None):
    """An exception as py4j shows it."""
    message = text.partition(": ")[2] or None
    return SimpleNamespace(toString=lambda: text, getMessage=lambda: message, getCause=lambda: cause)


def test_the_innermost_cause_and_the_variables_that_are_set_are_named(monkeypatch):
    for name in module.HAVE_A_SAY:
        monkeypatch.delenv(name, raising=False)
    error = OSError("An error occurred while calling None.\nTrace")
    assert reason_of(error) == "An error occurred while calling None"
    error.java_exception = java(
        "a.b.SparkException: failed", java("java.io.FileNotFoundException: no /logs", java("c.D"))
    )
    assert reason_of(error) == "no /logs"
    monkeypatch.setenv("SPARK_CONF_DIR", "/conf")
    assert reason_of(error) == "no /logs; SPARK_CONF_DIR is set"
    monkeypatch.setenv("_JAVA_OPTIONS", "-Xmx1g")
    assert reason_of(error) == "no /logs; _JAVA_OPTIONS, SPARK_CONF_DIR are set"


def test_work_that_spark_gives_up_says_what_spark_says():
    error = OSError("An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.")
    error.java_exception = java("org.apache.spark.SparkException: Job 3 was cancelled")
    with pytest.raises(EngineError, match=r"gave the work up \(Job 3 was cancelled\)"):
        _lost(error, [(0, "item")])


def test_what_java_says_is_kept_back_until_it_runs(capsys):
    errors = Errors()
    errors.follow(io.BytesIO(b"WARN of its own\n"))
    assert capsys.readouterr().err == ""
    errors.release()
    errors.follow(io.BytesIO(b"later\n"))
    assert capsys.readouterr().err == "WARN of its own\nlater\n"


@pytest.fixture
def asked_anew():
    """What Java said under other variables is forgotten."""
    ask_java.cache_clear()
    yield
    ask_java.cache_clear()


@pytest.mark.spark
@pytest.mark.usefixtures("asked_anew")
def test_where_java_cannot_run_the_work_runs_in_this_process(monkeypatch):
    """A local master gives way and says why; nothing is started."""
    monkeypatch.setenv("_JAVA_OPTIONS", "-XX:NoSuchOption")
    monkeypatch.setattr("landuse.engine.session.active_context", lambda: None)
    monkeypatch.setattr("pyspark.SparkContext._gateway", None)
    stream = io.StringIO()
    with progress_on(stream), open_runner("local[2]", threads_per_task=1) as runner:
        assert runner.map(abs, [-1, 2]) == [1, 2]
        assert runner.name == "inline"
    line = stream.getvalue().splitlines()[-1]
    assert line.startswith("Running in one process, as --master inline does: Spark needs Java 17")
    assert "Unrecognized VM option 'NoSuchOption'; _JAVA_OPTIONS is set" in line


_STARTS = """
import sys
from landuse.engine.progress import progress_on
from landuse.engine.session import open_runner
with progress_on(sys.stderr), open_runner("local[1]") as runner:
    print(runner.name)
"""


@pytest.mark.spark
def test_where_spark_does_not_start_the_work_runs_in_this_process_and_the_reason_is_told(tmp_path, monkeypatch):
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.eventLog.enabled true\nspark.eventLog.dir file:///nowhere/logs\n"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", _STARTS], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == "inline"
    assert "File file:/nowhere/logs does not exist; SPARK_CONF_DIR is set" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\tat " not in done.stderr
