// Names as Russian schools write them: «Иванова Мария Петровна».

/** Two letters for an avatar. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /\p{L}/u.test(word));
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toLocaleUpperCase() ?? '')
    .join('');
}

/** One of six calm hues, always the same for one person. */
export function hueOf(id: string): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return [165, 205, 250, 300, 25, 45][hash % 6] ?? 165;
}

/** «Иванова Мария Петровна» is «Мария Иванова» where there is little room. */
export function shortName(name: string): string {
  const [family, given] = name.split(' ');
  return family && given ? `${given} ${family}` : name;
}
