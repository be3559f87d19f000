import { createOnnxEngine } from "../../src/engine/onnx-engine.ts";
import { engineContract } from "./engine-contract.ts";

engineContract("onnx", (model) => createOnnxEngine({ model, numThreads: 1 }));
