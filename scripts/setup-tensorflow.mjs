// Obtains libtensorflow and builds the addon of @tensorflow/tfjs-node-gpu against it, once per user:
//
//     npm run setup:tensorflow [-- --cuda] [-- --from package|wheel] [-- --force]
//
// From the package's own download (libtensorflow 2.9.1) when its host answers, else from the official
// TensorFlow wheel through pip, which also has today's CUDA. The result lies in the user's cache
// (XDG_CACHE_HOME, else ~/.cache, under smallinit/tensorflow), where the engine `tensorflow` finds it
// and no `npm ci` removes it. What is downloaded is checked: npm's tarball against the digest below,
// wheels by pip against its index. An interrupted run goes on from the wheels that are complete.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { tensorflowCache } from "../dist/engine/find-tensorflow.js";
import { wheelsOf } from "../dist/engine/wheels-of.js";

const PACKAGE = "@tensorflow/tfjs-node-gpu";
const PACKAGE_VERSION = "4.22.0";
/** Of the package's tarball in npm's registry. */
const PACKAGE_INTEGRITY =
  "sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==";
/** What the package's own install script downloads. */
const STOCK_VERSION = "2.9.1";
const STOCK_HOST = "https://storage.googleapis.com/tensorflow/libtensorflow/";
/** The newest TensorFlow that the engine has been tested with. */
const WHEEL_VERSIONS = "2.21.*";
const ADDON = join("lib", "napi-v8", "tfjs_binding.node");
const PYTHON = process.env.SMALLINIT_PYTHON ?? "python3";

const { values: options } = parseArgs({
  options: {
    cuda: { type: "boolean", default: false },
    from: { type: "string" },
    force: { type: "boolean", default: false },
  },
});
const kind = options.cuda ? "cuda" : "cpu";
const cache = tensorflowCache(process.env);
const start = performance.now();

try {
  const from = options.from ?? ((await stockHostAnswers()) ? "package" : "wheel");
  const build = { package: buildFromPackage, wheel: buildFromWheel }[from];
  if (build === undefined) fail(`--from ${from} is not known: package or wheel.`);
  const packageFolder = build();
  check(packageFolder);
  writeFileSync(join(cache, "current.new"), `${packageFolder.slice(cache.length + 1)}\n`);
  renameSync(join(cache, "current.new"), join(cache, "current"));
  say("Done. The engine is there: smallinit verify --engine tensorflow, or --engine tensorflow.");
} catch (error) {
  console.error(`setup:tensorflow: ${error.message}`);
  process.exitCode = 1;
}

async function stockHostAnswers() {
  say(`Asking ${new URL(STOCK_HOST).host} for libtensorflow ${STOCK_VERSION} (5 s at most).`);
  try {
    const file = `libtensorflow-${kind === "cuda" ? "gpu" : "cpu"}-linux-x86_64-${STOCK_VERSION}.tar.gz`;
    const signal = AbortSignal.timeout(5000);
    return (await fetch(`${STOCK_HOST}${file}`, { method: "HEAD", signal })).ok;
  } catch {
    say("It does not answer: taking the TensorFlow wheel through pip instead.");
    return false;
  }
}

/** npm installs the package into the cache, and its install script downloads libtensorflow. */
function buildFromPackage() {
  const name = options.cuda ? PACKAGE : PACKAGE.replace("-gpu", "");
  const folder = join(cache, `package-${PACKAGE_VERSION}-tensorflow-${STOCK_VERSION}-${kind}`);
  const packageFolder = join(folder, "node_modules", name);
  if (isBuilt(packageFolder)) return packageFolder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}\n");
  say(`Installing ${name} ${PACKAGE_VERSION} with its own download (100 to 400 MB).`);
  const flags = ["--foreground-scripts", "--no-audit", "--no-fund"];
  run("npm", ["install", "--prefix", folder, ...flags, `${name}@${PACKAGE_VERSION}`]);
  return packageFolder;
}

/** The package's sources, built against the libraries and headers of the wheel. */
function buildFromWheel() {
  if (process.platform !== "linux") fail("The wheel's libraries are used on Linux alone.");
  const known = knownWheelBuild();
  if (known !== undefined) return known;
  const downloads = join(cache, `wheels-${kind}`);
  const wheels = downloadWheels(downloads);
  const version = /-(\d+\.\d+\.\d+)-/.exec(basename(wheels[0]))?.[1] ?? "unknown";
  const folder = join(cache, `package-${PACKAGE_VERSION}-tensorflow-${version}-${kind}`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  unpackPackage(partial);
  unpackLibraries(wheels, join(partial, "deps"));
  buildAddon(partial);
  // Headers and wheels are not needed any more: 1 GB less.
  rmSync(join(partial, "deps", "include"), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  rmSync(downloads, { recursive: true, force: true });
  return folder;
}

/** A finished build of these versions, whose wheels need not be looked for again. */
function knownWheelBuild() {
  const start = `package-${PACKAGE_VERSION}-tensorflow-${WHEEL_VERSIONS.replace("*", "")}`;
  return (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => name.startsWith(start) && name.endsWith(`-${kind}`))
    .map((name) => join(cache, name))
    .find(isBuilt);
}

function isBuilt(folder) {
  if (options.force || !existsSync(join(folder, ADDON))) return false;
  say(`Already built: ${folder} (--force builds it again).`);
  return true;
}

/** The TensorFlow wheel, and those with CUDA's libraries behind it. */
function downloadWheels(folder) {
  mkdirSync(folder, { recursive: true });
  const [first] = download(folder, [
    `tensorflow${kind === "cpu" ? "-cpu" : ""}==${WHEEL_VERSIONS}`,
  ]);
  if (kind === "cpu") return [first];
  const requirements = python(
    "import re,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); " +
      "m=[n for n in z.namelist() if n.endswith('.dist-info/METADATA')][0]; " +
      "print('\\n'.join(re.findall(r'^Requires-Dist: (nvidia-[^;]+?) *;.*and-cuda', z.read(m).decode(), re.M)))",
    [first],
  );
  return [first, ...download(folder, requirements.trim().split("\n"))];
}

function download(folder, requirements) {
  say(
    `Downloading ${requirements.join(", ")} through pip (about 270 MB for a CPU, 3 GB for CUDA).`,
  );
  // A disk that fills up leaves a part of a wheel, which pip would take for the whole where no digest says otherwise.
  for (const path of brokenWheels(folder)) rmSync(path);
  const pip = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", folder];
  const env = { ...process.env, PIP_RESUME_RETRIES: "5" };
  // The libraries do not depend on Python's version, so a Python without a wheel of its own takes another's.
  const isDone = [[], ["--python-version", "3.11"]].some(
    (more) => attempt(PYTHON, [...pip, ...more, ...requirements], { env }) === 0,
  );
  if (!isDone) fail(`pip cannot find ${requirements.join(", ")} (its words are above).`);
  const [broken] = brokenWheels(folder);
  if (broken !== undefined)
    fail(`${broken} is not whole. Make room on the disk, and run this again.`);
  const wheels = wheelsIn(folder).map((name) => ({
    name,
    savedMs: statSync(join(folder, name)).mtimeMs,
  }));
  return wheelsOf(requirements, wheels).map((name, i) => {
    if (name === undefined) fail(`pip has saved no wheel of ${requirements[i]} in ${folder}.`);
    return join(folder, name);
  });
}

function wheelsIn(folder) {
  return readdirSync(folder).filter((name) => name.endsWith(".whl"));
}

/** Those whose end is missing: that is where a wheel says what is in it. */
function brokenWheels(folder) {
  const paths = wheelsIn(folder).map((name) => join(folder, name));
  const program =
    "import sys,zipfile; print('\\n'.join(p for p in sys.argv[1:] if not zipfile.is_zipfile(p)))";
  return python(program, paths)
    .split("\n")
    .filter((path) => path !== "");
}

function unpackPackage(folder) {
  mkdirSync(folder, { recursive: true });
  say(`Fetching ${PACKAGE} ${PACKAGE_VERSION} from npm's registry.`);
  const pack = ["pack", `${PACKAGE}@${PACKAGE_VERSION}`, "--json", "--pack-destination", folder];
  const packed = run("npm", pack, { stdio: ["ignore", "pipe", "ignore"] });
  if (!packed.includes(PACKAGE_INTEGRITY)) fail(`${PACKAGE} is not what it was: wrong digest.`);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  run("tar", ["-xzf", join(folder, tarball), "-C", folder, "--strip-components", "1"]);
}

function unpackLibraries(wheels, deps) {
  say("Unpacking libraries and headers.");
  python(
    "import os,re,sys,zipfile\n" +
      "for wheel in sys.argv[2:]:\n" +
      "  with zipfile.ZipFile(wheel) as z:\n" +
      "    for n in z.namelist():\n" +
      "      m=re.match(r'tensorflow/(libtensorflow[^/]*)$', n)\n" +
      "      to='lib/'+m[1] if m else n[11:] if n.startswith('tensorflow/include/') else n if re.match(r'nvidia/.*/lib/', n) else None\n" +
      "      if to and not n.endswith('/'):\n" +
      "        p=os.path.join(sys.argv[1], to); os.makedirs(os.path.dirname(p), exist_ok=True)\n" +
      "        with z.open(n) as a, open(p,'wb') as b:\n" +
      "          while d := a.read(1<<24): b.write(d)\n",
    [deps, ...wheels],
  );
  // The linker asks for these names; what runs is found by the names that the libraries bear.
  for (const [link, library] of [
    ["libtensorflow.so", "libtensorflow_cc.so.2"],
    ["libtensorflow_framework.so", "libtensorflow_framework.so.2"],
  ]) {
    if (!existsSync(join(deps, "lib", library))) fail(`The wheel has no ${library}.`);
    symlinkSync(library, join(deps, "lib", link));
  }
}

/** What node-pre-gyp would do, by npm's own node-gyp: it needs g++ and make. */
function buildAddon(folder) {
  say("Building the addon (10 to 60 s; needs g++ and make).");
  const npm = process.env.npm_execpath ?? join(npmRoot(), "npm", "bin", "npm-cli.js");
  const nodeGyp = join(dirname(npm), "..", "node_modules", "node-gyp", "bin", "node-gyp.js");
  const prefix = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(prefix, "include", "node", "node_api.h"));
  const flags = [
    ...["--module_name=tfjs_binding", "--napi_version=8", "--napi_build_version=8"],
    `--module=${join(folder, ADDON)}`,
    `--module_path=${dirname(join(folder, ADDON))}`,
    ...(hasHeaders ? [`--nodedir=${prefix}`] : []),
  ];
  run(process.execPath, [nodeGyp, "rebuild", "--silent", ...flags], { cwd: folder });
  rmSync(join(folder, "build"), { recursive: true });
}

function npmRoot() {
  return run("npm", ["root", "-g"], { stdio: ["ignore", "pipe", "ignore"] }).trim();
}

/** Loads the addon in a process of its own, and says what it is. */
function check(folder) {
  const program =
    "const b = require(process.argv[1]); console.log(b.TF_Version, b.isUsingGpuDevice())";
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: options.cuda ? "1" : "3" };
  const stdio = ["ignore", "pipe", options.cuda ? "inherit" : "ignore"];
  const output = run(process.execPath, ["-e", program, join(folder, ADDON)], { env, stdio });
  const [version, usesGpu] = output.trim().split(" ");
  say(`TensorFlow ${version} loads from ${folder}.`);
  if (options.cuda && usesGpu !== "true") {
    say("It sees no GPU here: without an NVIDIA driver it computes on the CPU.");
  }
}

function python(program, args) {
  return run(PYTHON, ["-c", program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

function run(command, args, more = {}) {
  const { status, stdout, error } = spawnSync(command, args, {
    ...{ encoding: "utf8", stdio: "inherit", maxBuffer: 2 ** 28 },
    ...more,
  });
  if (error !== undefined) fail(`${command} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${command} ${args[0]} ended with code ${status}.`);
  return stdout ?? "";
}

function attempt(command, args, more) {
  return spawnSync(command, args, { stdio: "inherit", ...more }).status;
}

function fail(message) {
  throw new Error(message);
}

function say(message) {
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`[${seconds.padStart(4)} s] ${message}`);
}
