import { abstainingMethods, type MethodConfig, type MethodName, type MethodOptions } from '../../protocol/methods';
import { adversarialTraining } from './adversarialTraining';
import { coTeaching } from './coTeaching';
import { deepGamblers } from './deepGamblers';
import { elr } from './elr';
import { erm } from './erm';
import { gce } from './gce';
import { labelSmoothing } from './labelSmoothing';
import type { Method, MethodContext } from './method';
import { mixup } from './mixup';
import { sat } from './sat';
import { satSce } from './satSce';
import { sce } from './sce';
import { selectiveSat } from './selectiveSat';
import { trades } from './trades';
import { tradesSat } from './tradesSat';

type Factories = { [N in MethodName]: (options: MethodOptions<N>, context: MethodContext) => Method };

const factories: Factories = {
  erm,
  sat,
  sat_sce: satSce,
  label_smoothing: labelSmoothing,
  mixup,
  gce,
  sce,
  elr,
  co_teaching: coTeaching,
  selective_sat: selectiveSat,
  deep_gamblers: deepGamblers,
  adversarial_training: adversarialTraining,
  trades,
  trades_sat: tradesSat,
};

/** Makes the method that a configuration names. */
export function createMethod<N extends MethodName>(
  options: MethodOptions<N> & MethodConfig,
  context: MethodContext,
): Method {
  const name: N = options.name;
  return factories[name](options, context);
}

/** How many outputs a method's network has. */
export function methodOutputs(name: MethodName, classes: number): number {
  return abstainingMethods.has(name) ? classes + 1 : classes;
}
