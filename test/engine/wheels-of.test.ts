import { expect, test } from "vitest";
import { wheelsOf } from "../../src/engine/wheels-of.ts";

const saved = (name: string, savedMs = 0) => ({ name, savedMs });
const TENSORFLOW = "tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl";
const CUBLAS = "nvidia_cublas_cu12-12.5.3.2-py3-none-manylinux2014_x86_64.whl";
const CUDNN = "nvidia_cudnn_cu12-9.3.0.75-py3-none-manylinux2014_x86_64.whl";

test("wheels of an earlier call count as well, in the order of the requirements", () => {
  const folder = [saved(CUDNN, 9), saved(TENSORFLOW, 1), saved(CUBLAS, 2)];
  const requirements = ["nvidia-cublas-cu12<13.0,>=12.5.3.2", "nvidia-cudnn-cu12==9.3.0.75"];
  expect(wheelsOf(requirements, folder)).toEqual([CUBLAS, CUDNN]);
  expect(wheelsOf(["tensorflow==2.21.*"], folder)).toEqual([TENSORFLOW]);
});

test("a wheel that is not there is missing, whatever else has a name like it", () => {
  const folder = [saved("nvidia_cublas_cu12_extra-1.0-py3-none-any.whl"), saved(TENSORFLOW)];
  expect(wheelsOf(["nvidia-cublas-cu12==12.5.3.2", "tensorflow-cpu==2.21.*"], folder)).toEqual([
    undefined,
    undefined,
  ]);
});

test("of two versions the one saved last is taken", () => {
  const earlier = TENSORFLOW.replace("2.21.0", "2.21.1");
  expect(wheelsOf(["tensorflow"], [saved(earlier, 1), saved(TENSORFLOW, 2)])).toEqual([TENSORFLOW]);
});
