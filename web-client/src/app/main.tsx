// Starts the web client: theme, language, data, pages.
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { commonTexts, errorTexts } from '../shared/i18n/common';
import { currentLocale, notifyLocale } from '../shared/i18n/locale';
import { queryClient } from './query';
import { router } from './router';
import './styles.css';
import { theme } from './theme';

document.documentElement.lang = currentLocale();
if (currentLocale() === 'en') {
  // Drawn in Russian for the moment that this takes.
  Promise.all([commonTexts.load(), errorTexts.load()]).then(notifyLocale, () => undefined);
}

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
