import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'

import { messageOf } from '../ground/errors.ts'
import { decodeText } from '../ground/text.ts'
import { UsageError } from './command.ts'

/** @throws UsageError that names the option, as all of these do */
export function readGiven(option: string, file: string): string {
  try {
    return decodeText(readFileSync(file))
  } catch (thrown) {
    throw new UsageError(`--${option} ${file} cannot be read, because it ${whyOf(thrown)}.`)
  }
}

/** Nobody wants to learn after an hour that the report can be written nowhere. */
export function checkWritable(option: string, file: string | undefined): void {
  if (file === undefined) return
  const found = existing(file)
  if (found?.isDirectory() === true) {
    throw new UsageError(`--${option} ${file} is a folder: name a file in it.`)
  }
  const place = found === undefined ? dirname(file) : file
  try {
    accessSync(place, constants.W_OK)
  } catch (thrown) {
    const what = found === undefined ? `the folder ${place}` : 'it'
    throw new UsageError(`--${option} ${file} cannot be written, because ${what} ${whyOf(thrown)}.`)
  }
}

function existing(file: string): Stats | undefined {
  try {
    return statSync(file)
  } catch {
    return undefined // what is above it is looked at next
  }
}

const whys: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is no folder',
  EISDIR: 'is a folder',
  EACCES: 'is not yours to open',
  EROFS: 'is on a disk that nothing is written to',
}

function whyOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return whys[code] ?? messageOf(thrown)
}
