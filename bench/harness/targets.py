"""What tidings is held to: by ratio to a server of the same run where possible, else by an absolute figure."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    grade: str  # "must" or "goal"
    row: str
    key: str
    bound: float  # a figure, or a factor on that of `of`
    of: tuple | None = None  # (row, server)
    at_least: bool = False

    def judge(self, medians):
        """(text, met), or None where the figures are not there."""
        value = medians.get((self.row, "tidings"), {}).get(self.key)
        bound, what = self.bound, ""
        if self.of is not None:
            base = medians.get(self.of, {}).get(self.key)
            if base is None:
                return None
            bound = self.bound * base
            factor = "" if self.bound == 1 else f"{self.bound:g} x "
            what = f" ({factor}{' '.join(reversed(self.of)) if self.of[0] != self.row else self.of[1]})"
        if value is None:
            return None
        met = value >= bound if self.at_least else value <= bound
        sign = ">=" if self.at_least else "<="
        return f"{self.row} {self.key}: {value:.4g} {sign} {bound:.4g}{what}", met


def _of(grade, row, key, server, factor=1.0, at_least=False, base_row=None):
    return Target(grade, row, key, factor, (base_row or row, server), at_least)


TARGETS = (
    _of("must", "fanout1", "cpu_us_per_delivery", "socketioxide"),
    _of("must", "fanout8", "cpu_us_per_delivery", "socketioxide"),
    _of("must", "rooms", "cpu_us_per_send", "centrifugo"),
    _of("must", "rooms", "sends_per_second", "node", 1.5, at_least=True),
    _of("must", "create_message", "sends_per_second", "replaced", 8, at_least=True),
    Target("must", "idle", "rss_kib_per_connection", 5),
    _of("must", "connect", "cpu_us_per_connect", "socketioxide"),
    _of("must", "paced", "cpu_us_per_delivery", "socketioxide"),
    _of("must", "paced", "delivery_p99_ms", "durable", 1.5),
    _of("must", "reads", "cpu_us_per_delivery", "tidings", 1.5, base_row="fanout1"),
    _of("goal", "fanout1", "cpu_us_per_delivery", "limit"),
    _of("goal", "fanout8", "cpu_us_per_delivery", "durable"),
    _of("goal", "fanout8", "deliveries_per_second", "durable", at_least=True),
    _of("goal", "create_message", "sends_per_second", "replaced", 15, at_least=True),
    *(
        _of("must", f"{row}_amqp", key, "tidings", 1.05 if lower else 0.95, at_least=not lower, base_row=row)
        for row, key, lower in (
            ("fanout1", "cpu_us_per_delivery", True),
            ("fanout1", "deliveries_per_second", False),
            ("rooms", "cpu_us_per_send", True),
            ("rooms", "sends_per_second", False),
            ("sends", "cpu_us_per_send", True),
            ("sends", "sends_per_second", False),
        )
    ),
    _of("goal", "rooms", "cpu_us_per_send", "durable"),
    _of("goal", "rooms", "sends_per_second", "durable", at_least=True),
    _of("goal", "rooms", "ack_p99_ms", "durable"),
    Target("goal", "idle", "rss_kib_per_connection", 2),
    Target("goal", "connect", "cpu_us_per_connect", 100),
    _of("goal", "paced", "delivery_p99_ms", "node"),
    _of("goal", "reads", "cpu_us_per_delivery", "tidings", 1.2, base_row="fanout1"),
    Target("goal", "sends", "sends_per_second", 20000, at_least=True),
    Target("goal", "catchup", "events_per_second", 300000, at_least=True),
    Target("goal", "history", "page_p99_ms", 2),
    Target("goal", "history10m", "page_p99_ms", 2),
    _of("goal", "history10m", "cpu_us_per_page", "tidings", 1.25, base_row="history10k"),
    Target("goal", "history10m", "ready_ms", 1000),
)


def judge(medians):
    """(grade, text, met) for each target whose figures are there."""
    judged = ((target.grade, target.judge(medians)) for target in TARGETS)
    return [(grade, *verdict) for grade, verdict in judged if verdict is not None]
