import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { compress } from './build/compress.ts';

const hub = process.env.KAFEDRA_HUB ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [react(), compress()],
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  server: {
    proxy: {
      '/api': { target: hub },
      '/ws': { target: hub.replace(/^http/, 'ws'), ws: true },
    },
  },
  build: {
    // Every browser that can join a room (Safari 17, Firefox 115) knows module preloading.
    modulePreload: { polyfill: false },
    target: 'es2022',
    manifest: true,
    reportCompressedSize: false,
    // Everything stays a file of its own: the content policy allows no data: scripts, and the hub caches files for a year.
    assetsInlineLimit: 0,
    // The first load lists every file that a page may need: short names make it smaller. `.vite/manifest.json` says what is what.
    rollupOptions: {
      output: { chunkFileNames: 'assets/[hash:8].js', assetFileNames: 'assets/[hash:8][extname]' },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
