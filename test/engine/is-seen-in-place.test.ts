import { expect, test } from "vitest";
import { isSeenInPlace } from "../../src/engine/is-seen-in-place.ts";
import type { TensorflowBinding } from "../../src/engine/tensorflow-binding.ts";
import { createMemory } from "../../src/kernels/create-memory.ts";

/** A binding whose tensors are views or copies; `meanwhile` happens while it is asked for numbers. */
function bindingOf(options: { readonly isView: boolean; meanwhile?(): void }): TensorflowBinding {
  let tensor: Float32Array = new Float32Array();
  const binding: Partial<TensorflowBinding> = {
    TF_FLOAT: 1,
    createTensor(_shape, _type, data) {
      tensor = options.isView ? (data as Float32Array) : Float32Array.from(data);
      return 0;
    },
    tensorDataSync() {
      options.meanwhile?.();
      const bytes = new Uint8Array(tensor.byteLength);
      bytes.set(new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength));
      return new Float32Array(bytes.buffer);
    },
    deleteTensor: () => undefined,
  };
  return binding as TensorflowBinding;
}

function sharedNumbers(): Float32Array {
  return new Float32Array(createMemory(256).buffer, 0, 64).fill(3);
}

test.each([true, false])(
  "tells whether a tensor is a view (%s), and puts the number back",
  (isView) => {
    const numbers = sharedNumbers();
    expect(isSeenInPlace(bindingOf({ isView }), numbers)).toBe(isView);
    expect(numbers.every((number) => number === 3)).toBe(true);
  },
);

test.each([true, false])("keeps what another thread writes meanwhile (a view: %s)", (isView) => {
  const numbers = sharedNumbers();
  const meanwhile = () => void numbers.fill(5);
  isSeenInPlace(bindingOf({ isView, meanwhile }), numbers);
  expect(numbers[0]).toBe(5);
});
