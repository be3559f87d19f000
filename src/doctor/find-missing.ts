import type { EngineFinding, MachineFacts, Missing } from "./doctor-report.ts";

/** What a user could add to this machine, the most important first. */
export function findMissing(
  { node, gpus, names }: MachineFacts,
  engines: readonly EngineFinding[],
): readonly Missing[] {
  const missing: Missing[] = [];
  if (!node.isSupported) {
    missing.push({
      what: `Node ${node.required}`,
      why: `this is Node ${node.version}`,
      command: "nvm install 22",
    });
  }
  for (const finding of engines) {
    if (finding.works) continue;
    const { engine, device, why, command } = finding;
    missing.push({ what: `engine ${engine} on ${device}`, why, command });
  }
  const gpu = gpus[0];
  if (gpu !== undefined && !engines.some(({ works, device }) => works && device !== "cpu")) {
    missing.push({
      what: `an engine for ${gpu.name}`,
      why: "no engine that works here computes on a GPU: training would leave it idle",
      command: null,
    });
  }
  for (const { name, address } of names) {
    if (address !== null) continue;
    missing.push({
      what: `an address for the name ${name}`,
      why: "it does not resolve; smallinit does not need it, other programs may hang",
      command: `echo '127.0.0.1 ${name}' | sudo tee -a /etc/hosts`,
    });
  }
  return missing;
}
