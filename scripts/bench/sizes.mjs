// The models that are measured: small, medium, and one with a large vocabulary. `block` is the sequences of a leaf.
export const SIZES = {
  s: { vocabSize: 65, contextLength: 64, embeddingSize: 128, numLayers: 4, numHeads: 4, block: 12 },
  m: { vocabSize: 65, contextLength: 256, embeddingSize: 384, numLayers: 6, numHeads: 6, block: 4 },
  b: {
    ...{ vocabSize: 4096, contextLength: 256, embeddingSize: 256 },
    ...{ numLayers: 4, numHeads: 8, block: 8 },
  },
};
