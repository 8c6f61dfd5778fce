/** Something that tests use and that `npm ci` does not bring. `table.ts` lists them all. */
export interface Need<N extends string = string> {
  readonly name: N
  /** What of the tests uses it, in a few words. */
  readonly why: string
  /** Only what is for tests is fetched before a test run, and counted when it is missing. */
  readonly kind: 'test' | 'bench'
  /**
   * The environment variable that hands the path of the executable to the tests. Set by a person,
   * it names the executable to use, and nothing is looked for.
   */
  readonly variable: string
  /** The command that a person runs to get it when it could not be fetched. */
  readonly byHand: string
  /** Looks on the machine and in the cache folder, in a few milliseconds where it was before. */
  find(site: Site): Promise<Place | undefined>
  /**
   * Brings it into the cache folder; never installs anything, never asks for root.
   *
   * @throws NeedError where that is not possible here, or failed.
   */
  fetch(site: Site): Promise<Place>
}

export interface Place {
  /** Absolute path of the executable. */
  path: string
  /** Its version, or what else is worth a word. */
  detail: string
  /** Folder with the executables of a fetched package, to be searched like one of PATH. */
  binDir?: string
}

/** Where needs are prepared. */
export interface Site {
  projectDir: string
  cacheDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  /** Another need, prepared first. @throws NeedError where that one is missing. */
  place(name: string): Promise<Place>
}

/** Why something is missing, and what to do where that is not the need's own `byHand`. */
export class NeedError extends Error {
  readonly byHand: string | undefined

  constructor(message: string, byHand?: string) {
    super(message)
    this.name = 'NeedError'
    this.byHand = byHand
  }
}
