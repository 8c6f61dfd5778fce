import type { Access, AccessRule } from '../auth/access.ts'
import type { AccessSetting } from '../auth/options.ts'
import type { Path, Problems } from './problems.ts'

type Written = NonNullable<AccessSetting['allow']>[number]

/**
 * Who may use what, as it is written in `access`, and in the `disabledTools` of other clients.
 *
 * @returns undefined where everybody may use everything
 */
export function readAccess(
  { access, disabledTools = [] }: { access?: AccessSetting; disabledTools?: readonly string[] },
  where: Path,
  problems: Problems,
): Access | undefined {
  const rules = (name: 'allow' | 'deny'): AccessRule[] | undefined =>
    access?.[name]?.map((rule, index) => ruleOf(rule, [...where, 'access', name, index], problems))
  const allow = rules('allow')
  // A name of a tool, letter for letter: there are no patterns in those lists.
  const disabled = disabledTools.filter((name) => !name.includes('*'))
  const deny = [
    ...(rules('deny') ?? []),
    ...(disabled.length === 0 ? [] : [{ ...nothing, tools: disabled }]),
  ]
  return allow === undefined && deny.length === 0 ? undefined : { allow, deny }
}

const nothing = { who: undefined, tools: undefined, prompts: undefined, resources: undefined }

function ruleOf(written: Written, at: Path, problems: Problems): AccessRule {
  if (typeof written === 'string') {
    const names = [written]
    return { who: undefined, tools: names, prompts: names, resources: names }
  }
  const { claim, any, tools, prompts, resources } = written
  if ((claim === undefined) !== (any === undefined)) {
    problems.add(
      at,
      'claim and any go together. Example: { claim: groups, any: [oncall], tools: ["restart_*"] }',
    )
  }
  if (any?.length === 0) {
    problems.add([...at, 'any'], 'is empty, so that the rule is about nobody; name a value.')
  }
  if (tools === undefined && prompts === undefined && resources === undefined) {
    problems.add(at, 'names nothing; add tools, prompts or resources.')
  }
  const who = claim === undefined || any === undefined ? undefined : { claim, any }
  return { who, tools, prompts, resources }
}
