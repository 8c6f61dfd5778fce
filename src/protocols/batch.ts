import { parseJson } from '../ground/json.ts'

/** The messages of a batch (MCP 2025-03-26) that was read before, each as a text of its own. */
export function partsOf(batch: string): string[] {
  const read = parseJson(batch, Number.POSITIVE_INFINITY)
  const parts = read.ok && Array.isArray(read.value) ? (read.value as unknown[]) : []
  return parts.map((part) => JSON.stringify(part))
}
