"""The servers that are measured: how each is started, and how one knows that it is ready."""

import dataclasses
import http.client
import os
import pathlib
import random
import shutil
import socket
import subprocess
import time


@dataclasses.dataclass(frozen=True)
class Kind:
    """A server to be measured; `protocol` is what bench_load is told that it speaks."""

    name: str
    protocol: str
    program: str  # below the folder of the binaries, or of the peers where it is one
    peer: bool
    ready_path: str = "/readyz"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("limit", "limit", "bench_limit", False),
        Kind("durable", "limit", "bench_limit", False),
        Kind("socketioxide", "socketio", "peer_socketioxide", True),
        Kind("centrifugo", "centrifugo", "peer_centrifugo", True, "/health"),
        Kind("node", "socketio", "node/installed", True),
        Kind("replaced", "socketio", "replaced/installed", True),
        Kind("ferretdb", "socketio", "replaced/installed", True),
        Kind("tidings", "tidings", "tidings", False),
    )
}


class ServerError(Exception):
    """A server that is missing, did not start, or ended by itself."""


@dataclasses.dataclass(frozen=True)
class Installation:
    """Where the programs are, and the secret that tokens are signed with."""

    binaries: pathlib.Path
    peers: pathlib.Path
    secret: str

    def program(self, kind):
        return (self.peers if kind.peer else self.binaries) / kind.program

    def missing(self, names):
        """One line for each program that is not there, saying what to do."""
        lines = []
        for name in names:
            kind = KINDS[name]
            if not self.program(kind).exists():
                peer = kind.program.split("/")[0].removeprefix("peer_")
                remedy = f"build it with bench/peers/build.sh {peer}" if kind.peer else "build it with ./dev build"
                lines.append(f"{name}: {self.program(kind)} is missing: {remedy}")
        if "ferretdb" in names and not (self.peers / "peer_ferretdb").exists():
            lines.append("ferretdb: its database is missing: build it with bench/peers/build.sh ferretdb")
        if {"node", "replaced", "ferretdb"} & set(names) and shutil.which("node") is None:
            lines.append("node: there is no 'node' to run: install Node.js 20 or newer")
        if not (self.binaries / "bench_load").exists():
            lines.append(f"{self.binaries / 'bench_load'} is missing: build it with ./dev build")
        return lines

    def command(self, kind, port, data, amqp, database):
        program = str(self.program(kind))
        if kind.name == "tidings":
            command = [program, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
            return command + ["--amqp", amqp] if amqp else command
        if kind.program.startswith("replaced"):
            command = ["node", str(self.peers / "replaced" / "server.js"), "--port", str(port), "--amqp", amqp]
            return command + ["--database", database] if database else command
        if kind.name == "node":
            return ["node", str(self.peers / "node" / "server.js"), "--port", str(port)]
        if kind.name == "centrifugo":
            return [program, "--config", str(self.peers / "centrifugo" / "config.json"), "--port", str(port)]
        command = [program, "--port", str(port)]
        return command + ["--durable", str(data / "messages.db")] if kind.name == "durable" else command

    def environment(self):
        return os.environ | {
            "TIDINGS_RATE_LIMITS": "off",
            "TIDINGS_JWT_SECRET": self.secret,
            "CENTRIFUGO_TOKEN_HMAC_SECRET_KEY": self.secret,
            "NODE_ENV": "production",
        }


def free_port():
    """A port below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """A running server. Use it in a `with`; it is stopped at the end."""

    def __init__(self, installation, name, data, amqp=None, database=None):
        self.kind = KINDS[name]
        self.port = free_port()
        data.mkdir(parents=True, exist_ok=True)
        self._log = data.parent / f"{data.name}.log"
        begin = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                installation.command(self.kind, self.port, data, amqp, database),
                env=installation.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._await_ready(begin + 60)
        except BaseException:
            self.stop()
            raise
        self.ready_ms = (time.monotonic() - begin) * 1000

    @property
    def pid(self):
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def metric(self, name):
        """The value of one of /metrics; nothing where it is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), None)

    def check_alive(self):
        if self._process.poll() is not None:
            raise ServerError(f"{self.kind.name} ended with {self._process.returncode}:\n{self._log_tail()}")

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _await_ready(self, deadline):
        while time.monotonic() < deadline:
            self.check_alive()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", self.kind.ready_path)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.005)
        raise ServerError(f"{self.kind.name} was not ready within a minute:\n{self._log_tail()}")

    def _log_tail(self):
        return self._log.read_text(errors="replace")[-2000:]
