import { categories, categoryNames } from './ledger.ts'
import type { Category } from './ledger.ts'
import type { Question } from './question.ts'

export const amountQuestion: Question<number> = {
  about: 'the amount',
  message: 'How much did you spend?',
  schema: {
    type: 'object',
    properties: {
      amount: { type: 'number', title: 'Amount in EUR', minimum: 0.01, maximum: 1_000_000 },
    },
    required: ['amount'],
  },
  read: (content) => Math.round(Number(content['amount']) * 100) / 100,
  declined: { stop: 'There is no expense without an amount, so nothing was noted.' },
}

// Titles by enumNames, the older form, which clients of 2025-06-18 understand too; the trip
// planner uses the newer one.
export const categoryQuestion: Question<Category> = {
  about: 'the category',
  message: 'What was it for?',
  schema: {
    type: 'object',
    properties: {
      category: {
        type: 'string',
        title: 'Category',
        enum: categoryNames,
        enumNames: Object.values(categories),
        default: 'food',
      },
    },
    required: ['category'],
  },
  read: (content) => content['category'] as Category,
  declined: { assume: 'other', saying: 'You did not say what for: everything else.' },
}

export const dateQuestion = (today: string): Question<string> => ({
  about: 'the date',
  message: 'On which day was it?',
  schema: {
    type: 'object',
    properties: {
      date: {
        type: 'string',
        title: 'Date',
        description: 'Year-month-day',
        format: 'date',
        default: today,
      },
    },
    required: ['date'],
  },
  read: (content) => String(content['date']),
  declined: { assume: today, saying: 'You did not say when: today.' },
})

export const noteQuestion: Question<string | undefined> = {
  about: 'the note',
  message: 'Is there anything to remember about it?',
  schema: {
    type: 'object',
    properties: { note: { type: 'string', title: 'Note', maxLength: 200 } },
  },
  read: (content) => {
    const note = content['note']
    return typeof note === 'string' && note.trim() !== '' ? note.trim() : undefined
  },
  declined: { assume: undefined, saying: 'Noted without a note.' },
}
