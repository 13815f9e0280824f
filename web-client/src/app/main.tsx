// Starts the web client: theme, language, data, pages.
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { currentLocale } from '../shared/i18n/locale';
import { loadEnglish } from '../shared/i18n/texts';
import { queryClient } from './query';
import { router } from './router';
import './styles.css';
import { theme } from './theme';

document.documentElement.lang = currentLocale();

function draw() {
  const root = document.getElementById('root');
  if (!root) return;
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

// What is drawn while a page is on its way must have its own words already.
if (currentLocale() === 'en') void loadEnglish().then(draw);
else draw();
