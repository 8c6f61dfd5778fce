import type { Static, TSchema } from 'typebox'

import { isObject } from './objects.ts'

/**
 * The part of TypeBox that Berth uses, with TypeBox's own types. TypeBox itself is over 700 files, which
 * take longer to load than all else that a gateway loads (170 of 400 ms of processor time), and a
 * gateway that was killed has to be there again within its clients' retries.
 */
type Builders = Pick<
  typeof import('typebox').default,
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
>

/** JSON Schema, as far as it is used. */
interface Schema {
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  minItems?: number
  maxItems?: number
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  default?: unknown
}

const optional = new WeakSet<Schema>()

const ofType =
  (type: string) =>
  (options: Schema = {}): Schema => ({ type, ...options })

function object(properties: Record<string, Schema>, options: Schema = {}): Schema {
  const required = Object.keys(properties).filter((key) => !optional.has(properties[key] ?? {}))
  return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options }
}

export const Type = {
  Array: (items: Schema, options: Schema = {}) => ({ type: 'array', items, ...options }),
  Boolean: ofType('boolean'),
  Enum: (values: unknown[], options: Schema = {}) => ({ enum: values, ...options }),
  Integer: ofType('integer'),
  Literal: (value: unknown, options: Schema = {}) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Null: ofType('null'),
  Number: ofType('number'),
  Object: object,
  Optional(schema: Schema) {
    const copy = { ...schema }
    optional.add(copy)
    return copy
  },
  // Keys are any text.
  Record: (_key: Schema, values: Schema, options: Schema = {}) => ({
    type: 'object',
    patternProperties: { '^.*$': values },
    ...options,
  }),
  String: ofType('string'),
  Union: (anyOf: Schema[], options: Schema = {}) => ({ anyOf, ...options }),
  Unknown: (options: Schema = {}) => ({ ...options }),
} as unknown as Builders

/** Whether a value is what the schema says. */
export function isValid<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return fits(schema, value)
}

/** The value with every default filled in that is missing, deep inside too; it is changed in place. */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  return filled(schema, value)
}

function fits(schema: Schema, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => fits(one, value))
  if (schema.enum !== undefined) return schema.enum.includes(value)
  if (schema.const !== undefined) return schema.const === value
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && fitsText(schema, value)
    case 'integer':
      return Number.isInteger(value) && fitsNumber(schema, value as number)
    case 'number':
      return Number.isFinite(value) && fitsNumber(schema, value as number)
    case 'boolean':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value) && fitsList(schema, value)
    case 'object':
      return isObject(value) && fitsMap(schema, value)
    case undefined:
    default:
      return true
  }
}

function fitsText({ minLength = 0, maxLength = Infinity, pattern }: Schema, text: string): boolean {
  const { length } = text
  if (length < minLength || length > maxLength) return false
  return pattern === undefined || new RegExp(pattern, 'u').test(text)
}

function fitsNumber({ minimum = -Infinity, maximum = Infinity }: Schema, value: number): boolean {
  return value >= minimum && value <= maximum
}

function fitsList(
  { items = {}, minItems = 0, maxItems = Infinity }: Schema,
  list: unknown[],
): boolean {
  if (list.length < minItems || list.length > maxItems) return false
  return list.every((item) => fits(items, item))
}

function fitsMap(schema: Schema, map: Record<string, unknown>): boolean {
  const { required = [], additionalProperties = true } = schema
  if (!required.every((key) => map[key] !== undefined)) return false
  return Object.entries(map).every(([key, inner]) => {
    const known = propertyOf(schema, key)
    return known === undefined ? additionalProperties : inner === undefined || fits(known, inner)
  })
}

function propertyOf({ properties = {}, patternProperties = {} }: Schema, key: string) {
  return Object.hasOwn(properties, key) ? properties[key] : patternProperties['^.*$']
}

function filled(schema: Schema, given: unknown): unknown {
  const value = given === undefined ? structuredClone(schema.default) : given
  if (schema.anyOf !== undefined) return filledUnion(schema.anyOf, value)
  if (Array.isArray(value)) {
    const { items = {} } = schema
    for (const [at, item] of value.entries()) value[at] = filled(items, item)
  } else if (isObject(value)) {
    for (const key of new Set([...Object.keys(schema.properties ?? {}), ...Object.keys(value)])) {
      const inner = filled(propertyOf(schema, key) ?? {}, value[key])
      if (inner !== undefined) value[key] = inner
    }
  }
  return value
}

/** As the first kind has it that it is then. */
function filledUnion(kinds: Schema[], value: unknown): unknown {
  for (const kind of kinds) {
    const candidate = filled(kind, structuredClone(value))
    if (fits(kind, candidate)) return candidate
  }
  return value
}
