import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRequired } from "../is-required.ts";

/** A Vulkan driver that computes on the CPU, where Debian's package `chromium` puts it. */
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";
/** Places of the Vulkan loader, without which no driver is found. */
const LOADERS = ["/usr/lib/x86_64-linux-gnu/libvulkan.so.1", "/usr/lib64/libvulkan.so.1"];

/** How a skipped test says what it misses. */
export const WEBGPU_HINT =
  "(set SMALLINIT_WEBGPU=1 where there is a GPU, or install Debian's chromium and libvulkan1)";

/**
 * Whether tests can use WebGPU here: on the machine's own adapter with SMALLINIT_WEBGPU=1, else on
 * SwiftShader if it is found; this process's environment then leads to it. Where it is required
 * true in any case, so that a missing one fails.
 *
 * Call it before the first engine: drivers are looked for once.
 */
export function hasWebGpu(): boolean {
  if (process.env.SMALLINIT_WEBGPU === "1") return true;
  const isSwiftShaderThere = existsSync(SWIFTSHADER) && LOADERS.some((path) => existsSync(path));
  if (isSwiftShaderThere) {
    process.env.VK_DRIVER_FILES = SWIFTSHADER;
    // The loader looks for the user's settings there, and complains without.
    process.env.XDG_RUNTIME_DIR ??= mkdtempSync(join(tmpdir(), "smallinit-runtime-"));
  }
  return isSwiftShaderThere || isRequired("webgpu");
}
