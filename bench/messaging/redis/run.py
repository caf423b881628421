#!/usr/bin/env python3
"""The Redis transport beside ioredis and bare hiredis: client CPU in microseconds a message.

    bench/messaging/redis/run.py [--messages N] [--window N] [--runs N] [--build DIR]

A message of 300 bytes is published, handled and acknowledged; windows are equal. One redis-server without files is started
for each run. Needs ./dev build release; ioredis is fetched by npm into build/bench/ioredis.
"""
import argparse
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def free_port():
    for port in range(21000, 32000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise SystemExit("no free port")


class Redis:
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", self.folder.name], stdout=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self.port
            time.sleep(0.01)
        raise SystemExit("redis-server did not come up")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def ioredis():
    folder = ROOT / "build/bench/ioredis"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", folder)
    if not (folder / "node_modules/ioredis").is_dir():
        subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--loglevel=error"], cwd=folder, check=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    options = parser.parse_args()
    messages = options.messages // options.window * options.window
    node = ioredis()
    clients = {
        "tidings": ([f"{options.build}/bin/bench_redis_tidings"], ROOT),
        "hiredis": ([f"{options.build}/bin/bench_redis_hiredis"], ROOT),
        "ioredis": (["node", str(HERE / "ioredis.mjs")], node),
    }
    for kind in ("lists", "streams"):
        figures = {name: [] for name in clients}
        for _ in range(options.runs):
            for name, (command, folder) in clients.items():
                with Redis() as port:
                    done = subprocess.run([*command, str(port), kind, str(messages), str(options.window)], cwd=folder,
                                          check=True, capture_output=True, text=True, timeout=120)
                figures[name].append(json.loads(done.stdout))
        medians = {name: statistics.median(run["cpu_us"] for run in runs) for name, runs in figures.items()}
        for name, runs in figures.items():
            rate = statistics.median(run["rate"] for run in runs)
            print(f"{kind:8} {name:8} {medians[name]:7.2f} us a message {rate:8.0f}/s  "
                  f"tidings is {medians['tidings'] / medians[name]:.2f} of it")


if __name__ == "__main__":
    main()
