"""Brokers of a run's own, on free ports of 127.0.0.1, with their data in a temporary folder."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness.servers import ServerError, free_port

RABBIT = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def _await(what, answers, process, seconds, log=None):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if answers():
            return
        time.sleep(0.05)
    tail = log.read_text(errors="replace")[-1000:] if log is not None and log.exists() else ""
    raise ServerError(f"{what} did not come up in {seconds} s\n{tail}")


def _speaks(port, greeting, answer):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as probe:
            probe.sendall(greeting)
            return probe.recv(1) == answer
    except OSError:
        return False


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Redis:
    """Without files: what is measured is the client."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="tidings-bench-redis-")
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, "--dir", self.folder], stdout=subprocess.DEVNULL)
        try:
            _await("redis-server", lambda: _speaks(self.port, b"PING\r\n", b"+"), self.process, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class FerretDB:
    """Over SQLite, by the peer that bench/peers/build.sh makes."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="tidings-bench-ferretdb-")
        self.port = free_port()
        self.process = subprocess.Popen([self.program, str(self.port), self.folder], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        try:
            _await("FerretDB", lambda: _listens(self.port), self.process, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def url(self):
        return f"mongodb://127.0.0.1:{self.port}/bench"

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Rabbit:
    """A node with all its defaults; `pid` is the broker's own."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidings-bench-rabbit-"))
        self.port, distribution, mapper = free_port(), free_port(), free_port()
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("tidingsbench")
        cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "env.conf").write_text("\n")
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 10MB\nlog.file.level = warning\n")
        environment = os.environ | {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": f"{self.folder}/data",
            "RABBITMQ_LOG_BASE": f"{self.folder}/log",
            "RABBITMQ_CONF_ENV_FILE": f"{self.folder}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{self.folder}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.folder}/enabled_plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # The script then becomes the server instead of waiting for it.
            "detached": "yes",
        }
        log = self.folder / "node.log"
        self.mapper = subprocess.Popen(["epmd", "-port", str(mapper), "-address", "127.0.0.1"])
        with log.open("wb") as output:
            self.process = subprocess.Popen([RABBIT], env=environment, stdout=output, stderr=output,
                                            start_new_session=True)
        try:
            _await("RabbitMQ", lambda: _speaks(self.port, b"AMQP\0\0\x09\x01", b"\x01"), self.process, 180, log)
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.mapper.kill()
        self.mapper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
