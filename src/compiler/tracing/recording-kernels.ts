import type { DataId, NamedTensorInfoMap, TensorInfo } from "@tensorflow/tfjs-core";
import { registerKernel } from "@tensorflow/tfjs-core";
import { assert } from "../../base/assert.ts";
import type { Value } from "../graph.ts";
import { ELEMENTWISE_KERNELS } from "./elementwise-kernels.ts";
import type { Recorded } from "./kernel-translation.ts";
import { LAYOUT_KERNELS } from "./layout-kernels.ts";
import { PRODUCT_KERNELS } from "./product-kernels.ts";
import { Recorder } from "./recorder.ts";

/** Makes tfjs record, in place of compute, on the backend of this name. */
export function registerRecordingKernels(backendName: string): void {
  const kernels = { ...ELEMENTWISE_KERNELS, ...LAYOUT_KERNELS, ...PRODUCT_KERNELS };
  for (const [kernelName, translate] of Object.entries(kernels)) {
    registerKernel({
      kernelName,
      backendName,
      kernelFunc({ inputs, backend, attrs }) {
        assert(backend instanceof Recorder, "recording kernels belong to the recording backend");
        const recorded = translate(valuesOf(backend, inputs), attrs ?? {});
        if (!isList(recorded)) return record(backend, recorded);
        return recorded.map((one) => record(backend, one));
      },
    });
  }
}

function isList(recorded: Recorded | readonly Recorded[]): recorded is readonly Recorded[] {
  return Array.isArray(recorded);
}

function valuesOf(recorder: Recorder, inputs: NamedTensorInfoMap): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [name, info] of Object.entries(inputs)) {
    if (info !== undefined) values[name] = recorder.tracedValue(info);
  }
  return values;
}

function record(recorder: Recorder, { operation, inputs, output }: Recorded): TensorInfo {
  recorder.record(operation, inputs, [output]);
  const dataId: DataId = recorder.dataIdOf(output);
  return { dataId, shape: [...output.shape], dtype: output.dataType };
}
