/** Most floats in one tensor frame: 1 MiB on the wire keeps messages cheap to buffer and to drop. */
export const MAX_FRAME_FLOATS = 262_144;

/** Most bytes of one WebSocket message of any kind: a step's tokens (2^22 of 4 bytes) and some room. */
export const MAX_MESSAGE_BYTES = 2 ** 24 + 2 ** 16;

/** Most leaves of a step that are computed twice, to compare. */
export const MAX_AUDITED_LEAVES = 1024;

/** Most workers of one fleet. */
export const MAX_WORKERS = 1024;
