import type { MethodConfig, MethodName, MethodOptions } from '../../protocol/methods';
import { adversarialTraining } from './adversarialTraining';
import { erm } from './erm';
import type { Method, MethodContext } from './method';
import { sat } from './sat';
import { trades } from './trades';
import { tradesSat } from './tradesSat';

type Factories = { [N in MethodName]: (options: MethodOptions<N>, context: MethodContext) => Method };

const factories: Factories = {
  erm,
  sat,
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
