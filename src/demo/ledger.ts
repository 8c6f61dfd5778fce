import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { z } from 'zod'

export const categories = {
  food: 'Food and drink',
  travel: 'Travel',
  home: 'Home and rent',
  fun: 'Fun and culture',
  health: 'Health',
  other: 'Everything else',
} as const
export type Category = keyof typeof categories
export const categoryNames = Object.keys(categories) as [Category, ...Category[]]

export const expenseSchema = z.object({
  amountEur: z.number(),
  category: z.enum(categoryNames),
  date: z.iso.date(),
  note: z.string().optional(),
})
export type Expense = z.infer<typeof expenseSchema>

/** The expenses of one folder, in a JSON file that can be read and mended by hand. */
export interface Ledger {
  readonly file: string
  /** @throws Error with a sentence when the file is there but cannot be understood. */
  read(): Promise<Expense[]>
  add(expense: Expense): Promise<void>
  /** Calls `listener` after every change made here. @returns a function that ends it. */
  onChange(listener: () => void): () => void
}

export function openLedger(folder: string): Ledger {
  const file = join(folder, 'expenses.json')
  const listeners = new Set<() => void>()
  let lastWrite: Promise<void> = Promise.resolve()

  async function read(): Promise<Expense[]> {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '[]'
      throw error
    })
    try {
      return z.array(expenseSchema).parse(JSON.parse(text))
    } catch (error) {
      throw new Error(`The ledger ${file} is damaged and was left as it is.`, { cause: error })
    }
  }

  async function write(expense: Expense): Promise<void> {
    const expenses = [...(await read()), expense]
    await mkdir(dirname(file), { recursive: true })
    const half = `${file}.${process.pid}.new`
    await writeFile(half, `${JSON.stringify(expenses, undefined, 2)}\n`, { mode: 0o600 })
    await rename(half, file)
    for (const listener of listeners) listener()
  }

  return {
    file,
    read,
    add(expense) {
      // One after the other, whatever became of the one before.
      const written = lastWrite.then(() => write(expense))
      lastWrite = written.catch(() => undefined)
      return written
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
