// Maven's io.socket:socket.io-client; run.sh --full builds it.
import { describe } from "node:test";
import { kRelaxed } from "../support/echo_server.mjs";
import { programTest } from "./lib/program.mjs";

const kCommand = ["java", "-Dfile.encoding=UTF-8", "-cp", process.env.TIDINGS_TEST_CLASSPATH, "tidings.EchoClient"];
// After a close frame this client notices by the missing heartbeat only, so it must not be long in coming.
const kFlags = { ...kRelaxed, pingInterval: 2_000, pingTimeout: 10_000 };

for (const transport of ["websocket", "polling", "upgraded"]) {
  describe("Java client", () => programTest(kCommand, transport, { flags: kFlags }));
}
