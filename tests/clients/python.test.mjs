// PyPI's python-socketio.
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { programTest } from "./lib/program.mjs";

const kPython = process.env.TIDINGS_TEST_PYTHON ?? "python3";
const kClient = fileURLToPath(new URL("python/client.py", import.meta.url));

for (const transport of ["websocket", "polling", "upgraded"]) {
  const differs = { "order of 1000 messages": "answers polls with more than 16 packets" };
  describe("python-socketio", () => programTest([kPython, kClient], transport, transport === "polling" ? differs : {}));
}
