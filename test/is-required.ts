/**
 * Whether a missing tool fails the suite instead of skipping its tests: with SMALLINIT_REQUIRE_ALL=1, but
 * for the tools that SMALLINIT_WITHOUT names, separated by blanks, which the machine cannot get.
 */
export function isRequired(
  tool: "chromium" | "namespaces" | "pytorch" | "tensorboard" | "tensorflow" | "webgpu",
): boolean {
  const without = (process.env.SMALLINIT_WITHOUT ?? "").split(" ");
  return process.env.SMALLINIT_REQUIRE_ALL === "1" && !without.includes(tool);
}
