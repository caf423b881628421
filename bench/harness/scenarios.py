"""The rows of the table: what bench_load does for each, at which servers, and which of its figures are shown."""

import dataclasses

CHAT = ("limit", "durable", "socketioxide", "centrifugo", "node", "tidings")
ALL = (*CHAT[:-1], "replaced", "ferretdb", "tidings")
WITHOUT_DISK = tuple(name for name in CHAT if name != "durable")


@dataclasses.dataclass(frozen=True)
class Figure:
    key: str  # in bench_load's line
    label: str
    lower_is_better: bool = True


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    scenario: str
    servers: tuple
    figures: tuple
    arguments: tuple = ()
    seconds: float | None = None
    quick_seconds: float | None = None
    quick_arguments: tuple = ()
    seeded: bool = False  # tidings is filled by a first run and started again on the same data before each measured one
    fill: int = 0  # instead of by a first run: an imported room with so many messages
    quick_fill: int = 0
    asked: bool = False  # only run where it is named
    amqp: bool = False  # the servers publish to a RabbitMQ of the run's own

    def filling(self, options):
        return self.quick_fill if options.quick else self.fill

    def command(self, options):
        """bench_load's arguments, without the server's."""
        arguments = [self.scenario, *self.arguments]
        if options.quick:
            arguments += self.quick_arguments
        if self.fill:
            arguments += ["--prefill", str(self.filling(options))]
        seconds = self.quick_seconds if options.quick else self.seconds
        if seconds is not None:
            arguments += ["--seconds", str(seconds), "--warmup", "0.3" if options.quick else "1"]
        return arguments


CPU_DELIVERY = Figure("cpu_us_per_delivery", "server CPU us a delivery")
CPU_SEND = Figure("cpu_us_per_send", "server CPU us an acknowledged send")
DELIVERIES = Figure("deliveries_per_second", "deliveries/s", lower_is_better=False)
SENDS = Figure("sends_per_second", "acknowledged sends/s", lower_is_better=False)
ACK_P50 = Figure("ack_p50_ms", "acknowledgement p50 ms")
ACK_P99 = Figure("ack_p99_ms", "acknowledgement p99 ms")
DELIVERY_P50 = Figure("delivery_p50_ms", "delivery p50 ms")
BACKLOG = Figure("backlog", "events not published yet at the end")
DELIVERY_P99 = Figure("delivery_p99_ms", "delivery p99 ms")


def _history(name, title, messages, asked=False):
    return Row(
        name,
        title,
        "history",
        ("tidings",),
        (
            Figure("page_p50_ms", "page p50 ms"),
            Figure("page_p99_ms", "page p99 ms"),
            Figure("cpu_us_per_page", "server CPU us a page"),
            Figure("ready_ms", "ms from start to ready"),
        ),
        seconds=5,
        quick_seconds=1,
        seeded=True,
        fill=messages,
        quick_fill=min(messages, 20_000),
        asked=asked,
    )


_CHAT_ROWS = (
    Row(
        "fanout1",
        "room of 1,000, one message in flight",
        "fanout",
        CHAT,
        (CPU_DELIVERY, DELIVERIES, ACK_P50, ACK_P99),
        ("--window", "1"),
        seconds=5,
        quick_seconds=1,
    ),
    Row(
        "fanout8",
        "room of 1,000, 8 in flight",
        "fanout",
        CHAT,
        (CPU_DELIVERY, DELIVERIES, ACK_P50, ACK_P99),
        ("--window", "8"),
        seconds=5,
        quick_seconds=1,
    ),
    Row(
        "rooms",
        "200 rooms of 5, 100 senders",
        "rooms",
        CHAT,
        (CPU_SEND, SENDS, ACK_P50, ACK_P99),
        seconds=5,
        quick_seconds=1,
    ),
    Row(
        "create_message",
        "createMessage by 32 HTTP connections, 200 rooms of 5, RabbitMQ on",
        "create",
        ("replaced", "ferretdb", "tidings"),
        (SENDS, CPU_SEND, ACK_P50, ACK_P99, BACKLOG),
        seconds=5,
        quick_seconds=1,
        amqp=True,
    ),
    Row(
        "sends",
        "64 rooms, 256 sends in flight",
        "sends",
        ("limit", "durable", "tidings"),
        (CPU_SEND, SENDS, ACK_P50, ACK_P99),
        seconds=5,
        quick_seconds=1,
    ),
    Row(
        "idle",
        "10,000 joined idle connections",
        "idle",
        WITHOUT_DISK,
        (Figure("rss_kib_per_connection", "KiB each"),),
        ("--connections", "10000"),
        quick_arguments=("--connections", "2000"),
    ),
    Row(
        "connect",
        "5,000 connect, show a token and join",
        "connect",
        WITHOUT_DISK,
        (
            Figure("cpu_us_per_connect", "server CPU us each"),
            Figure("connects_per_second", "connects/s", lower_is_better=False),
        ),
        ("--connections", "5000"),
        quick_arguments=("--connections", "2000"),
        seeded=True,
    ),
    Row(
        "paced",
        "room of 500, 20 messages/s",
        "paced",
        CHAT,
        (CPU_DELIVERY, DELIVERY_P50, DELIVERY_P99),
        seconds=10,
        quick_seconds=2,
    ),
    Row(
        "reads",
        "room of 1,000, 5 messages/s, everybody reads each",
        "reads",
        ("limit", "durable", "tidings"),
        (CPU_DELIVERY, DELIVERY_P99),
        seconds=10,
        quick_seconds=2,
    ),
    Row(
        "catchup",
        "100,000 missed events over one WebSocket",
        "catchup",
        ("tidings",),
        (
            Figure("events_per_second", "events/s", lower_is_better=False),
            Figure("cpu_us_per_event", "server CPU us an event"),
        ),
        ("--prefill", "100000"),
        quick_arguments=("--prefill", "20000"),
        seeded=True,
    ),
    _history("history10k", "pages of 50 out of a room of 10,000", 10_000),
    _history("history", "pages of 50 out of a room of a million", 1_000_000),
    _history("history10m", "pages of 50 out of a room of ten million", 10_000_000, asked=True),
)
ROWS = (
    *_CHAT_ROWS,
    *(
        dataclasses.replace(row, name=f"{row.name}_amqp", title=f"{row.title}, RabbitMQ on", servers=("tidings",),
                            figures=(*row.figures, BACKLOG), amqp=True, asked=True)
        for row in _CHAT_ROWS
        if row.name in ("fanout1", "rooms", "sends")
    ),
)


def select(names):
    """The rows with these names or scenarios; where none is named, all that need not be. KeyError names one that is
    neither."""
    rows = [row for row in ROWS if row.name in names or (not row.asked and (not names or row.scenario in names))]
    for name in names:
        if not any(name in (row.name, row.scenario) for row in rows):
            raise KeyError(name)
    return rows
