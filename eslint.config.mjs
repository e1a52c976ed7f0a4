import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Arrows point one way: what stands in `target` must not import what stands in `from`. */
const layers = [
  {
    target: './src/protocol',
    from: './src',
    except: ['./protocol'],
    message: 'The protocol imports nothing of the project.',
  },
  { target: './src/formats', from: './src', except: ['./formats'], message: 'Formats import nothing of the project.' },
  {
    target: './src/trainer',
    from: './src',
    except: ['./trainer', './protocol', './formats'],
    message: 'The trainer stands on protocol and formats alone.',
  },
  {
    target: './src/lab',
    from: './src',
    except: ['./lab', './protocol', './formats'],
    message: 'The lab asks a trainer child rather than importing the trainer.',
  },
  {
    target: './src/extension',
    from: './src',
    except: ['./extension', './lab', './protocol', './formats'],
    message: 'The extension stands on lab, protocol and formats.',
  },
  {
    target: './src/cli',
    from: './src',
    except: ['./cli', './lab', './protocol', './formats'],
    message: 'The command line stands on lab, protocol and formats.',
  },
  { target: './webview', from: './src', except: ['./protocol'], message: 'The webview knows the protocol alone.' },
  { target: './src', from: './webview', message: 'Nothing in src imports the webview.' },
];

const only = (name, where) => ({
  group: [name, `${name}/*`],
  message: `Only ${where} may import ${name}.`,
});

export default tseslint.config(
  { ignores: ['dist', 'out', '.cache', '**/node_modules', 'test/parity', 'sat-runs', 'sat-demo'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver': { node: { extensions: ['.ts', '.mjs'] } } },
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json', './webview/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones: layers }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            only('vscode', 'src/extension'),
            only('@tensorflow', 'src/trainer/tf.ts and src/trainer/runtimes'),
          ],
        },
      ],
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Takes VS Code's interfaces, which are declared as classes, for classes of our own.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      // A class of only static parts is not used here; empty functions stand where a callback is required.
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['src/extension/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [only('@tensorflow', 'src/trainer')] }] },
  },
  {
    files: ['src/trainer/tf.ts', 'src/trainer/runtimes/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [only('vscode', 'src/extension')] }] },
  },
  {
    files: ['**/*.test.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'URL',
          'Buffer',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'fetch',
          'document',
          'window',
          'performance',
          'getComputedStyle',
          'MutationObserver',
          'AbortController',
          'AbortSignal',
          'structuredClone',
          'TextDecoder',
          'TextEncoder',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  prettier,
);
