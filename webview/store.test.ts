import { describe, expect, it } from 'vitest';
import type { RunView } from '../src/protocol/panel';
import { Store } from './store';

const view = (key: string, more: Partial<RunView> = {}): RunView => ({
  key,
  label: key,
  short: key,
  name: key,
  group: '',
  method: 'SAT',
  variant: key,
  status: 'running',
  state: '',
  headline: '',
  runtime: '',
  ...more,
});

function storeOf(...runs: RunView[]): Store {
  const store = new Store();
  store.apply({ type: 'runs', runs, selected: runs.map(({ key }) => key), reading: false });
  return store;
}

function addPoint(store: Store, run: string): void {
  const [steps, values] = [new Float64Array([50]), new Float64Array([0.5])];
  store.apply({ type: 'points', run, metric: 'test/accuracy', from: 0, steps, values });
}

describe('the x axis', () => {
  const trained = view('trained', { epochs: 10, steps: 100 });

  it('stays in epochs while a run that has not told of its start is shown too', () => {
    const store = storeOf(trained, view('starting'));
    addPoint(store, 'trained');
    expect(store.inEpochs).toBe(true);
    expect(store.longest).toBe(10);
    expect(store.trace(trained, 'test/accuracy')).toEqual([{ x: 5, y: 0.5 }]);
  });

  it('is in steps for all where one with points does not know its epochs', () => {
    const store = storeOf(trained, view('old'));
    addPoint(store, 'trained');
    addPoint(store, 'old');
    expect(store.inEpochs).toBe(false);
    expect(store.longest).toBe(100);
  });
});

describe('the variants of a method', () => {
  it('are those of shown runs, in the order of selection, so that one more leaves the others their shades', () => {
    const [wide, narrow] = [view('wide', { variant: 'w' }), view('narrow', { variant: 'n' })];
    const store = storeOf(wide, view('wide again', { variant: 'w' }), view('other', { method: 'ERM' }), narrow);
    expect(store.variantsOf('SAT')).toEqual(['w', 'n']);
    expect(store.variantsOf('ERM')).toEqual(['other']);
    store.apply({ type: 'runs', runs: store.runs, selected: ['narrow'], reading: false });
    expect(store.variantsOf('SAT')).toEqual(['n']);
  });
});
