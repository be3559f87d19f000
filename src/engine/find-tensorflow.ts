import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Environment } from "../base/environment.ts";

/** Where the package's build puts its addon; built for Node-API, it fits every version of Node. */
const ADDON = join("lib", "napi-v8", "tfjs_binding.node");

/**
 * The path of TensorFlow's addon: what `npm run setup:tensorflow` built into the user's cache, else
 * that of an installed `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`; undefined without any.
 */
export function findTensorflow(environment: Environment): string | undefined {
  const folders = [cachedPackage(environment), ...installedPackages()];
  return folders
    .flatMap((folder) => (folder === undefined ? [] : [join(folder, ADDON)]))
    .find((path) => existsSync(path));
}

/** Whether the addon at a path of `findTensorflow` was set up for NVIDIA GPUs. */
export function isCudaBuild(path: string): boolean {
  const folder = basename(path.slice(0, -ADDON.length));
  return folder.endsWith("-cuda") || folder === "tfjs-node-gpu";
}

/** Where `setup:tensorflow` keeps its builds: a folder of the user, that no `npm ci` empties. */
export function tensorflowCache(environment: Environment): string {
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache");
  return join(cache, "smallinit", "tensorflow");
}

/** The build that the file `current` names. */
function cachedPackage(environment: Environment): string | undefined {
  const cache = tensorflowCache(environment);
  const current = join(cache, "current");
  return existsSync(current) ? join(cache, readFileSync(current, "utf8").trim()) : undefined;
}

function installedPackages(): (string | undefined)[] {
  const { resolve } = createRequire(import.meta.url);
  return ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"].map((name) => {
    try {
      return dirname(resolve(`${name}/package.json`));
    } catch {
      return undefined;
    }
  });
}
