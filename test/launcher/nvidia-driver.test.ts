import { expect, test } from "vitest";
import { parseNvidiaDriver } from "../../src/launcher/nvidia-driver.ts";

test.each([
  [
    "both versions from the head of its list",
    "\n==============NVSMI LOG==============\n\nTimestamp                  : Thu Mar 21 10:00:00 2024\n" +
      "Driver Version                            : 550.54.15\nCUDA Version                              : 12.4\n",
    { driver: "550.54.15", cuda: "12.4" },
  ],
  ["none from a failure", "NVIDIA-SMI has failed because it couldn't communicate\n", null],
  ["none where CUDA is not there", "Driver Version : 550.54.15\nCUDA Version : N/A\n", null],
])("the driver's tool tells %s", (_, text, driver) => {
  expect(parseNvidiaDriver(text)).toEqual(driver);
});
