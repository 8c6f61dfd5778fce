import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** Nothing that Berth keeps in its state directory for itself comes near this. */
const mostBytes = 4 * 1024 * 1024

/**
 * Reads a file that Berth has written itself. A worker without a sandbox may have put anything in its
 * place: a pipe, whose reader waits for ever, a device, a link, or more than there is memory for.
 *
 * @throws if it is missing, no plain file, or too large
 */
export function readOwnFile(file: string): string {
  const fd = openPlain(file, constants.O_RDONLY)
  try {
    const { size } = fstatSync(fd)
    if (size > mostBytes) throw new Error(`${file} is too large to be a file of Berth's.`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/**
 * Opens a file of Berth's own that grows, and makes it if need be.
 *
 * @throws if something else is in its place
 */
export const openOwnLog = (file: string): number =>
  openPlain(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT)

function openPlain(file: string, flags: number): number {
  // Without waiting: a pipe that nobody writes to would hold the whole process.
  const fd = openSync(file, flags | constants.O_NONBLOCK | constants.O_NOFOLLOW, 0o600)
  if (fstatSync(fd).isFile()) return fd
  closeSync(fd)
  throw new Error(`${file} is no plain file, and Berth has made one there. Remove it.`)
}
