// What a room needs after its beginning, in one piece that is fetched while nobody waits for it.
export { ChatPanel } from './chat-panel';
export { Over } from './over';
export { PeoplePanel } from './people-panel';
