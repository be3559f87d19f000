/** A wheel in a folder of downloads. */
export interface SavedWheel {
  /** The file's name, which begins with the name of the project and its version. */
  readonly name: string;
  readonly savedMs: number;
}

/**
 * The wheels that answer pip's requirements, for `setup:tensorflow`: all of them, whether this call of pip has saved
 * them or one before.
 *
 * @param requirements for example "nvidia-cublas-cu12==12.5.3.2".
 * @returns a file's name for each, the latest that was saved where a project has several; undefined for
 *   what is not there.
 */
export function wheelsOf(
  requirements: readonly string[],
  wheels: readonly SavedWheel[],
): readonly (string | undefined)[] {
  return requirements.map((requirement) => {
    const project = normalized(/^[\w.-]*\w/.exec(requirement)?.[0] ?? "");
    const [latest] = wheels
      .filter(({ name }) => normalized(name.split("-")[0] ?? "") === project)
      .sort((one, other) => other.savedMs - one.savedMs);
    return latest?.name;
  });
}

/** Wheels write "_" where requirements have "-", "." or "_". */
function normalized(project: string): string {
  return project.replaceAll(/[-_.]+/g, "_").toLowerCase();
}
