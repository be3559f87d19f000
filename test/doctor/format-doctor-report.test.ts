import { describe, expect, test } from "vitest";
import { examine } from "../../src/doctor/examine.ts";
import { formatDoctorReport } from "../../src/doctor/format-doctor-report.ts";
import { BROKEN_ONNX, examinationOf, HEALTHY, ONNX, TFJS } from "./healthy-machine.ts";

describe("the report for people", () => {
  test("aligns its tables, and says what to do next", async () => {
    const text = formatDoctorReport(await examine(examinationOf([ONNX, TFJS])));
    expect(text).toBe(`smallinit  0.1.0
Node       v20.20.0 on linux-x64 (needed: >=20.19)
CPU        2 cores of the machine's 8: A processor
memory     16.0 GiB of the machine's 32.0 GiB, 8.0 GiB free
GPUs       no NVIDIA GPU
names      localhost is 127.0.0.1

ENGINE  DEVICE  WORKS  RUNTIME                  THREADS  TOKENS/S  GFLOP/S
onnx    cpu     yes    onnxruntime-node 1.30.0  2        9000      50.0
tfjs    cpu     yes    tfjs-backend-cpu 4.22.0  1        40        0.200

SPEED                            GB/S
add, one core                    20.00
AdamW, one core                  30.00
WebSocket between two processes  1.25

This machine can train; the fastest engine is onnx on cpu. Next:
  smallinit prepare book.txt --out data/book --tokenizer bpe --vocab-size 2048
  smallinit launch --data data/book --run runs/book
`);
  });

  test("shows the driver of NVIDIA's GPUs", async () => {
    const nvidia = { driver: "550.54.15", cuda: "12.4" };
    const machine = async () => ({ ...HEALTHY, nvidia });
    const text = formatDoctorReport(await examine(examinationOf([ONNX], { machine })));
    expect(text).toContain("\ndriver     NVIDIA 550.54.15, for CUDA up to 12.4\n");
  });

  test("shows the reason and the command for each thing missing", async () => {
    const text = formatDoctorReport(await examine(examinationOf([BROKEN_ONNX])));
    expect(text).toContain("onnx    cpu     no     see below");
    expect(text).toContain(
      "MISSING, and what brings it\n" +
        "  engine onnx on cpu: The engine onnx ended its process by the signal SIGILL.\n    npm ci\n",
    );
    expect(text).toMatch(/No engine works here.*Run the commands above/);
  });

  test("leaves out speeds that were not measured", async () => {
    const report = await examine({ ...examinationOf([ONNX]), measuresSpeed: false });
    expect(formatDoctorReport(report)).not.toContain("SPEED");
  });

  test("warns of figures taken while others use the machine", async () => {
    const machine = async () => ({ ...HEALTHY, cpu: { ...HEALTHY.cpu, load: 6.5 } });
    const text = formatDoctorReport(await examine(examinationOf([ONNX], { machine })));
    expect(text).toContain("Other programs use this machine now (load 6.5 on 2 cores)");
  });
});
