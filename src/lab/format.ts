import { isShare } from '../protocol/metrics';

/** Numbers as people read them; the same in the tree, the panel's host side and the command line. */

/** "87.4 %" for metrics that are shares, else four significant digits. */
export function formatMetric(name: string, value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (isShare(name)) return `${(value * 100).toFixed(1)} %`;
  return Number(value.toPrecision(4)).toString();
}

/** "45 s", "4 min", "1 h 10 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "81 kB", "274 MB", "3.4 GB". */
export function formatBytes(bytes: number): string {
  const unit = ['kB', 'MB', 'GB'].findLast((_, power) => bytes >= 1000 ** (power + 1)) ?? 'kB';
  const value = bytes / { kB: 1e3, MB: 1e6, GB: 1e9 }[unit as 'kB' | 'MB' | 'GB'];
  return `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
}

/** "test/accuracy" as "test accuracy". */
export function metricWords(name: string): string {
  return name.replace(/[/_]/g, ' ');
}
