// The program of the process in which `doctor` tries one engine.
import { answerProbe } from "../doctor/run-probe.ts";
import { type EngineTrial, tryEngine } from "../doctor/try-engine.ts";

// TensorFlow's library reads the process's own environment, which the shells alone may touch.
answerProbe((trial: EngineTrial) => tryEngine(trial, process.env));
