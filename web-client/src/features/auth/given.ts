// The password that was just typed at the sign-in, for the page that asks for another: in memory, and read once.
let given: { login: string; password: string } | undefined;

export function noteGiven(login: string, password: string): void {
  given = { login, password };
}

/** What was typed for this login; gone with the next page. */
export function takeGiven(login: string): string | undefined {
  const typed = given?.login === login ? given.password : undefined;
  given = undefined;
  return typed;
}
