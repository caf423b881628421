// The crate rust_socketio; run.sh --full builds it.
import { describe } from "node:test";
import { programTest } from "./lib/program.mjs";

for (const transport of ["websocket", "polling", "upgraded"]) {
  describe("rust_socketio", () => programTest([process.env.TIDINGS_TEST_RUST], transport));
}
