import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

import { converse } from './conversation.ts'
import type { Conversation, Sampled } from './conversation.ts'
import { answerTo, untilStopped } from './question.ts'
import { serveMcp } from './serve-mcp.ts'
import {
  bookQuestion,
  destinationQuestion,
  kindQuestion,
  kinds,
  nightsQuestion,
  travellersQuestion,
} from './trip-questions.ts'
import type { Kind, Travellers } from './trip-questions.ts'

interface Plan extends Travellers {
  destination: string
  kind: Kind
  nights: number
  priceEur: number
}
interface Trip extends Plan {
  reference: string
}

// Kept by the process and not by the session: whoever shares this process shares the trips.
const trips: Trip[] = []
const processId = randomBytes(4).toString('hex')

const planShape = {
  destination: z.string(),
  kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  nights: z.number().int(),
  adults: z.number().int(),
  children: z.number().int(),
  priceEur: z.number(),
}

function createTripPlanner(): McpServer {
  const server = new McpServer(
    { name: 'trip-planner', title: 'Trip planner', version: '1.0.0' },
    { instructions: 'Call plan_trip without arguments; it asks for everything it needs.' },
  )

  server.registerTool(
    'plan_trip',
    {
      title: 'Plan and book a trip',
      description:
        'Asks where to, what for, how long and with whom, plans the trip, asks the language ' +
        'model for tips, and books after a last confirmation.',
      outputSchema: {
        outcome: z.enum(['booked', 'not-booked', 'stopped']),
        reference: z.string().optional(),
        plan: z.object(planShape).optional(),
        tips: z.string().optional(),
        tipsFrom: z.enum(['client', 'planner']).optional(),
        assumed: z.array(z.string()).optional(),
      },
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
    },
    (extra) => untilStopped(() => planTrip(converse(server, extra))),
  )

  server.registerTool(
    'list_trips',
    {
      title: 'List the booked trips',
      description: 'The trips that were booked in this process.',
      outputSchema: { trips: z.array(z.object({ reference: z.string(), ...planShape })) },
      annotations: { readOnlyHint: true },
    },
    () => ({
      content: [{ type: 'text', text: trips.map(tripLine).join('\n') || 'No trip is booked.' }],
      structuredContent: { trips },
    }),
  )

  server.registerTool(
    'whoami',
    {
      title: 'Say which process this is',
      description: 'The process that serves this session, and how many trips it has booked.',
      outputSchema: {
        pid: z.number().int(),
        process: z.string().describe('Random, chosen when the process started'),
        pidNamespace: z.string().nullable().describe('Pids of two namespaces do not compare'),
        sessionId: z.string().nullable().describe('BERTH_SESSION_ID, if the server was given one'),
        trips: z.number().int(),
      },
      annotations: { readOnlyHint: true },
    },
    whoami,
  )
  return server
}

async function planTrip(talk: Conversation): Promise<CallToolResult> {
  const assumed: string[] = []
  const destination = await answerTo(talk, destinationQuestion, assumed)
  const kind = await answerTo(talk, kindQuestion(destination), assumed)
  const nights = await answerTo(talk, nightsQuestion, assumed)
  const travellers = await answerTo(talk, travellersQuestion, assumed)

  await talk.work([
    `Looking at the map of ${destination}`,
    'Comparing ways to get there',
    `Finding beds for ${count(nights, 'night')}`,
    'Asking about the weather',
    'Adding up the price',
  ])
  const priceEur = kinds[kind].perNightEur * nights * (travellers.adults + travellers.children / 2)
  const plan: Plan = { destination, kind, nights, ...travellers, priceEur }
  const sampled = await talk.sample(
    'You are a travel writer. Answer in two short sentences.',
    `What should nobody miss on this trip? ${planLine(plan)}`,
  )
  const tips = sampled.action === 'written' ? sampled.text : kinds[kind].tips

  const isWanted = await answerTo(talk, bookQuestion(planLine(plan)), assumed)
  const reference = isWanted ? book(plan) : undefined
  const lines = [
    reference === undefined
      ? 'Not booked; you can plan again at any time.'
      : `Booked: ${reference}`,
    planLine(plan),
    ...assumed,
    tipsLine(sampled, tips),
  ]
  return {
    content: [{ type: 'text', text: lines.join('\n') }],
    structuredContent: {
      outcome: reference === undefined ? 'not-booked' : 'booked',
      ...(reference !== undefined && { reference }),
      plan,
      tips,
      tipsFrom: sampled.action === 'written' ? 'client' : 'planner',
      assumed,
    },
  }
}

function book(plan: Plan): string {
  const reference = `TRIP-${randomBytes(3).toString('hex').toUpperCase()}`
  trips.push({ reference, ...plan })
  return reference
}

function whoami(): CallToolResult {
  const sessionId = process.env['BERTH_SESSION_ID'] ?? null
  const { pid } = process
  const text = `Process ${pid}, ${count(trips.length, 'trip')} booked.`
  return {
    content: [{ type: 'text', text: sessionId === null ? text : `${text} Session ${sessionId}.` }],
    structuredContent: {
      pid,
      process: processId,
      pidNamespace: pidNamespace(),
      sessionId,
      trips: trips.length,
    },
  }
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    // Only Linux has it.
    return null
  }
}

function tipsLine(sampled: Sampled, tips: string): string {
  if (sampled.action === 'written') return `Tips: ${tips}`
  return `Tips: ${tips} (Our own, because ${sampled.why}.)`
}

function tripLine(trip: Trip): string {
  return `${trip.reference}: ${planLine(trip)}`
}

function planLine({ destination, kind, nights, adults, children, priceEur }: Plan): string {
  const people = [count(adults, 'adult'), ...(children > 0 ? [count(children, 'child')] : [])]
  const what = kinds[kind].title.toLowerCase()
  return `${destination}, ${what}, ${count(nights, 'night')}, ${people.join(', ')}: ${priceEur} EUR.`
}

function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`
  return `${number} ${noun === 'child' ? 'children' : `${noun}s`}`
}

await serveMcp('trip-planner', createTripPlanner)
