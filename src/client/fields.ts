import type { Prompt, Tool } from '@modelcontextprotocol/sdk/types.js'

/** What the arguments of a tool, or of a prompt, may be. */
export interface Fields {
  /** JSON Schema of each, by name; those that have to be given come first. */
  properties: Record<string, object>
  required: readonly string[]
  /** Whether only these are taken. */
  isClosed: boolean
}

export function fieldsOfTool({ inputSchema }: Tool): Fields {
  const { properties = {}, required = [], additionalProperties } = inputSchema
  const entries = Object.entries(properties).map(
    ([key, schema]) => [key, resolved(schema, inputSchema)] as const,
  )
  const isNeeded = ([key]: readonly [string, object]): boolean => required.includes(key)
  const sorted = [...entries.filter(isNeeded), ...entries.filter((entry) => !isNeeded(entry))]
  return {
    properties: Object.fromEntries(sorted),
    required,
    // Where nothing is said of others, a name that is not known is a slip; JSON is taken as it is.
    isClosed: !additionalProperties && (additionalProperties === false || entries.length > 0),
  }
}

export function fieldsOfPrompt({ arguments: fields = [] }: Prompt): Fields {
  return {
    properties: Object.fromEntries(fields.map(({ name }) => [name, { type: 'string' }])),
    required: fields.filter(({ required }) => required === true).map(({ name }) => name),
    isClosed: true,
  }
}

/** The values that it can have, if they are few. */
export function valuesOf(schema: object): string[] {
  if ('enum' in schema && Array.isArray(schema.enum)) return schema.enum.map(String)
  if ('const' in schema) return [String(schema.const)]
  if ('type' in schema && schema.type === 'boolean') return ['true', 'false']
  const choices = 'anyOf' in schema ? schema.anyOf : 'oneOf' in schema ? schema.oneOf : undefined
  if (Array.isArray(choices)) return choices.filter(isObject).flatMap(valuesOf)
  return 'items' in schema && isObject(schema.items) ? valuesOf(schema.items) : []
}

/** Whether the server itself says that this is a secret. */
export function isSecret(schema: object): boolean {
  return (
    ('format' in schema && schema.format === 'password') ||
    ('writeOnly' in schema && schema.writeOnly === true)
  )
}

/** Follows `$ref` to the definitions of the tool, where enums of Python servers stand. */
function resolved(schema: object, root: object): object {
  if (!('$ref' in schema) || typeof schema.$ref !== 'string') return schema
  let found: unknown = root
  for (const name of schema.$ref.replace(/^#\//, '').split('/')) {
    found = isObject(found) ? (found as Record<string, unknown>)[name] : undefined
  }
  return isObject(found) ? found : schema
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
