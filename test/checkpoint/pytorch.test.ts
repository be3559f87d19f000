import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { saveCheckpoint } from "../../src/checkpoint/save-checkpoint.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { isRequired } from "../is-required.ts";
import { checkpointContent } from "./checkpoint-content.ts";

/** A Python with torch and safetensors; set it to run this test. */
const python = process.env.SMALLINIT_PYTHON;

/** Prints what PyTorch finds in a checkpoint. */
const SCRIPT = `
import json, sys, torch
from safetensors.torch import load_file, safe_open
folder = sys.argv[1]
model = load_file(folder + "/model.safetensors")
optimizer = load_file(folder + "/optimizer.safetensors")
with safe_open(folder + "/model.safetensors", "pt") as file:
    metadata = file.metadata()
print(json.dumps({
    "metadata": metadata,
    "shapes": {name: list(tensor.shape) for name, tensor in model.items()},
    "dtypes": sorted({str(tensor.dtype) for tensor in [*model.values(), *optimizer.values()]}),
    "values": {name: t.flatten().tolist() for name, t in {**model, **optimizer}.items()},
}))
`;

test.skipIf(python === undefined && !isRequired("pytorch"))(
  "PyTorch loads a checkpoint with the names of the reference (set SMALLINIT_PYTHON)",
  async () => {
    const content = checkpointContent(12);
    const folder = await saveCheckpoint(await temporaryFolder(), content);
    const output = execFileSync(python ?? "", ["-c", SCRIPT, folder], { encoding: "utf8" });
    const { parameters, firstMoments, secondMoments } = content;
    const [weight, bias] = ["embed.weight", "blocks.0.attn.query.bias"];
    expect(JSON.parse(output)).toEqual({
      metadata: { format: "pt", producer: "smallinit", step: "12" },
      shapes: { [weight]: [5, 3], [bias]: [3] },
      dtypes: ["torch.float32"],
      values: {
        [weight]: [...parameters.subarray(0, 15)],
        [bias]: [...parameters.subarray(15)],
        [`${weight}.exp_avg`]: [...firstMoments.subarray(0, 15)],
        [`${bias}.exp_avg`]: [...firstMoments.subarray(15)],
        [`${weight}.exp_avg_sq`]: [...secondMoments.subarray(0, 15)],
        [`${bias}.exp_avg_sq`]: [...secondMoments.subarray(15)],
      },
    });
  },
);
