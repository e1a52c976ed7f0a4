let revisions = 0;

function nextRevision(): number {
  revisions += 1;
  return revisions;
}

/** One metric's points, in order of their steps. Grows by doubling, so that a million points stay cheap. */
export class Series {
  private stepData: Float64Array = new Float64Array(64);
  private epochData: Float64Array = new Float64Array(64);
  private valueData: Float64Array = new Float64Array(64);
  length = 0;
  /**
   * Changes whenever something other than adding at the end happens: what was read before no longer holds. No two
   * series ever share one, so a series that takes the place of another is seen to be another.
   */
  revision = nextRevision();

  get steps(): Float64Array {
    return this.stepData.subarray(0, this.length);
  }

  /** Finished epochs at each point; NaN where the event did not tell. */
  get epochs(): Float64Array {
    return this.epochData.subarray(0, this.length);
  }

  get values(): Float64Array {
    return this.valueData.subarray(0, this.length);
  }

  /** Adds a point. One of the same step replaces the old one: events of one step merge, and the newer value wins. */
  set(step: number, epoch: number, value: number): void {
    const at = this.indexFrom(step);
    if (at < this.length) this.revision = nextRevision();
    if (this.stepData[at] !== step || at >= this.length) this.insert(at);
    this.stepData[at] = step;
    this.epochData[at] = epoch;
    this.valueData[at] = value;
  }

  /** Forgets every point after a step. */
  truncateAfter(step: number): void {
    const length = this.indexFrom(step + 0.5);
    if (length < this.length) this.revision = nextRevision();
    this.length = length;
  }

  /** Index of the first point at or after a step. */
  private indexFrom(step: number): number {
    let [low, high] = [0, this.length];
    if (high === 0 || (this.stepData[high - 1] ?? 0) < step) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.stepData[middle] ?? 0) < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private insert(at: number): void {
    if (this.length === this.stepData.length) {
      this.stepData = grown(this.stepData);
      this.epochData = grown(this.epochData);
      this.valueData = grown(this.valueData);
    }
    for (const data of [this.stepData, this.epochData, this.valueData]) data.copyWithin(at + 1, at, this.length);
    this.length += 1;
  }
}

function grown(data: Float64Array): Float64Array {
  const larger = new Float64Array(data.length * 2);
  larger.set(data);
  return larger;
}
