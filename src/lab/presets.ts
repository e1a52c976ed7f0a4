import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

/** A configuration that ships with SAT Lab: an experiment of the paper, or a small form of one. */
export interface Preset {
  /** What stands after `preset:`. */
  name: string;
  title: string;
  /** What it does, what it is taken from, and what differs from there. */
  notes: string;
  isSweep: boolean;
}

const prefix = 'preset:';
const extension = '.sat.json';

/** Bundled, this code lies in dist/, beside media/; as source, in src/lab/. */
const folder = ['..', '../..'].map((up) => join(__dirname, up, 'media', 'presets')).find((path) => existsSync(path));

/** NAME of `preset:NAME`; undefined for anything else. */
export function presetName(reference: string): string | undefined {
  return reference.startsWith(prefix) ? reference.slice(prefix.length) : undefined;
}

export function presetReference(name: string): string {
  return prefix + name;
}

/** The file of a preset; undefined when there is none of that name. */
export function presetFile(name: string): string | undefined {
  // A name is no path: it must not lead out of the folder.
  if (folder === undefined || !/^[\w.-]+$/.test(name)) return undefined;
  const file = join(folder, name + extension);
  return existsSync(file) ? file : undefined;
}

/** What to say when a preset is not there. */
export async function noSuchPreset(): Promise<string> {
  const names = (await listPresets()).map(({ name }) => name);
  return `there is no such preset. There are ${names.join(', ')}.`;
}

const described = z.looseObject({ name: z.string(), notes: z.string(), sweep: z.unknown().optional() });

/** All presets, by name. */
export async function listPresets(): Promise<Preset[]> {
  if (folder === undefined) return [];
  const files = (await readdir(folder)).filter((file) => file.endsWith(extension));
  const names = files.map((file) => file.slice(0, -extension.length)).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name + extension), 'utf8');
      const { name: title, notes, sweep } = described.parse(JSON.parse(text));
      return { name, title, notes, isSweep: sweep !== undefined };
    }),
  );
}
