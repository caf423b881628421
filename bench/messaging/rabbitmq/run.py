#!/usr/bin/env python3
"""The RabbitMQ transport beside npm amqplib and librabbitmq: client CPU a message, publish -> handled -> acknowledged.

    run.py [--bin build/release/bin] [--runs 3] [--messages 30000] [--modules FOLDER]

300-byte bodies, persistent, confirmed, one durable classic queue, windows of 1, 128 and 1,024, clients in turn. Starts a
RabbitMQ of its own in a temporary folder. --modules: where `npm ci` was run; without it amqplib is left out.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
GOALS = {"amqplib": 1 / 3, "librabbitmq": 1.25}


def free_ports(count):
    """Below 32768, where the kernel gives none to outgoing connections."""
    found = []
    port = 20000 + os.getpid() % 5000
    while len(found) < count:
        port += 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                found.append(port)
            except OSError:
                pass
    return found


class Broker:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tidings-rabbit-")
        self.port, dist, mapper = free_ports(3)
        path = pathlib.Path(self.folder)
        (path / ".erlang.cookie").write_text("tidingsbench")
        (path / ".erlang.cookie").chmod(0o400)
        (path / "enabled_plugins").write_text("[].\n")
        (path / "env.conf").write_text("\n")
        (path / "rabbitmq.conf").write_text("disk_free_limit.absolute = 10MB\nlog.file.level = warning\n")
        environment = dict(
            os.environ, HOME=self.folder, RABBITMQ_NODENAME=f"bench{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_DIST_PORT=str(dist),
            ERL_EPMD_PORT=str(mapper), ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_MNESIA_BASE=f"{self.folder}/data",
            RABBITMQ_LOG_BASE=f"{self.folder}/log", RABBITMQ_CONF_ENV_FILE=f"{self.folder}/env.conf",
            RABBITMQ_CONFIG_FILE=f"{self.folder}/rabbitmq", RABBITMQ_ENABLED_PLUGINS_FILE=f"{self.folder}/enabled_plugins",
            detached="yes")
        self.log = open(path / "node.log", "wb")
        self.mapper = subprocess.Popen(["epmd", "-port", str(mapper), "-address", "127.0.0.1"])
        self.node = subprocess.Popen(["/usr/lib/rabbitmq/bin/rabbitmq-server"], env=environment, stdout=self.log,
                                     stderr=self.log, start_new_session=True)

    def wait(self):
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 2) as probe:
                    probe.sendall(b"AMQP\0\0\x09\x01")
                    if probe.recv(1) == b"\x01":
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit("RabbitMQ did not come up; its log is " + self.folder + "/node.log")

    def stop(self):
        os.killpg(self.node.pid, signal.SIGKILL)
        self.node.wait()
        self.mapper.kill()
        self.mapper.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--messages", type=int, default=30000)
    parser.add_argument("--modules")
    options = parser.parse_args()
    binaries = pathlib.Path(options.bin).resolve()
    broker = Broker()
    try:
        broker.wait()
        url = f"amqp://guest:guest@127.0.0.1:{broker.port}"
        results = {}
        for run in range(options.runs):
            for window in (1, 128, 1024):
                messages = options.messages if window > 1 else max(options.messages // 20, 200)
                tail = [f"bench.{window}", str(window), str(messages)]
                commands = {"tidings": [str(binaries / "bench_rabbit_tidings"), url, *tail]}
                if (binaries / "bench_rabbit_bare").exists():
                    commands["librabbitmq"] = [str(binaries / "bench_rabbit_bare"), "127.0.0.1", str(broker.port), *tail]
                if options.modules:
                    script = pathlib.Path(options.modules) / "amqplib_client.mjs"
                    if not script.exists():
                        shutil.copy(HERE / "amqplib_client.mjs", script)
                    commands["amqplib"] = ["node", str(script), url, *tail]
                order = list(commands) if run % 2 == 0 else list(commands)[::-1]
                for client in order:
                    line = subprocess.run(commands[client], check=True, capture_output=True, text=True, timeout=120).stdout
                    results.setdefault((window, client), []).append(json.loads(line))
    finally:
        broker.stop()
    print(f"{'window':>6}  {'client':<12} {'CPU us':>8} {'messages/s':>11} {'p50 us':>7} {'p99 us':>7}  tidings/it")
    for (window, client), runs in sorted(results.items()):
        cpu = statistics.median(run["cpu_us"] for run in runs)
        own = statistics.median(run["cpu_us"] for run in results[(window, "tidings")])
        rate = statistics.median(run["per_second"] for run in runs)
        latency = [statistics.median(run[key] for run in runs) if key in runs[0] else "" for key in ("p50_us", "p99_us")]
        goal = f" (goal {GOALS[client]:.2f})" if client in GOALS and window > 1 else ""
        print(f"{window:>6}  {client:<12} {cpu:>8.2f} {rate:>11.0f} {latency[0]:>7} {latency[1]:>7}  {own / cpu:.2f}{goal}")


if __name__ == "__main__":
    main()
