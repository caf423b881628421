#!/usr/bin/env python3
"""The messaging library beside other clients of the same brokers: client CPU a message, rates, and the latency of one.

A message of 300 bytes is published, handled and acknowledged; RabbitMQ: persistent, confirmed, one durable classic queue;
windows are equal, clients take turns, each has a broker to itself while it runs. See bench/README.md.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from harness import brokers, servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST_RUN = 120  # seconds
OWN = "tidings"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    command: object  # (options, folder, broker) -> {client: command}
    broker: type | None = None
    # client: tidings' share of its CPU at most
    goals: dict = dataclasses.field(default_factory=dict)
    latency: bool = False


def _program(options, name):
    return str(options.bin / name)


def _peer(options, name):
    return ["node", str(options.build / "messaging" / f"{name}.mjs")]


def _rabbit(window, messages):
    def commands(options, _, broker):
        tail = [f"bench.{window}", str(window), str(options.share(messages))]
        return {
            OWN: [_program(options, "bench_rabbit_tidings"), broker.url, *tail],
            "librabbitmq": [_program(options, "bench_rabbit_bare"), "127.0.0.1", str(broker.port), *tail],
            "amqplib": [*_peer(options, "amqplib"), broker.url, *tail],
        }

    return commands


def _redis(kind, window, messages):
    def commands(options, _, broker):
        whole = max(1, options.share(messages) // window) * window
        tail = [str(broker.port), kind, str(whole), str(window)]
        return {
            OWN: [_program(options, "bench_redis_tidings"), *tail],
            "hiredis": [_program(options, "bench_redis_hiredis"), *tail],
            "ioredis": [*_peer(options, "ioredis"), *tail],
        }

    return commands


def _own(program, *arguments, messages=None, folder=False):
    def commands(options, scratch, _):
        tail = [str(options.share(messages)), *arguments] if messages else list(arguments)
        return {OWN: [_program(options, program), *([scratch] if folder else []), *tail]}

    return commands


NATIVE = {"librabbitmq": 1.25, "amqplib": 1 / 3}
REDIS = {"hiredis": 1.25, "ioredis": 1 / 3}
ROWS = (
    Row("rabbitmq128", "RabbitMQ, 128 under way", _rabbit(128, 30_000), brokers.Rabbit, NATIVE),
    Row("rabbitmq1024", "RabbitMQ, 1,024 under way", _rabbit(1_024, 30_000), brokers.Rabbit, NATIVE),
    Row("rabbitmq1", "RabbitMQ, one under way", _rabbit(1, 1_500), brokers.Rabbit, latency=True),
    Row("lists", "Redis lists, 256 under way", _redis("lists", 256, 100_000), brokers.Redis, REDIS),
    Row("streams", "Redis streams, 256 under way", _redis("streams", 256, 100_000), brokers.Redis, REDIS),
    Row("lists1", "Redis lists, one under way", _redis("lists", 1, 5_000), brokers.Redis, latency=True),
    Row("streams1", "Redis streams, one under way", _redis("streams", 1, 5_000), brokers.Redis, latency=True),
    Row("sqlite", "SQLite", _own("bench_messaging_sqlite", messages=100_000, folder=True)),
    Row("memory", "memory", _own("bench_memory_transport", messages=500_000)),
    Row("router", "router", _own("bench_router", messages=100_000)),
)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(row.name for row in ROWS))
    parser.add_argument("--quick", action="store_true", help="one short run of each: shows that all works, not figures")
    parser.add_argument("--runs", type=int, help="runs of each program (3; 1 with --quick)")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of the binaries")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench", help="folder of peers and results")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 3)
    options.share = lambda messages: max(200, messages // 20) if options.quick else messages
    for name in options.rows:
        if name not in {row.name for row in ROWS}:
            parser.error(f"no row {name!r}; there are {', '.join(row.name for row in ROWS)}")
    options.chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    return options


def _run(command):
    if not pathlib.Path(command[0]).exists() and "/" in command[0]:
        raise servers.ServerError(f"{command[0]} is missing: ./dev bench builds it")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_RUN, check=False)
    except subprocess.TimeoutExpired:
        raise servers.ServerError(f"{command[0]} took more than {LONGEST_RUN} s") from None
    if done.returncode != 0:
        raise servers.ServerError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(options, row):
    """{client: [its lines of each run]}"""
    lines = {}

    def of(client, run):
        with tempfile.TemporaryDirectory(prefix="messaging-", dir=options.build) as folder:
            if row.broker is brokers.Redis:  # it starts in no time, and keeps nothing of the one before
                with brokers.Redis() as broker:
                    found = _run(row.command(options, folder, broker)[client])
            else:
                found = _run(row.command(options, folder, shared)[client])
        lines.setdefault(client, []).append(found)
        print(f"[{run + 1}/{options.runs}] {row.name:13} {client:12} {json.dumps(found[0])}", flush=True)

    class Nowhere:
        port, url = 0, ""

    names = list(row.command(options, "", Nowhere))
    rabbit = brokers.Rabbit() if row.broker is brokers.Rabbit else None
    shared = rabbit.__enter__() if rabbit else None
    try:
        for run in range(options.runs):
            for client in names if run % 2 == 0 else reversed(names):
                of(client, run)
    finally:
        if rabbit:
            rabbit.__exit__()
    return lines


def medians(runs):
    """The medians of the figures of each `what`, in the order in which a program printed them."""
    found = {}
    for run in runs:
        for line in run:
            for key, value in line.items():
                if isinstance(value, (int, float)) and value is not None:
                    found.setdefault(line["what"], {}).setdefault(key, []).append(value)
    return {what: {key: statistics.median(values) for key, values in figures.items()} for what, figures in found.items()}


def _micros(value):
    return "" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def render(row, figures):
    """Markdown, and what was missed."""
    text, missed = [], []
    for client, of_client in figures.items():
        for what, line in of_client.items():
            name = client if len(of_client) == 1 else what
            cells = [row.title, name, f"{line['cpu_us']:.2f}" if "cpu_us" in line else ""]
            if "cpu_ns" in line:
                cells[2] = f"{line['cpu_ns'] / 1000:.2f} ({line['above_bare_ns'] / 1000:+.2f})"
            cells.append(f"{line['per_second']:,.0f}" if "per_second" in line else "")
            cells += [_micros(line.get(key)) for key in ("p50_us", "p99_us")]
            share = ""
            if client != OWN and what in (client,):
                ratio = figures[OWN][OWN]["cpu_us"] / line["cpu_us"]
                share = f"{ratio:.2f}"
                if client in row.goals:
                    share += f" (goal {row.goals[client]:.2f})"
                    if ratio > row.goals[client]:
                        missed.append(f"{row.name}: {ratio:.2f} of {client}'s CPU, goal {row.goals[client]:.2f}")
            elif "value" in line:
                share = f"{line['value']:.2f}"
            cells.append(share)
            text.append("| " + " | ".join(cells) + " |")
    return text, missed


def main():
    options = parse_arguments()
    options.build.mkdir(parents=True, exist_ok=True)
    table, missed, failures, results = [], [], [], {}
    for row in options.chosen:
        try:
            figures = {client: medians(runs) for client, runs in measure(options, row).items()}
        except servers.ServerError as error:
            failures.append(f"{row.name}: {error}")
            print(f"bench: FAILED {row.name}: {error}", file=sys.stderr)
            continue
        results[row.name] = figures
        lines, misses = render(row, figures)
        table += lines
        missed += misses
    print("\n| | client | CPU us | messages/s | p50 us | p99 us | tidings' CPU / its |\n|---|---|---|---|---|---|---|")
    print("\n".join(table))
    print(f"\nMedians of {options.runs} run(s).")
    if options.quick:
        print("A quick run: it shows that everything works, its figures are not to be quoted.")
    for miss in missed:
        print(f"goal  missed  {miss}")
    path = options.build / "messaging.json"
    path.write_text(json.dumps({"quick": options.quick, "medians": results, "failures": failures}, indent=1) + "\n")
    print(f"All figures are in {path}.")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
