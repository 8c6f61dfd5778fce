import { categories, categoryNames } from './ledger.ts'
import type { Category, Expense } from './ledger.ts'

export interface Spending {
  month: string
  totalEur: number
  expenses: number
  /** Those with expenses, the dearest first. */
  categories: { category: Category; totalEur: number; expenses: number }[]
}

/** Adds up the expenses of one month, given as year-month. */
export function spendingOf(all: Expense[], month: string): Spending {
  const ofMonth = all.filter(({ date }) => date.startsWith(`${month}-`))
  const byCategory = categoryNames.map((category) => {
    const some = ofMonth.filter((expense) => expense.category === category)
    return { category, totalEur: sum(some), expenses: some.length }
  })
  return {
    month,
    totalEur: sum(ofMonth),
    expenses: ofMonth.length,
    categories: byCategory
      .filter(({ expenses }) => expenses > 0)
      .sort((a, b) => b.totalEur - a.totalEur),
  }
}

export function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number - 2, 1)).toISOString().slice(0, 7)
}

export function spendingLines({ categories: parts }: Spending): string[] {
  return parts.map(
    ({ category, totalEur, expenses }) =>
      `- ${categories[category]}: ${euros(totalEur)} (${expenses === 1 ? 'once' : `${expenses} times`})`,
  )
}

export function euros(amount: number): string {
  return `${amount.toFixed(2)} EUR`
}

function sum(expenses: Expense[]): number {
  const cents = expenses.reduce((total, { amountEur }) => total + Math.round(amountEur * 100), 0)
  return cents / 100
}
