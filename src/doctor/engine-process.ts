// The program of the process in which `doctor` tries one engine.
import { answerProbe } from "./run-probe.ts";
import { tryEngine } from "./try-engine.ts";

answerProbe(tryEngine);
