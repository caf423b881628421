// Maven's io.socket:socket.io-client; run.sh --full builds it.
import { describe } from "node:test";
import { programTest } from "./lib/program.mjs";

const kCommand = ["java", "-Dfile.encoding=UTF-8", "-cp", process.env.TIDINGS_TEST_CLASSPATH, "tidings.EchoClient"];

for (const transport of ["websocket", "polling", "upgraded"]) {
  describe("Java client", () => programTest(kCommand, transport));
}
