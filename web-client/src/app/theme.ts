// The look of the school: paper-white pages, the green of a chalkboard, amber for what happens right now.
import { createTheme, type MantineColorsTuple } from '@mantine/core';

const board: MantineColorsTuple = [
  '#e8f4ef',
  '#d2e6de',
  '#a6cebf',
  '#77b49e',
  '#4f9d83',
  '#348d70',
  '#227a5e',
  '#176a50',
  '#0f5c46',
  '#06462f',
];

const dark: MantineColorsTuple = [
  '#dfe5e2',
  '#b7c1bc',
  '#93a09a',
  '#6b7974',
  '#46524d',
  '#38433f',
  '#283230',
  '#1a2120',
  '#141a19',
  '#0e1312',
];

export const theme = createTheme({
  primaryColor: 'board',
  primaryShade: { light: 8, dark: 6 },
  colors: { board, dark },
  black: '#1b2421',
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily:
    '"Segoe UI Variable Text", "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.75rem', lineHeight: '1.25' } } },
});
