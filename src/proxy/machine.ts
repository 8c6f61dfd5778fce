/**
 * Which state follows which, and by what. What is not named for a state cannot happen in it.
 */
export type Transitions<State extends string, Happening extends string> = {
  readonly [state in State]: { readonly [happening in Happening]?: State }
}

/** Something that is in one state at a time, and changes only as its table of transitions has it. */
export interface Machine<State extends string, Happening extends string> {
  readonly state: State
  is(state: State): boolean
  /** @returns false when that cannot happen now; then nothing has changed */
  take(happening: Happening): boolean
}

export function createMachine<State extends string, Happening extends string>(
  transitions: Transitions<State, Happening>,
  first: State,
): Machine<State, Happening> {
  const machine = {
    state: first,
    is: (state: State) => machine.state === state,
    take(happening: Happening) {
      const next: State | undefined = transitions[machine.state][happening]
      if (next === undefined) return false
      machine.state = next
      return true
    },
  }
  return machine
}
