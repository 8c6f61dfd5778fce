import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'

import { accept, open, temporaryFolder, textOf, ways, written } from './support.ts'

const answers = {
  amount: accept({ amount: 12.5 }),
  category: accept({ category: 'food' }),
  date: accept({ date: '2026-11-03' }),
  note: accept({ note: 'lunch' }),
}
const lunch = { amountEur: 12.5, category: 'food', date: '2026-11-03', note: 'lunch' }
const today = new Date().toISOString().slice(0, 10)

for (const way of ways) {
  test(`an expense is written down after four questions (${way})`, async (t) => {
    const folder = await temporaryFolder(t)
    const env = { BERTH_WORKSPACE: folder }
    const { call, asked, client } = await open(t, 'expenses', way, { elicit: answers, env })
    const { structuredContent } = await call('add_expense')
    assert.deepEqual(asked, ['amount', 'category', 'date', 'note'])
    assert.deepEqual(structuredContent, { outcome: 'added', expense: lunch, assumed: [] })

    const file = await readFile(join(folder, 'expenses.json'), 'utf8')
    assert.deepEqual(JSON.parse(file), [lunch])
    const { contents } = await client.readResource({ uri: 'expenses://ledger' })
    assert.deepEqual(JSON.parse(String(contents[0] && 'text' in contents[0] && contents[0].text)), [
      lunch,
    ])
  })

  test(`every question about an expense can be declined or cancelled (${way})`, async (t) => {
    const table = [
      {
        key: 'amount',
        action: 'decline',
        outcome: 'stopped',
        says: /no expense without an amount/,
      },
      {
        key: 'category',
        action: 'decline',
        outcome: 'added',
        says: /everything else on 2026-11-03/,
      },
      { key: 'date', action: 'decline', outcome: 'added', says: new RegExp(`on ${today}`) },
      { key: 'note', action: 'decline', outcome: 'added', says: /Noted without a note/ },
      { key: 'amount', action: 'cancel', outcome: 'stopped', says: /cancelled .* the amount/ },
      { key: 'category', action: 'cancel', outcome: 'stopped', says: /cancelled .* the category/ },
      { key: 'date', action: 'cancel', outcome: 'stopped', says: /cancelled .* the date/ },
      { key: 'note', action: 'cancel', outcome: 'stopped', says: /cancelled .* the note/ },
    ] as const
    const env = { BERTH_WORKSPACE: await temporaryFolder(t) }
    const elicit: Record<string, ElicitResult> = {}
    const { call } = await open(t, 'expenses', way, { elicit, env })
    for (const { key, action, outcome, says } of table) {
      await t.test(`${action} ${key}`, async () => {
        Object.assign(elicit, answers, { [key]: { action } })
        const result = await call('add_expense')
        assert.equal(result.structuredContent?.['outcome'], outcome)
        assert.match(textOf(result), says)
      })
    }
  })

  test(`subscribers hear of every change of the ledger until they unsubscribe (${way})`, async (t) => {
    const env = { BERTH_WORKSPACE: await temporaryFolder(t) }
    const { call, client } = await open(t, 'expenses', way, { elicit: answers, env })
    const uri = 'expenses://ledger'
    let heard = (): void => undefined
    const updates: string[] = []
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      updates.push(params.uri)
      heard()
    })
    await client.subscribeResource({ uri })
    const first = new Promise<void>((resolve) => (heard = resolve))
    await call('add_expense')
    await first
    await client.unsubscribeResource({ uri })
    await call('add_expense')
    assert.deepEqual(updates, [uri])
    await assert.rejects(client.subscribeResource({ uri: 'expenses://other' }), /only expenses:/)
  })

  test(`spending is analyzed by the client, and by numbers alone if it refuses (${way})`, async (t) => {
    const env = { BERTH_WORKSPACE: await temporaryFolder(t) }
    const elicit = answers
    const writer = await open(t, 'expenses', way, {
      elicit,
      env,
      sample: ({ messages }) => written(`Seen: ${JSON.stringify(messages)}`),
    })
    const month = '2026-11'
    assert.match(textOf(await writer.call('analyze_spending', { month })), /nothing to analyze/)
    await writer.call('add_expense')
    assert.match(
      textOf(await writer.call('analyze_spending', { month })),
      /Food and drink: 12.50 EUR/,
    )
    const refuser = await open(t, 'expenses', way, { env })
    assert.match(
      textOf(await refuser.call('analyze_spending', { month })),
      /^The bare numbers only, because your client said: User rejected/,
    )
  })

  test(`the report of a month adds up and reports its progress (${way})`, async (t) => {
    const folder = await temporaryFolder(t)
    const ledger = [
      { ...lunch, amountEur: 0.1 },
      { ...lunch, amountEur: 0.2 },
      { amountEur: 40, category: 'travel', date: '2026-11-30' },
      { amountEur: 50, category: 'home', date: '2026-10-01' },
    ]
    await writeFile(join(folder, 'expenses.json'), JSON.stringify(ledger))
    const env = { BERTH_WORKSPACE: folder }
    const { client, progress } = await open(t, 'expenses', way, { env })
    const params = { name: 'monthly_report', arguments: { month: '2026-11' } }
    const result = await client.callTool(params, undefined, {
      onprogress: () => undefined,
    })
    assert.deepEqual(
      progress.map((step) => step.progress),
      [1, 2, 3, 4, 5],
    )
    assert.deepEqual(result.structuredContent, {
      month: '2026-11',
      totalEur: 40.3,
      previousEur: 50,
      expenses: 3,
      categories: [
        { category: 'travel', totalEur: 40, expenses: 1 },
        { category: 'food', totalEur: 0.3, expenses: 2 },
      ],
    })
  })
}

test('a damaged ledger is reported and left as it is', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'expenses.json'), '{"not": "a ledger"')
  const { call } = await open(t, 'expenses', 'stdio', {
    elicit: answers,
    env: { BERTH_WORKSPACE: folder },
  })
  const result = await call('add_expense')
  assert.equal(result.isError, true)
  assert.match(textOf(result), /damaged and was left as it is/)
  assert.equal(await readFile(join(folder, 'expenses.json'), 'utf8'), '{"not": "a ledger"')
})

test('the budget review hands over the ledger and refuses a month that is none', async (t) => {
  const env = { BERTH_WORKSPACE: await temporaryFolder(t) }
  const { client } = await open(t, 'expenses', 'stdio', { env })
  const { messages } = await client.getPrompt({
    name: 'budget_review',
    arguments: { month: '2026-11', budget: '900' },
  })
  assert.match(JSON.stringify(messages), /My budget is 900 EUR.*expenses:\/\/ledger/)
  await assert.rejects(
    client.getPrompt({ name: 'budget_review', arguments: { month: 'May' } }),
    /Give the month as year-month/,
  )
})
