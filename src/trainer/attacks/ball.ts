import type { Norm } from '../../protocol/attacks';
import type { NumpyRandom } from '../random';

/** Keeps a division by a norm of zero finite, as in the authors' code. */
const tiny = 1e-12;

/** The ε-ball around an image, cut with [0, 1]. All arrays hold one image. */
export interface Ball {
  /** Makes of a gradient the steepest direction of size one: its signs for L∞, g / ‖g‖ for L2. In place. */
  toDirection(gradient: Float32Array): void;
  /** Moves a point to the nearest one of the ball around `natural`, then clamps it to [0, 1]. In place. */
  project(point: Float32Array, natural: Float32Array): void;
  norm(perturbation: Float32Array): number;
  /** A random point of the unit ball, uniformly. */
  inside(random: NumpyRandom, size: number): Float32Array;
  /** A random point of norm one: uniform numbers scaled for L∞, normal ones for L2. */
  onSurface(random: NumpyRandom, size: number): Float32Array;
}

export function ballOf(norm: Norm, epsilon: number): Ball {
  return norm === 'linf' ? maximumBall(epsilon) : euclideanBall(epsilon);
}

export function clampPixels(image: Float32Array): void {
  for (let i = 0; i < image.length; i += 1) image[i] = Math.min(Math.max(image[i] ?? 0, 0), 1);
}

/** Uniform in [−1, 1). */
function uniform(random: NumpyRandom, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => 2 * random.random() - 1);
}

function normal(random: NumpyRandom, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => random.randn());
}

function scale(values: Float32Array, factor: number): Float32Array {
  for (let i = 0; i < values.length; i += 1) values[i] = (values[i] ?? 0) * factor;
  return values;
}

function maximumBall(epsilon: number): Ball {
  const norm = (values: Float32Array) => {
    let largest = 0;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
    return largest;
  };
  return {
    norm,
    toDirection(gradient) {
      for (let i = 0; i < gradient.length; i += 1) gradient[i] = Math.sign(gradient[i] ?? 0);
    },
    project(point, natural) {
      for (let i = 0; i < point.length; i += 1) {
        const x = natural[i] ?? 0;
        const inBall = Math.min(Math.max(point[i] ?? 0, x - epsilon), x + epsilon);
        point[i] = Math.min(Math.max(inBall, 0), 1);
      }
    },
    inside: uniform,
    onSurface(random, size) {
      const values = uniform(random, size);
      return scale(values, 1 / (norm(values) + tiny));
    },
  };
}

function euclideanBall(epsilon: number): Ball {
  const norm = (values: Float32Array) => {
    let squares = 0;
    for (const value of values) squares += value * value;
    return Math.sqrt(squares);
  };
  const onSurface = (random: NumpyRandom, size: number) => {
    const values = normal(random, size);
    return scale(values, 1 / (norm(values) + tiny));
  };
  return {
    norm,
    toDirection(gradient) {
      scale(gradient, 1 / (norm(gradient) + tiny));
    },
    project(point, natural) {
      let squares = 0;
      for (let i = 0; i < point.length; i += 1) squares += ((point[i] ?? 0) - (natural[i] ?? 0)) ** 2;
      const factor = Math.min(1, epsilon / (Math.sqrt(squares) + tiny));
      for (let i = 0; i < point.length; i += 1) {
        const x = natural[i] ?? 0;
        point[i] = Math.min(Math.max(x + ((point[i] ?? 0) - x) * factor, 0), 1);
      }
    },
    inside(random, size) {
      const values = onSurface(random, size);
      return scale(values, random.random() ** (1 / size));
    },
    onSurface,
  };
}
