import type { Static, TSchema } from 'typebox'

import { isObject } from '../ground/objects.ts'
import { isValid, withDefaults } from '../ground/schema.ts'
import { didYouMean, listed, type Path, type Problems } from './problems.ts'

/** A TypeBox schema as the JSON Schema that it is, with the notes that Berth adds for messages. */
export interface Shape {
  type?: string
  properties?: Record<string, Shape>
  patternProperties?: Record<string, Shape>
  additionalProperties?: boolean
  items?: Shape
  maxItems?: number
  anyOf?: Shape[]
  enum?: string[]
  const?: string
  minimum?: number
  maximum?: number
  minLength?: number
  default?: unknown
  description?: string
  examples?: unknown[]
  /** `seconds`, `bytes` … */
  'x-unit'?: string
  /** What the value is, in words, where the schema does not say it well. */
  'x-expected'?: string
  /** The type in words, for the table of config/README.md, where the schema does not say it well. */
  'x-type'?: string
  /** The default in words, where it is found out at run time. */
  'x-default'?: string
}

export type Tree = Record<string, unknown>

export const isMap: (value: unknown) => value is Tree = isObject

/**
 * Checks one part of the file and fills in its defaults.
 *
 * @returns undefined when anything was wrong; all of it is in `problems` then
 */
export function readSlice<S extends TSchema>(
  schema: S,
  value: unknown,
  path: Path,
  problems: Problems,
): Static<S> | undefined {
  const before = problems.found.length
  checkShape(schema, value, path, problems)
  if (problems.found.length > before) return undefined
  const filled = withDefaults(schema, structuredClone(value))
  if (isValid(schema, filled)) return filled
  problems.add(path, `found ${found(value)}, which is not valid here.`)
  return undefined
}

/** Names everything in `value` that the schema does not allow. Absent keys are no problem. */
export function checkShape(schema: Shape, value: unknown, path: Path, problems: Problems): void {
  const entries = schema.properties ?? schema.patternProperties
  const map = isMap(value) ? schema.anyOf?.find(({ properties }) => properties) : undefined
  if (map !== undefined) checkShape(map, value, path, problems)
  else if (entries !== undefined && isMap(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const known = Object.hasOwn(entries, key) ? entries[key] : entries['^.*$']
      if (known !== undefined) checkShape(known, inner, [...path, key], problems)
      else if (schema.additionalProperties === false) {
        problems.add(
          [...path, key],
          `unknown key.${didYouMean(key, Object.keys(entries)) || ` Known here: ${listed(Object.keys(entries))}.`}`,
        )
      }
    }
  } else if (schema.items !== undefined && Array.isArray(value)) {
    if (value.length > (schema.maxItems ?? Infinity)) {
      problems.add(path, mismatch(schema, value, path))
    }
    for (const [index, inner] of value.entries()) {
      checkShape(schema.items, inner, [...path, index], problems)
    }
  } else if (entries !== undefined || !isValid(schema, value)) {
    problems.add(path, mismatch(schema, value, path))
  }
}

/** What was found (its type, never a text), what was expected, and an example. */
function mismatch(schema: Shape, value: unknown, path: Path): string {
  const meant =
    typeof value === 'string' && schema.enum !== undefined ? didYouMean(value, schema.enum) : ''
  const sample = schema.examples?.[0] ?? schema.default
  const key = path.findLast((part) => typeof part === 'string') ?? ''
  const inList = typeof path.at(-1) === 'number'
  const shown = inList ? `[${sampleText(sample)}]` : sampleText(sample)
  const example = sample === undefined || meant !== '' ? '' : ` Example: ${key}: ${shown}`
  return `found ${found(value)}, expected ${expected(schema)}.${meant}${example}`
}

/** What stands there, without its text, which may be a secret. */
export function found(value: unknown): string {
  if (value === null || value === undefined) return 'nothing (null)'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text'
  if (typeof value === 'number') return `the number ${value}`
  return typeof value === 'boolean' ? String(value) : 'a map'
}

export function expected(schema: Shape): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected']
  if (schema.enum !== undefined) return listed(schema.enum, 'or')
  if (schema.const !== undefined) return schema.const
  if (schema.anyOf !== undefined) return schema.anyOf.map(expected).join(' or ')
  if (schema.type === 'integer') {
    const unit = schema['x-unit'] === undefined ? '' : ` of ${schema['x-unit']}`
    return `a whole number${unit} from ${schema.minimum ?? 0} to ${schema.maximum ?? 'any'}`
  }
  if (schema.type === 'boolean') return 'true or false'
  if (schema.type === 'array') return 'a list'
  if (schema.type === 'object') return 'a map (key: value)'
  return schema.minLength === undefined ? 'a text' : 'a text that is not empty'
}

const sampleText = (sample: unknown): string =>
  typeof sample === 'string' ? sample : JSON.stringify(sample)
