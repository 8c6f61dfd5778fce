import type { Channel } from './channels.ts'
import type { LoadPlan, ProfileName } from './plan.ts'
import type { Step } from './steps.ts'
import {
  announce,
  ask,
  echo,
  keep,
  recall,
  recallElsewhere,
  report,
  sample,
  scenarioStep,
} from './steps.ts'

export interface Profile {
  /** What every session goes through once, in this order, before anything else. */
  agenda: readonly Step[]
  /** What it does then, each as often as its weight says. */
  often: readonly (readonly [Step, number])[]
  /** How often, of a thousand times, it is closed or abandoned instead and another one opened. */
  churnPerMille: number
  /** What every session has to get back. */
  required: readonly Channel[]
}

const profiles: Record<ProfileName, Omit<Profile, 'required'>> = {
  calls: {
    agenda: [keep, echo, recall],
    often: [
      [echo, 9],
      [recall, 1],
    ],
    churnPerMille: 0,
  },
  elicitation: { agenda: [ask], often: [[ask, 1]], churnPerMille: 0 },
  sampling: { agenda: [sample], often: [[sample, 1]], churnPerMille: 0 },
  progress: { agenda: [report], often: [[report, 1]], churnPerMille: 0 },
  streams: { agenda: [announce], often: [[announce, 1]], churnPerMille: 0 },
  churn: { agenda: [keep, echo, recall], often: [[echo, 1]], churnPerMille: 500 },
  mixed: {
    agenda: [keep, echo, recall, ask, sample, report, announce],
    often: [
      [echo, 40],
      [recall, 8],
      [ask, 14],
      [sample, 14],
      [report, 12],
      [announce, 12],
    ],
    churnPerMille: 4,
  },
}

export function profileOf({
  profile,
  users,
  members = [],
}: Pick<LoadPlan, 'profile' | 'users' | 'members'>): Profile {
  const own = typeof profile === 'string' ? profiles[profile] : ofScenario(profile.tools)
  const chosen = members.length > 1 && own.agenda.includes(recall) ? withElsewhere(own) : own
  const required = new Set(chosen.agenda.flatMap(({ channels }) => channels))
  if (users.length > 1) required.add('ownership')
  return { ...chosen, required: [...required] }
}

/** What one server of a bundle keeps is looked for at the others, too. */
function withElsewhere({
  agenda,
  often,
  churnPerMille,
}: Omit<Profile, 'required'>): Omit<Profile, 'required'> {
  return {
    churnPerMille,
    agenda: [...agenda, recallElsewhere],
    often: [...often, [recallElsewhere, 4]],
  }
}

function ofScenario(
  tools: Exclude<LoadPlan['profile'], string>['tools'],
): Omit<Profile, 'required'> {
  const steps = tools.map((tool) => [scenarioStep(tool), tool.weight] as const)
  return { agenda: steps.map(([step]) => step), often: steps, churnPerMille: 0 }
}

/** One of them, by weight. */
export function pick(often: Profile['often'], random: number): Step | undefined {
  const total = often.reduce((sum, [, weight]) => sum + weight, 0)
  let left = random * total
  for (const [step, weight] of often) {
    left -= weight
    if (left < 0) return step
  }
  return often.at(-1)?.[0]
}
