/**
 * Variables of the process's environment. Shells hand over the process's own: what is set there,
 * native libraries see as well, if they are loaded afterwards.
 */
export type Environment = Record<string, string | undefined>;
