import type { MethodConfig } from './methods';
import type { ModelConfig } from './models';

/** The width that the authors' α and E_s are meant for. */
const baseWidth = 64;

/**
 * The options that a run uses. For a network of base width w ≠ 64, self-adaptive training takes α^(w/64) for α and
 * ⌊E_s · 64/w⌋ for E_s, as the authors' main.py does for every loss with "sat" in its name (facts 1.1), unless
 * `adaptToWidth` is false. All else is used as it stands.
 */
export function methodForModel(method: MethodConfig, model: ModelConfig): MethodConfig {
  if ((method.name !== 'sat' && method.name !== 'sat_sce') || method.adaptToWidth === false) return method;
  if (!('width' in model) || model.width === baseWidth) return method;
  const factor = baseWidth / model.width;
  return { ...method, alpha: method.alpha ** (1 / factor), startEpoch: Math.trunc(method.startEpoch * factor) };
}
