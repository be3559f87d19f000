// The program of the process that sends when `doctor` measures loopback.
import { answerProbe } from "./run-probe.ts";
import { sendFrames } from "./send-frames.ts";

answerProbe(sendFrames);
