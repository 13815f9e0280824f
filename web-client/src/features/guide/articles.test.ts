import { describe, expect, it } from 'vitest';
import type { SchoolRole } from '../../shared/api';
import { ARTICLES, articleFor, FORMS, partOf, TROUBLES } from './articles';
import { guideTexts } from './texts';

const ROLES: SchoolRole[] = ['student', 'guardian', 'teacher', 'deputy_head', 'unit_head', 'staff', 'head', 'admin'];

describe('R2.3b: articles', () => {
  it('exist for every role and form, as steps that differ', () => {
    for (const role of ROLES)
      for (const form of FORMS) {
        const steps = articleFor(role, form);
        expect(steps.length, `${role} ${form}`).toBeGreaterThan(1);
        expect(new Set(steps).size, `${role} ${form}`).toBe(steps.length);
      }
  });

  it('use every step that was written', () => {
    const used = new Set([
      ...Object.values(ARTICLES).flatMap((forms) => Object.values(forms).flat()),
      ...Object.values(TROUBLES).flat(),
    ]);
    const written = Object.keys(guideTexts.russian).filter((key) => key.startsWith('step_'));
    expect([...used].sort()).toEqual(written.sort());
  });

  it('open with what a person mostly does', () => {
    expect(partOf(['deputy_head', 'teacher'])).toBe('host');
    expect(partOf(['guardian'])).toBe('guardian');
    expect(partOf([])).toBe('student');
  });
});
