import * as z from 'zod';
import { eager, type Compile } from '../../src/trainer/runtimes/program';
import { replayAutoAttack, replayPgd } from './attacks';
import { Fixture, casesIn, passes, type Check } from './fixture';
import { replayImageNoise, replayNoise } from './noise';
import { canReplayTraining, replayTraining } from './training';
import { replayUnitLosses } from './unitLosses';

export interface CaseResult {
  name: string;
  checks: Check[];
  /** What of the case no part of the trainer replays yet, in words. */
  unsupported: string[];
}

/** Replays one case on the runtime that is active. */
export async function replayCase(root: string, name: string, compile: Compile = eager): Promise<CaseResult> {
  const fixture = new Fixture(root, name);
  const { kind } = fixture.scalars(z.object({ kind: z.string() }));
  if (canReplayTraining(kind)) return { name, checks: replayTraining(fixture, compile), unsupported: [] };
  if (kind === 'unit_losses') return { name, ...replayUnitLosses(fixture) };
  if (kind === 'noise') return { name, checks: replayNoise(fixture), unsupported: [] };
  if (kind === 'image_noise') return { name, checks: replayImageNoise(fixture), unsupported: [] };
  if (kind === 'pgd') return { name, checks: await replayPgd(fixture, compile), unsupported: [] };
  if (kind === 'apgd') return { name, checks: await replayAutoAttack(fixture, compile), unsupported: [] };
  return { name, checks: [], unsupported: [kind] };
}

/** Replays every case in a folder. */
export async function replayAll(root: string, compile: Compile): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const name of casesIn(root)) results.push(await replayCase(root, name, compile));
  return results;
}

export function failed(results: readonly CaseResult[]): Check[] {
  return results.flatMap(({ checks }) => checks.filter((check) => !passes(check)));
}
