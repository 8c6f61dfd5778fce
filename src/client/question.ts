/** One field of a form, as a person is asked for it. */
export type Question = Field &
  (
    | TextQuestion
    | NumberQuestion
    | { kind: 'yes-no' }
    | { kind: 'choice'; options: Option[] }
    | ChoicesQuestion
    | { kind: 'json' }
  )

export interface Option {
  value: string | number | boolean
  title: string
}

export interface Field {
  key: string
  title: string
  description: string | undefined
  isRequired: boolean
  /** What stands in the schema as the default, if it is a valid answer. */
  preset: unknown
  /** The schema of this field, which has the last word on every answer. */
  schema: Record<string, unknown>
}
export interface TextQuestion {
  kind: 'text'
  format: string | undefined
  minLength: number
  maxLength: number
  pattern: string | undefined
}
export interface NumberQuestion {
  kind: 'number'
  isInteger: boolean
  minimum: number
  maximum: number
}
export interface ChoicesQuestion {
  kind: 'choices'
  options: Option[]
  minItems: number
  maxItems: number
}
