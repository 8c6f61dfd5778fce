import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import type { SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { TestEvent } from './events.ts'

const maps = new Map<string, SourceMap | undefined>()

/** The same event, with the place in the TypeScript where it has one in what was compiled. */
export function inSource(event: TestEvent): TestEvent {
  const { file, line, column } = event.data
  if (file === undefined || line === undefined || column === undefined) return event
  const compiled = file.startsWith('file:') ? fileURLToPath(file) : file
  const entry = mapOf(compiled)?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry)) return event
  const data = {
    ...event.data,
    file: resolve(dirname(compiled), entry.originalSource),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  }
  return { ...event, data }
}

function mapOf(compiled: string): SourceMap | undefined {
  if (!maps.has(compiled)) {
    const file = `${compiled}.map`
    const payload = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as SourceMapPayload)
      : undefined
    maps.set(compiled, payload === undefined ? undefined : new SourceMap(payload))
  }
  return maps.get(compiled)
}
