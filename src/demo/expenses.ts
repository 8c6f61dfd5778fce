import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

import { converse } from './conversation.ts'
import type { Conversation } from './conversation.ts'
import {
  amountQuestion,
  categoryQuestion,
  dateQuestion,
  noteQuestion,
} from './expense-questions.ts'
import { categories, categoryNames, expenseSchema, openLedger } from './ledger.ts'
import { answerTo, untilStopped } from './question.ts'
import { serveMcp } from './serve-mcp.ts'
import { euros, monthBefore, spendingLines, spendingOf } from './spending.ts'

const ledgerUri = 'expenses://ledger'
const ledger = openLedger(process.env['BERTH_WORKSPACE'] ?? process.cwd())
const monthShape = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'Give the month as year-month, for instance 2026-11.')
  .optional()
  .describe('Year-month, for instance 2026-11; without it this month')

function createExpenses(): McpServer {
  const server = new McpServer(
    { name: 'expenses', title: 'Expenses', version: '1.0.0' },
    {
      instructions: 'add_expense asks for everything it needs; the ledger is a resource.',
      capabilities: { resources: { subscribe: true } },
    },
  )
  registerTools(server)
  registerPrompt(server)
  registerLedger(server)
  return server
}

function registerTools(server: McpServer): void {
  server.registerTool(
    'add_expense',
    {
      title: 'Add an expense',
      description: 'Asks how much, what for, when and whether there is a note, and writes it down.',
      outputSchema: {
        outcome: z.enum(['added', 'stopped']),
        expense: expenseSchema.optional(),
        assumed: z.array(z.string()).optional(),
      },
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
    },
    (extra) => untilStopped(() => addExpense(converse(server, extra))),
  )

  server.registerTool(
    'analyze_spending',
    {
      title: 'Analyze the spending',
      description: 'Lets the language model of the client say what it thinks of a month.',
      inputSchema: { month: monthShape },
      annotations: { readOnlyHint: true },
    },
    ({ month }, extra) => analyzeSpending(converse(server, extra), month ?? today().slice(0, 7)),
  )

  server.registerTool(
    'monthly_report',
    {
      title: 'Build the report of a month',
      description: 'Adds up a month by category and compares it with the month before.',
      inputSchema: { month: monthShape },
      outputSchema: {
        month: z.string(),
        totalEur: z.number(),
        previousEur: z.number(),
        expenses: z.number().int(),
        categories: z.array(
          z.object({
            category: z.enum(categoryNames),
            totalEur: z.number(),
            expenses: z.number().int(),
          }),
        ),
      },
      annotations: { readOnlyHint: true },
    },
    ({ month }, extra) => monthlyReport(converse(server, extra), month ?? today().slice(0, 7)),
  )
}

function registerPrompt(server: McpServer): void {
  server.registerPrompt(
    'budget_review',
    {
      title: 'Review my budget',
      description: 'Asks for a review of a month against a budget.',
      argsSchema: {
        month: monthShape,
        budget: z
          .string()
          .regex(/^\d+(\.\d+)?$/, 'Give a number.')
          .optional()
          .describe('In EUR'),
      },
    },
    async ({ month = today().slice(0, 7), budget }) => {
      const lines = [
        `Review my expenses in ${month}.`,
        budget === undefined ? 'I have set no budget.' : `My budget is ${budget} EUR.`,
        'Tell me where I can spend less, in three points at most. This is my ledger:',
      ]
      return {
        messages: [
          { role: 'user', content: { type: 'text', text: lines.join(' ') } },
          { role: 'user', content: { type: 'resource', resource: await ledgerContents() } },
        ],
      }
    },
  )
}

function registerLedger(server: McpServer): void {
  server.registerResource(
    'ledger',
    ledgerUri,
    { title: 'The ledger', description: 'All expenses.', mimeType: 'application/json' },
    async () => ({ contents: [await ledgerContents()] }),
  )
  let unsubscribe: (() => unknown) | undefined
  const end = (): void => {
    unsubscribe?.()
    unsubscribe = undefined
  }
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    if (params.uri !== ledgerUri) throw new Error(`There is only ${ledgerUri} to subscribe to.`)
    unsubscribe ??= ledger.onChange(() => {
      // A client that has just gone has no use for the news.
      server.server.sendResourceUpdated({ uri: ledgerUri }).catch(end)
    })
    return {}
  })
  server.server.setRequestHandler(UnsubscribeRequestSchema, () => {
    end()
    return {}
  })
  server.server.onclose = end
}

async function ledgerContents(): Promise<{ uri: string; mimeType: string; text: string }> {
  const text = JSON.stringify(await ledger.read(), undefined, 2)
  return { uri: ledgerUri, mimeType: 'application/json', text }
}

async function addExpense(talk: Conversation): Promise<CallToolResult> {
  const assumed: string[] = []
  const amountEur = await answerTo(talk, amountQuestion, assumed)
  const category = await answerTo(talk, categoryQuestion, assumed)
  const date = await answerTo(talk, dateQuestion(today()), assumed)
  const note = await answerTo(talk, noteQuestion, assumed)

  const expense = { amountEur, category, date, ...(note !== undefined && { note }) }
  await ledger.add(expense)
  const what = `${euros(amountEur)} for ${categories[category].toLowerCase()} on ${date}`
  const noted = note === undefined ? `Added: ${what}.` : `Added: ${what} (${note}).`
  return {
    content: [{ type: 'text', text: [noted, ...assumed].join('\n') }],
    structuredContent: { outcome: 'added', expense, assumed },
  }
}

async function analyzeSpending(talk: Conversation, month: string): Promise<CallToolResult> {
  const spending = spendingOf(await ledger.read(), month)
  if (spending.expenses === 0) return textResult(`There is nothing to analyze in ${month}.`)
  const facts = [`${month}: ${euros(spending.totalEur)} in all.`, ...spendingLines(spending)]
  const sampled = await talk.sample(
    'You help people to understand what they spend. Answer in three sentences at most.',
    facts.join('\n'),
  )
  if (sampled.action === 'written') return textResult(sampled.text)
  return textResult([`The bare numbers only, because ${sampled.why}.`, ...facts].join('\n'))
}

async function monthlyReport(talk: Conversation, month: string): Promise<CallToolResult> {
  const all = await ledger.read()
  const before = monthBefore(month)
  await talk.work([
    'Reading the ledger',
    `Sorting the expenses of ${month}`,
    'Adding up the categories',
    `Comparing with ${before}`,
    'Writing the report',
  ])
  const spending = spendingOf(all, month)
  const previousEur = spendingOf(all, before).totalEur
  const differenceEur = spending.totalEur - previousEur
  const compared = `${euros(Math.abs(differenceEur))} ${differenceEur < 0 ? 'less' : 'more'}`
  const lines = [
    `Expenses in ${month}`,
    `Total: ${euros(spending.totalEur)}, ${compared} than in ${before}`,
    ...spendingLines(spending),
  ]
  return {
    content: [{ type: 'text', text: lines.join('\n') }],
    structuredContent: { ...spending, previousEur },
  }
}

function textResult(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] }
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

await serveMcp('expenses', createExpenses)
