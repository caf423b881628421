#!/usr/bin/env python3
"""Measures tidings beside other servers on this machine, and ends with one table. See bench/README.md."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import brokers, scenarios, servers, table, targets

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST_RUN = 300  # seconds
LONGEST_SEED = 3600


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(row.name for row in scenarios.ROWS))
    parser.add_argument("--quick", action="store_true", help="one short run of each: shows that all works, not figures")
    parser.add_argument("--runs", type=int, help="runs of each scenario at each server (3; 1 with --quick)")
    parser.add_argument("--servers", help="only these, by comma: " + ", ".join(scenarios.ALL))
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of the binaries")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench", help="folder of peers and results")
    parser.add_argument("--seeds", type=pathlib.Path, help="keep the stores that were filled here, for later calls")
    parser.add_argument("--fill-only", action="store_true", help="fill the stores of --seeds and measure nothing")
    parser.add_argument("--add", action="store_true", help="add to the runs that results.json holds, and show all of them")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 3)
    try:
        options.rows = scenarios.select(options.scenarios)
    except KeyError as unknown:
        parser.error(f"no scenario {unknown}; there are {', '.join(row.name for row in scenarios.ROWS)}")
    if options.fill_only:
        if options.seeds is None:
            parser.error("--fill-only needs --seeds")
        options.servers, options.runs = "tidings", 1
        options.rows = [row for row in options.rows if row.seeded]
    wanted = options.servers.split(",") if options.servers else list(scenarios.ALL)
    for name in wanted:
        if name not in scenarios.ALL:
            parser.error(f"no server {name!r}; there are {', '.join(scenarios.ALL)}")
    used = {name for row in options.rows for name in row.servers}
    options.names = [name for name in scenarios.ALL if name in wanted and name in used]
    return options


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < 10500:
        sys.exit(f"bench: 10,000 connections need 10,500 open files, the hard limit is {hard}: raise it (ulimit -Hn)")


class Bench:
    """Runs the scenarios and keeps what they said."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.seeds = folder if options.seeds is None else options.seeds
        self.installation = servers.Installation(options.bin, options.build, secrets.token_hex(32))
        self.results = []
        self.failures = []
        self.count = 0

    def run_all(self):
        options = self.options
        steps = [(row, name) for row in options.rows for name in options.names if name in row.servers]
        total = len(steps) * options.runs
        for run in range(options.runs):
            for row, name in steps if run % 2 == 0 else self._other_order(steps):
                self.count += 1
                print(f"[{self.count}/{total}] {row.name:8} {name:13}", end="", flush=True)
                try:
                    line = self._run(row, name)
                except servers.ServerError as error:
                    self.failures.append(f"{row.name} at {name}: {error}")
                    print(f"FAILED: {error}", flush=True)
                    continue
                self.results.append({"row": row.name, "server": name, "run": run, "line": line})
                shown = (f"{line[figure.key]:,.6g} {figure.label}" for figure in row.figures[:2] if figure.key in line)
                print(", ".join(shown), flush=True)

    @staticmethod
    def _other_order(steps):
        """The same rows, each with its servers from the last to the first."""
        rows = list(dict.fromkeys(row for row, _ in steps))
        return [step for row in rows for step in reversed([step for step in steps if step[0] == row])]

    def _run(self, row, name):
        data = (self.seeds if row.seeded else self.folder) / f"{name}-{row.name}{'-quick' if self.options.quick else ''}"
        keeps = row.seeded and name == "tidings"
        if keeps and not data.exists():
            self._seed(row, name, data)
        if self.options.fill_only:
            return {}
        if keeps:
            self._warm(data)
        try:
            with contextlib.ExitStack() as stack:
                amqp = stack.enter_context(brokers.Rabbit()).url if row.amqp else None
                ferretdb = brokers.FerretDB(str(self.installation.peers / "peer_ferretdb"))
                database = stack.enter_context(ferretdb).url if name == "ferretdb" else None
                server = stack.enter_context(servers.Server(self.installation, name, data, amqp, database))
                line = self._load(row, server, row.command(self.options), LONGEST_RUN)
                line["ready_ms"] = server.ready_ms
                if row.amqp and name == "tidings":
                    line["backlog"] = server.metric("tidings_queue_backlog_events")
                return line
        finally:
            if not keeps:
                shutil.rmtree(data, ignore_errors=True)

    @staticmethod
    def _warm(data):
        """Reads the files, so that the server is measured and not the disk that the last rows have pushed them to."""
        for file in data.iterdir():
            if not file.is_file():
                continue
            with file.open("rb", buffering=0) as source:
                while source.read(1 << 20):
                    pass

    def _seed(self, row, name, data):
        print("(filling) ", end="", flush=True)
        try:
            if row.fill:
                return self._import(row, data)
            with servers.Server(self.installation, name, data) as server:
                self._load(row, server, row.command(self.options), LONGEST_SEED)
        except BaseException:
            shutil.rmtree(data, ignore_errors=True)
            raise

    def _import(self, row, data):
        data.parent.mkdir(parents=True, exist_ok=True)
        export = data.with_suffix(".jsonl")
        programs = self.options.bin
        try:
            for command in (
                [programs / "bench_fill", "bench-history", row.filling(self.options), export],
                [programs / "tidings", "import", export, "--data", data],
            ):
                done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    raise servers.ServerError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-500:]}")
        finally:
            export.unlink(missing_ok=True)

    def _load(self, row, server, arguments, timeout):
        command = [str(self.options.bin / "bench_load"), *arguments, "--protocol", server.kind.protocol]
        command += ["--port", str(server.port), "--pid", str(server.pid)]
        try:
            done = subprocess.run(
                command,
                env=self.installation.environment(),
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise servers.ServerError(f"{row.scenario} took more than {timeout} s") from None
        server.check_alive()
        if done.returncode != 0:
            raise servers.ServerError(done.stderr.strip()[-1000:] or f"bench_load ended with {done.returncode}")
        return json.loads(done.stdout)


def machine():
    cpu = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()}


def conclude(bench, options, about):
    """Prints the table and what follows from it, and writes the results. The exit code."""
    path = options.build / "results.json"
    runs, failures, quick = bench.results, bench.failures, options.quick
    if options.add and path.exists():
        earlier = json.loads(path.read_text())
        runs, failures = earlier["runs"] + runs, earlier["failures"] + failures
        quick = quick or earlier["quick"]
    rows = [row for row in scenarios.ROWS if any(run["row"] == row.name for run in runs)]
    names = [name for name in scenarios.ALL if any(run["server"] == name for run in runs)]
    counts = sorted({sum(run["row"] == row.name and run["server"] == "tidings" for run in runs) for row in rows})
    middle = table.medians(runs)
    found = table.findings(runs)
    judged = targets.judge(middle)
    print()
    print(table.render(rows, names, middle))
    print(f"\nMedians of {' or '.join(map(str, counts))} run(s) at tidings; /server is tidings' figure divided by that "
          "server's; ^ more is better.")
    if quick:
        print("A quick run: it shows that everything works, its figures are not to be quoted.")
    for (row, name), wrong in found.items():
        print(f"NOT CLEAN {row} at {name}: " + ", ".join(f"{count} {finding}" for finding, count in wrong.items()))
    for grade, text, met in judged:
        print(f"{grade:4}  {'met   ' if met else 'missed'}  {text}")
    binary = options.bin / "tidings"
    if "tidings" in names and binary.exists():
        size = binary.stat().st_size / 1e6
        print(f"goal  {'met   ' if size < 15 else 'missed'}  binary {size:.1f} MB < 15 MB")
    results = {
        "machine": about,
        "quick": quick,
        "runs": runs,
        "medians": [{"row": row, "server": name, **figures} for (row, name), figures in middle.items()],
        "ratios": [
            {"row": row.name, "figure": figure.key, **table.ratios(middle, row, figure, names)}
            for row in rows
            for figure in row.figures
        ],
        "targets": [{"grade": grade, "target": text, "met": met} for grade, text, met in judged],
        "failures": failures,
    }
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"All runs are in {path}.")
    for failure in failures:
        print(f"bench: FAILED {failure}", file=sys.stderr)
    return 1 if failures or any(name == "tidings" for _, name in found) else 0


def main():
    options = parse_arguments()
    raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.build.mkdir(parents=True, exist_ok=True)
    about = machine()
    print(f"bench: {about['cores']} x {about['cpu']}, kernel {about['kernel']}, load {about['load'][0]:.1f}")
    begin = time.monotonic()
    # Beside the results, since the usual place for temporary files may be in memory.
    with tempfile.TemporaryDirectory(prefix="data-", dir=options.build) as folder:
        bench = Bench(options, pathlib.Path(folder))
        if missing := bench.installation.missing(options.names):
            sys.exit("bench: " + "\nbench: ".join(missing))
        bench.run_all()
    print(f"bench: {time.monotonic() - begin:.0f} s")
    if options.fill_only:
        return 1 if bench.failures else 0
    return conclude(bench, options, about)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
