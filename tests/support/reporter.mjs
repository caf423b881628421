import { inspect } from "node:util";

// Prints one line for each test, failures with their cause, and the counts as the last line.
export default async function* report(source) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const { type, data } of source) {
    const indent = "  ".repeat(data?.nesting ?? 0);
    const isSuite = data?.details?.type === "suite";
    if (type === "test:start" && data.nesting === 0 && data.name.endsWith(".mjs")) continue;
    if (type === "test:pass" && !isSuite) {
      if (data.skip !== undefined) skipped++;
      else passed++;
      const note = data.skip !== undefined ? ` # not run: ${data.skip}` : "";
      yield `${indent}ok   ${data.name} (${Math.round(data.details.duration_ms)} ms)${note}\n`;
    } else if (type === "test:fail") {
      const { error, duration_ms } = data.details;
      const outer = error?.failureType === "subtestsFailed";
      if (!outer) failed++;
      yield `${indent}FAIL ${data.name} (${Math.round(duration_ms)} ms)\n`;
      if (!outer) yield `${describe(error)}\n`;
    } else if (type === "test:pass" && isSuite) {
      yield `${indent}     ${data.name}\n`;
    } else if (type === "test:stderr" || type === "test:stdout") {
      yield data.message;
    }
  }
  if (skipped > 0) yield `${skipped} not run\n`;
  yield `${passed} passed, ${failed} failed\n`;
}

function describe(error) {
  const cause = error?.cause instanceof Error ? error.cause : error;
  return (cause?.stack ?? inspect(cause)).replace(/^/gm, "       ");
}
