import { basename } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { Evaluation } from '../lab/evaluate';
import { formatDuration } from '../lab/format';
import { attackTitle, shareWords } from '../lab/robustness';
import { logPace, print } from './output';

/** Shows how far an evaluation is; to be updated whenever it was read. */
interface Progress {
  update: () => void;
  stop: () => void;
}

/** On standard error, as a bar where that is a terminal, else as lines of a log. */
export function showProgress(evaluation: Evaluation): Progress {
  return process.stderr.isTTY ? progressBar(evaluation) : progressLog(evaluation);
}

function progressBar(evaluation: Evaluation): Progress {
  const bar = new SingleBar({
    format: `${nameOf(evaluation)} {bar} {percentage} % | {left} | {accuracy}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(1, 0, { left: '', accuracy: '' });
  return {
    update: () => {
      const { progress } = evaluation;
      bar.setTotal(progress.batches ?? 1);
      bar.update(progress.batch, { left: leftWords(evaluation), accuracy: accuracyWords(evaluation) });
    },
    stop: () => bar.stop(),
  };
}

/** For a log: a line a minute. */
export function progressLog(evaluation: Evaluation): Progress {
  let told = Date.now();
  return {
    update: () => {
      if (Date.now() - told < logPace) return;
      told = Date.now();
      const done = `${Math.floor(evaluation.doneShare * 100)} %`;
      const words = [done, accuracyWords(evaluation), leftWords(evaluation)].filter((part) => part !== '');
      print.note(`${nameOf(evaluation)}: ${words.join(' · ')}`);
    },
    stop: () => {},
  };
}

function nameOf({ checkpoint, record }: Evaluation): string {
  return `${basename(checkpoint, '.safetensors')} ${attackTitle(record?.attack ?? { name: '' })}`;
}

function leftWords({ progress: { secondsLeft } }: Evaluation): string {
  return secondsLeft === undefined ? '' : `${formatDuration(secondsLeft)} left`;
}

function accuracyWords({ robust }: Evaluation): string {
  return robust ? `${shareWords(robust)} so far` : '';
}
