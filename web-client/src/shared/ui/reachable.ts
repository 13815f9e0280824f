/** For what scrolls by itself: without it nobody can scroll there by keyboard. */
export const reachable = { tabIndex: 0 } as const;
