// People and units over HTTP.
import { request } from '../../shared/net/http';

export const ROLES = ['student', 'guardian', 'teacher', 'deputy_head', 'unit_head', 'staff', 'head', 'admin'] as const;
export type Role = (typeof ROLES)[number];
export type HeldRole = { role: Role; unit?: string; unit_name?: string; to?: string };
export type Person = {
  id: string;
  code: string;
  display_name: string;
  account: 'none' | 'active' | 'blocked';
  roles: HeldRole[];
};
export type PersonDetails = {
  person: Person;
  birth_date?: string;
  groups: { class: string; group: string; role: 'student' | 'teacher' }[];
  homeroom: string[];
  can: { account: boolean; give: Role[]; take: Role[] };
};
export type PeoplePage = { items: Person[]; total: number; after?: string; roles: Role[] };
export type Asked = { search: string; role: string; unit: string; blocked: boolean };
export type NewPerson = {
  code: string;
  family_name: string;
  given_name: string;
  middle_name: string;
  birth_date: string | null;
  role: Role;
  unit: string | null;
  account: boolean;
};
export type Unit = { id: string; name: string; heads: string[]; members: number; classes: string[] };
export type Units = { items: Unit[]; classes: { id: string; name: string; year: string; unit?: string }[] };

const at = (id: string, what = '') => `/api/v1/people/${encodeURIComponent(id)}${what}`;
const unitAt = (id: string) => `/api/v1/units/${encodeURIComponent(id)}`;

export function fetchPeople({ search, role, unit, blocked }: Asked, after = '') {
  const query = new URLSearchParams({ search, role, unit, blocked: String(blocked), after });
  return request<PeoplePage>('GET', `/api/v1/people?${query}`);
}
export const fetchPerson = (id: string) => request<PersonDetails>('GET', at(id));
export const addPerson = (person: NewPerson) =>
  request<{ person: PersonDetails; password?: string }>('POST', '/api/v1/people', person);
export const newPassword = (id: string) => request<{ password: string }>('POST', at(id, '/password'), {});
export const setBlocked = (id: string, blocks: boolean) =>
  request<PersonDetails>(blocks ? 'PUT' : 'DELETE', at(id, '/block'), blocks ? {} : undefined);
export const giveRole = (id: string, role: Role, unit: string | null) =>
  request<PersonDetails>('POST', at(id, '/roles'), { role, unit });
export const takeRole = (id: string, role: Role, unit = '') =>
  request<PersonDetails>('DELETE', at(id, `/roles?${new URLSearchParams({ role, unit })}`));
export const putIntoUnit = (id: string, unit: string | null) =>
  request<PersonDetails>('PUT', at(id, '/unit'), { unit });
export const fetchUnits = () => request<Units>('GET', '/api/v1/units');
export const addUnit = (name: string) => request<Units>('POST', '/api/v1/units', { name });
export const renameUnit = (id: string, name: string) => request<Units>('PUT', unitAt(id), { name });
export const dropUnit = (id: string) => request<Units>('DELETE', unitAt(id));
export const putClass = (id: string, unit: string | null) =>
  request<Units>('PUT', `/api/v1/classes/${encodeURIComponent(id)}/unit`, { unit });
