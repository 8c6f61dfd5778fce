import type { Path } from '../problems.ts'

/** A server as the file has it, in the words of Berth. */
export interface WrittenServer {
  name: string
  raw: unknown
  where: Path
}
