import type { TSchema } from 'typebox'

import type { FastifyInstance } from 'fastify'

import { GatewayError } from '../ground/errors.ts'
import { isValid, withDefaults } from '../ground/schema.ts'

/**
 * Fastify's own compilers take 140 ms of processor time to load and to run, at the start of every
 * gateway, for a handful of parameters.
 */
export function validatePlainly(app: FastifyInstance): void {
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => (given: unknown) => {
    const value = withDefaults(schema, readTexts(schema, given))
    if (isValid(schema, value)) return { value }
    const why = `${wrongIn(schema, value).join(' and ')} in the ${httpPart} cannot be understood.`
    return { error: new GatewayError('ERR_ADMIN_BAD_REQUEST', { params: { why } }) }
  })
}

function wrongIn(schema: TSchema, value: unknown): string[] {
  const { properties = {} } = schema as { properties?: Record<string, TSchema> }
  const given = value as Record<string, unknown>
  const wrong = Object.keys(properties).filter(
    (key) => given[key] !== undefined && !isValid(properties[key] ?? {}, given[key]),
  )
  return wrong.length > 0 ? wrong : ['something']
}

/** Parameters of a URL are texts, whatever they stand for. */
function readTexts(schema: TSchema, given: unknown): unknown {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> }
  const read = (key: string, value: unknown): unknown => {
    const type = properties[key]?.type
    if (typeof value !== 'string') return value
    if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
    return type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value
  }
  return Object.fromEntries(
    Object.entries(given ?? {}).map(([key, value]) => [key, read(key, value)]),
  )
}
