import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { handleOf } from '../../src/ground/handle.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import type { ConnectOptions, Connected } from '../support/mcp-client.ts'
import { demoServers, transports } from './transports.ts'
import type { TransportName } from './transports.ts'

const gateway = await startTestGateway({ after }, demoServers('expenses'))
const uri = 'expenses://ledger'

type Answer = ElicitResult | Record<string, string | number>
const lunch: Answer[] = [
  { amount: 12.5 },
  { category: 'food' },
  { date: '2026-11-03' },
  { note: 'noodles' },
]
const decline: ElicitResult = { action: 'decline' }

describe('the official client and the expenses', { concurrency: 4 }, () => {
  for (const transport of transports) {
    it(`add, subscribe, analyze and report over ${transport}`, async (t) => {
      const updates: string[] = []
      const { client, call, sessionId } = await answering(t, transport, [...lunch], {
        sampling: ({ messages, systemPrompt }) => {
          assert.match(systemPrompt ?? '', /understand what they spend/)
          assert.match(JSON.stringify(messages), /2026-11: 12\.50 EUR in all/)
          return 'You eat well.'
        },
      })
      const updated = new Promise<void>((resolve) => {
        client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
          updates.push(params.uri)
          resolve()
        })
      })
      await client.subscribeResource({ uri })

      const expense = { amountEur: 12.5, category: 'food', date: '2026-11-03', note: 'noodles' }
      const added = await call('add_expense')
      assert.deepEqual(added.structuredContent, { outcome: 'added', expense, assumed: [] })
      await updated
      assert.deepEqual(updates, [uri])
      const { contents } = await client.readResource({ uri })
      const [ledger] = contents as { text: string }[]
      assert.deepEqual(JSON.parse(ledger!.text), [expense])
      const workspace = join(gateway.stateDir, 'sessions', handleOf(sessionId!), 'workspace')
      assert.deepEqual(JSON.parse(readFileSync(join(workspace, 'expenses.json'), 'utf8')), [
        expense,
      ])

      assert.equal(textOf(await call('analyze_spending', { month: '2026-11' })), 'You eat well.')
      const seen: number[] = []
      const report = await call(
        'monthly_report',
        { month: '2026-11' },
        { onProgress: ({ progress }) => seen.push(progress) },
      )
      assert.deepEqual(seen, [1, 2, 3, 4, 5])
      assert.deepEqual(report.structuredContent, {
        month: '2026-11',
        totalEur: 12.5,
        previousEur: 0,
        expenses: 1,
        categories: [{ category: 'food', totalEur: 12.5, expenses: 1 }],
      })
    })

    it(`hear no more over ${transport} after unsubscribing`, async (t) => {
      const updates: string[] = []
      const { client, call } = await answering(t, transport, [...lunch, ...lunch])
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        updates.push(params.uri)
      })
      await client.subscribeResource({ uri })
      await client.unsubscribeResource({ uri })
      await call('add_expense')
      await assert.rejects(client.subscribeResource({ uri: 'expenses://other' }), /only/)
      await client.ping()
      assert.deepEqual(updates, [])
    })

    it(`get the prompt with the ledger over ${transport}, and what is wrong with its arguments`, async (t) => {
      const { client } = await answering(t, transport, [])
      const { prompts } = await client.listPrompts()
      assert.deepEqual(
        prompts.map(({ name }) => name),
        ['budget_review'],
      )
      const { messages } = await client.getPrompt({
        name: 'budget_review',
        arguments: { month: '2026-11', budget: '900' },
      })
      const [words, ledger] = messages.map(({ content }) => content)
      assert.match(words?.type === 'text' ? words.text : '', /My budget is 900 EUR/)
      assert.equal(ledger?.type === 'resource' && ledger.resource.uri, uri)
      await assert.rejects(
        client.getPrompt({ name: 'budget_review', arguments: { budget: 'much' } }),
        /Give a number/,
      )
    })

    it(`note what is declined over ${transport}, and nothing without an amount`, async (t) => {
      const { call } = await answering(t, transport, [
        { amount: 3 },
        decline,
        decline,
        decline,
        decline,
      ])
      const { structuredContent } = await call('add_expense')
      const { expense, assumed } = structuredContent as { expense: object; assumed: string[] }
      assert.equal('category' in expense && expense.category, 'other')
      assert.equal(assumed.length, 3)
      assert.equal(
        textOf(await call('add_expense')),
        'There is no expense without an amount, so nothing was noted.',
      )
    })

    it(`tell two reports apart over ${transport} that are built at once in one session`, async (t) => {
      const { call } = await answering(t, transport, [])
      const months = ['2026-10', '2026-11']
      const seen = await Promise.all(
        months.map(async (month) => {
          const messages: (string | undefined)[] = []
          await call('monthly_report', { month }, { onProgress: (p) => messages.push(p.message) })
          return messages[1]
        }),
      )
      assert.deepEqual(
        seen,
        months.map((month) => `Sorting the expenses of ${month}`),
      )
    })
  }
})

function answering(
  t: TestContext,
  transport: TransportName,
  answers: Answer[],
  options: ConnectOptions = {},
): Promise<Connected<Awaited<ReturnType<typeof connectClient>>['client'], unknown>> {
  return connectClient(t, gateway.mcp(transport), {
    ...options,
    elicitation(): ElicitResult {
      const next = answers.shift()
      if (next === undefined) throw new Error('one question too many')
      return isResult(next) ? next : { action: 'accept', content: next }
    },
  })
}

function isResult(answer: Answer): answer is ElicitResult {
  return 'action' in answer
}
