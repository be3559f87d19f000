import { describe, expect, test } from "vitest";
import { findMissing } from "../../src/doctor/find-missing.ts";
import { BROKEN_ONNX, HEALTHY, ONNX, TFJS } from "./healthy-machine.ts";

const GPU = { index: 0, id: "GPU-8f1d", name: "NVIDIA A100" };

describe("what is missing", () => {
  test("is nothing on a machine that has all", () => {
    expect(findMissing(HEALTHY, [ONNX, TFJS])).toEqual([]);
  });

  test("is an engine that does not work, with the reason and the command that brings it", () => {
    expect(findMissing(HEALTHY, [BROKEN_ONNX, TFJS])).toEqual([
      {
        what: "engine onnx on cpu",
        why: "The engine onnx ended its process by the signal SIGILL.",
        command: "npm ci",
      },
    ]);
  });

  test("is a newer Node, before everything else", () => {
    const node = { version: "v18.20.0", required: ">=20.19", isSupported: false };
    const [first] = findMissing({ ...HEALTHY, node }, [BROKEN_ONNX]);
    expect(first).toEqual({
      what: "Node >=20.19",
      why: "this is Node v18.20.0",
      command: "nvm install 22",
    });
  });

  test("is an engine for a GPU that would be idle", () => {
    const [missing] = findMissing({ ...HEALTHY, gpus: [GPU] }, [ONNX]);
    expect(missing).toMatchObject({ what: "an engine for NVIDIA A100", command: null });
  });

  test("is no engine for a GPU that one of them uses", () => {
    const onGpu = { ...ONNX, device: "gpu:0" };
    expect(findMissing({ ...HEALTHY, gpus: [GPU] }, [onGpu])).toEqual([]);
  });

  test("is the address of a name that does not resolve", () => {
    const names = [{ name: "node-7", address: null }];
    const [missing] = findMissing({ ...HEALTHY, names }, [ONNX]);
    expect(missing?.what).toBe("an address for the name node-7");
    expect(missing?.command).toBe("echo '127.0.0.1 node-7' | sudo tee -a /etc/hosts");
  });
});
