import { checkAnswer } from './answers.ts'
import type { Field, Option, Question } from './question.ts'

/**
 * Reads a form's schema (MCP's restricted JSON Schema, with the enum forms of all its versions)
 * as questions. A field that the restriction does not allow is asked for as JSON.
 */
export function questionsOf(requestedSchema: unknown): Question[] {
  const { properties, required } = asRecord(requestedSchema)
  const requiredKeys: unknown[] = Array.isArray(required) ? required : []
  return Object.entries(asRecord(properties)).map(([key, value]) => {
    const schema = asRecord(value)
    const question = {
      key,
      title: textIn(schema, 'title') ?? key,
      description: textIn(schema, 'description'),
      isRequired: requiredKeys.includes(key),
      preset: undefined,
      schema,
      ...fieldOf(schema),
    }
    const preset = checkAnswer(question, schema['default'])
    return 'value' in preset ? { ...question, preset: preset.value } : question
  })
}

type OwnPart<Q> = Q extends unknown ? Omit<Q, keyof Field> : never

function fieldOf(schema: Record<string, unknown>): OwnPart<Question> {
  const options = optionsOf(schema)
  if (options) return { kind: 'choice', options }
  switch (schema['type']) {
    case 'string':
      return {
        kind: 'text',
        format: textIn(schema, 'format'),
        minLength: numberIn(schema, 'minLength') ?? 0,
        maxLength: numberIn(schema, 'maxLength') ?? Infinity,
        pattern: textIn(schema, 'pattern'),
      }
    case 'number':
    case 'integer':
      return {
        kind: 'number',
        isInteger: schema['type'] === 'integer',
        minimum: numberIn(schema, 'minimum') ?? -Infinity,
        maximum: numberIn(schema, 'maximum') ?? Infinity,
      }
    case 'boolean':
      return { kind: 'yes-no' }
    case 'array': {
      const several = optionsOf(asRecord(schema['items']))
      if (!several) return { kind: 'json' }
      const minItems = numberIn(schema, 'minItems') ?? 0
      const maxItems = numberIn(schema, 'maxItems') ?? Infinity
      return { kind: 'choices', options: several, minItems, maxItems }
    }
    default:
      return { kind: 'json' }
  }
}

function optionsOf(schema: Record<string, unknown>): Option[] | undefined {
  const titled = schema['oneOf'] ?? schema['anyOf']
  if (Array.isArray(titled)) {
    const options = titled.map(asRecord).map((option) => optionOf(option['const'], option['title']))
    return options.every((option) => option !== undefined) ? options : undefined
  }
  const values = schema['enum']
  if (!Array.isArray(values)) return undefined
  const names: unknown[] = Array.isArray(schema['enumNames']) ? schema['enumNames'] : []
  const options = values.map((value: unknown, index) => optionOf(value, names[index]))
  return options.every((option) => option !== undefined) ? options : undefined
}

function optionOf(value: unknown, title: unknown): Option | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    return undefined
  }
  return { value, title: typeof title === 'string' ? title : String(value) }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textIn(record: Record<string, unknown>, key: string): string | undefined {
  const value = record[key]
  return typeof value === 'string' ? value : undefined
}

function numberIn(record: Record<string, unknown>, key: string): number | undefined {
  const value = record[key]
  return typeof value === 'number' ? value : undefined
}
