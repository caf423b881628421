"""python-socketio's synchronous client against the echo server: client.py URL TRANSPORT."""

import queue
import sys
import traceback
from contextlib import contextmanager

import engineio
import socketio

URL, TRANSPORT = sys.argv[1:]
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgraded": None}[TRANSPORT]
DEADLINE = 60


class OrderedEngine(engineio.Client):
    """Handles messages as they come; the original gives each a thread, and one can overtake another."""

    def _trigger_event(self, event, *args, **options):
        if event == "message":
            options["run_async"] = False
        return super()._trigger_event(event, *args, **options)


class OrderedClient(socketio.Client):
    def _engineio_client_class(self):
        return OrderedEngine


class Peer:
    """A client whose events wait in queues."""

    def __init__(self, namespace="/", **options):
        self.namespace = namespace
        self.client = OrderedClient(reconnection_delay=0.1, reconnection_delay_max=0.3, **options)
        self.events = {}
        for event in ("auth", "message-back", "connect", "disconnect", "connect_error"):
            self.events[event] = queue.Queue()
            self.client.on(event, self._keep(event), namespace=namespace)

    def _keep(self, event):
        return lambda *args: self.events[event].put(args)

    def connect(self, auth=None):
        self.client.connect(
            URL, transports=TRANSPORTS, auth=auth, namespaces=[self.namespace], wait_timeout=DEADLINE
        )
        wanted = "polling" if TRANSPORT == "polling" else "websocket"
        assert self.client.transport() == wanted, self.client.transport()

    def next(self, event):
        return self.events[event].get(timeout=DEADLINE)

    def echo(self, *args):
        self.client.emit("message", args, namespace=self.namespace)
        got = self.next("message-back")
        assert got == args, f"{got!r:.200} instead of {args!r:.200}"

    def call(self, *args, event="message-with-ack", timeout=DEADLINE):
        return self.client.call(event, args, namespace=self.namespace, timeout=timeout)


@contextmanager
def connected(namespace="/", auth=None):
    peer = Peer(namespace)
    peer.connect(auth)
    try:
        yield peer
    finally:
        peer.client.disconnect()


def auth_payload():
    for auth in (None, {"token": "abc"}, {"deep": {"list": [1, "é👍", None]}}):
        with connected(auth=auth) as peer:
            assert peer.next("auth") == (auth or {},)


def json_of_every_kind():
    with connected() as peer:
        peer.echo()
        peer.echo(None, True, False, 0, -1, 1.5, "", "é€👍", 'a"b\\c\n\u2028')
        peer.echo([], {}, [[{}]], {"a": {"b": [1, {"c": None}]}})


def binary_anywhere():
    with connected() as peer:
        data = bytes(range(256))
        peer.echo(data)
        peer.echo(b"")
        peer.echo("text", b"\x01\x02", {"deep": [{"er": data}, [b"x"]]}, None)
        peer.echo("text again")


def order_of_1000_messages():
    with connected() as peer:
        for number in range(1000):
            peer.client.emit("message", (number, b"x" if number % 7 == 0 else "x"))
        for number in range(1000):
            got = peer.next("message-back")
            assert got == (number, b"x" if number % 7 == 0 else "x"), f"{got} instead of {number}"


def acknowledgements():
    with connected() as peer:
        assert peer.call(1, "two", {"three": [3]}) == (1, "two", {"three": [3]})
        assert peer.call("alone") == "alone"
        assert peer.call({"bytes": b"\x01"}, b"\x02") == ({"bytes": b"\x01"}, b"\x02")


def acknowledgement_that_never_comes():
    with connected() as peer:
        try:
            peer.call(1, event="nobody-handles-this", timeout=0.2)
        except socketio.exceptions.TimeoutError:
            peer.echo("still here")
        else:
            raise AssertionError("no timeout")


def custom_namespace():
    with connected("/custom", {"token": "custom"}) as peer:
        assert peer.next("auth") == ({"token": "custom"},)
        peer.echo("in /custom", b"\x01")
        assert peer.call(1) == 1


def invalid_namespace():
    peer = Peer("/random")
    try:
        peer.connect()
    except socketio.exceptions.ConnectionError:
        assert peer.next("connect_error") == ({"message": "Invalid namespace"},)
    else:
        raise AssertionError("connected")
    finally:
        peer.client.disconnect()


def payload_near_the_limit():
    with connected() as peer:
        peer.echo("x" * 999_900)
        peer.echo(bytes(740_000))


def restart_of_the_server():
    with connected(auth={"token": "again"}) as peer:
        assert peer.next("auth") == ({"token": "again"},)
        peer.next("connect")
        print("restart", flush=True)
        peer.next("disconnect")
        peer.next("connect")
        assert peer.next("auth") == ({"token": "again"},)
        peer.echo("back")


def main():
    for check in (
        auth_payload,
        json_of_every_kind,
        binary_anywhere,
        order_of_1000_messages,
        acknowledgements,
        acknowledgement_that_never_comes,
        custom_namespace,
        invalid_namespace,
        payload_near_the_limit,
        restart_of_the_server,
    ):
        name = check.__name__.replace("_", " ")
        try:
            check()
        except BaseException as error:  # a check that fails does not keep the others from running
            traceback.print_exc()
            print(f"FAIL {name}: {error!r}"[:500].replace("\n", " "), flush=True)
        else:
            print(f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
