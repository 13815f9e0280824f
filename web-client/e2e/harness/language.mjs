// Whether a page speaks English alone. What the school itself wrote (names, titles, subjects) stays as it is, so it is
// taken from what the hub sent to this very page.

/** The fields of the hub's messages that hold the school's own words; every other word on a page is the interface's. */
const OWN = new Set(
  (
    'display_name author_name name short_name school_name title subject subjects class group topic topics parts key text ' +
    'body homework note reason said'
  ).split(' '),
);

const CYRILLIC = /[\u0400-\u04ff]/;

/** Collects the school's words from whatever `page` receives; to be called before its first page. */
export function collectSchoolWords(page) {
  const words = new Set();
  words.onTheirWay = new Set();
  words.collect = (value) => collect(value);
  const collect = (value, own = false) => {
    if (typeof value === 'string') {
      if (own && CYRILLIC.test(value)) words.add(value);
    } else if (Array.isArray(value)) {
      for (const each of value) collect(each, own);
    } else if (value !== null && typeof value === 'object') {
      for (const [key, each] of Object.entries(value)) collect(each, OWN.has(key));
    }
  };
  // Of refusals nothing is taken: their texts are the interface's.
  page.on('response', (response) => {
    if (!response.ok() || !response.headers()['content-type']?.startsWith('application/json')) return;
    // A page that is left in the middle of an answer shows nothing of it.
    const read = response.json().then(collect, () => {});
    words.onTheirWay.add(read);
    void read.finally(() => words.onTheirWay.delete(read));
  });
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      if (typeof payload === 'string') collect(JSON.parse(payload));
    }),
  );
  return words;
}

/**
 * Texts with Cyrillic letters that are not the school's, which the page shows or has shown for a moment since it was
 * loaded or last asked: empty when all is English.
 */
export async function foreignTexts(page, schoolWords) {
  const { texts, answers } = await page.evaluate(() => {
    const { look, texts, answers } = window.__shown;
    look(document.body);
    const shown = [...new Set([document.title, ...texts])];
    texts.clear();
    return { texts: shown, answers: answers.splice(0) };
  });
  for (const answer of answers) schoolWords.collect(answer);
  // The page may be quicker with an answer than this process.
  await Promise.all(schoolWords.onTheirWay);
  const whole = [...schoolWords].sort((a, b) => b.length - a.length);
  const parts = new Set(whole.flatMap((text) => text.match(/[\u0400-\u04ff]+/g)));
  const all = ` ${[...parts].join(' ')} `;
  // An avatar shows two initials, a narrow tile a given name, and the name of a button may end within a long word.
  const initials = new Set([...parts].map((word) => word[0]));
  const isShortened = (word) =>
    all.includes(` ${word}`) || (word.length <= 2 && [...word].every((letter) => initials.has(letter)));
  return texts.filter((text) => {
    const rest = whole.reduce((left, own) => left.replaceAll(own, ' '), text);
    return (rest.match(/[\u0400-\u04ff]+/g) ?? []).some((word) => !isShortened(word));
  });
}

/** Runs in the page before its own code: keeps everything Cyrillic that is drawn or read out, were it for one frame. */
export function recordShown() {
  const texts = new Set();
  const ATTRIBUTES = ['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt'];
  const keep = (text) => text && /[\u0400-\u04ff]/.test(text) && texts.add(text);
  const lookAt = (node) => {
    const element = node instanceof Element ? node : node.parentElement;
    // Marked as Russian on purpose: the name of the language.
    if (!element || element.closest('script, style, noscript, [lang=ru]')) return;
    if (node.nodeType === Node.TEXT_NODE) keep(node.data);
    else for (const name of ATTRIBUTES) keep(element.getAttribute(name));
  };
  const look = (root) => {
    lookAt(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) lookAt(walker.currentNode);
  };
  // Answers once more, as the page itself reads them: from outside a body can be gone before it is asked for.
  const answers = [];
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (answer.ok && answer.headers.get('content-type')?.startsWith('application/json'))
      answers.push(await answer.clone().json());
    return answer;
  };
  window.__shown = { texts, look, answers };
  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (!document.body?.contains(target)) continue;
      if (type === 'childList') for (const node of addedNodes) look(node);
      else lookAt(target);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ATTRIBUTES });
}
