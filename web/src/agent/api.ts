// What the page asks of the API: who is signed in, the agent's state, a phone. One word of the session goes with each
// change; a refusal is a problem document, whose title is in the page's language.

import type { Language } from "./words";

export interface Session {
  enterprise: string;
  login: string;
  name: string;
  agent: string | null;
  must_change: boolean;
  token: string;
}

export type State = "off" | "free" | "ringing" | "talking" | "after_work" | "rest";

/** How far a call is: `moving` while the caller is on its way to somebody else. */
export type CallState = "in_flow" | "ringing" | "talking" | "on_hold" | "moving" | "ending";

export interface LiveCall {
  call: string;
  number: string;
  caller: string;
  region: string;
  state: CallState;
  destination: string;
  began_at: number;
  since: number;
}

/** What follows a talk: about which call, until when, whether the agent may end it, and whether a result is owed first. */
export interface AfterWork {
  call: string | null;
  until: number | null;
  may_end: boolean;
  owes_result: boolean;
}

export interface AgentNow {
  agent: string;
  name: string;
  state: State;
  reason: string;
  since: number;
  call: LiveCall | null;
  /** The orders about the call that may be given now, by their words. */
  orders: string[];
  after_work: AfterWork | null;
  queues: string[];
  /** What rings for the agent, and what it has to choose from. */
  device: Device;
  devices: Device[];
  today: { answered: number; missed: number; rejected: number; talk_ms: number };
}

export type Device = "phone" | "mobile";

export type Wish = "log_in" | "log_out" | "ready" | { rest: string } | { device: Device };

export type To = { agent: string } | { extension: string } | { bound: string } | { queue: string };

export type Order =
  | "hold"
  | "resume"
  | "complete"
  | "return"
  | "swap"
  | "merge"
  | "rate"
  | { transfer: To }
  | { consult: To };

export interface Targets {
  agents: { agent: string; name: string; state: State; has_room: boolean; queues: string[] }[];
  queues: { queue: string; waiting: number; free: number }[];
  bound: string[];
  extensions: { extension: string; name: string }[];
}

export interface Note {
  text: string;
  written_at: string;
}

/** A result that can be chosen, or what several have in common. */
export interface ResultChoice {
  code: string;
  name: string;
  codes: ResultChoice[];
}

/** What an agent may say came of a call, and what it said; nobody gave what the queue has by default. */
export interface ResultTerms {
  open: boolean;
  mandatory: boolean;
  codes: ResultChoice[];
  result: { code: string; name: string; given_by: string } | null;
}

export interface LentPhone {
  user: string;
  name: string;
  password: string;
  realm: string;
  for_s: number;
  ice_servers: RTCIceServer[];
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    title: string,
  ) {
    super(title);
  }
}

interface Problem {
  code?: string;
  title?: string;
}

async function ask<T>(
  language: Language,
  method: string,
  path: string,
  body?: unknown,
  token = "",
  keepalive = false,
): Promise<T> {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    keepalive,
    headers: {
      "Accept-Language": language,
      "Content-Type": "application/json",
      ...(token ? { "X-Sibai-Token": token } : {}),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as Problem;
    throw new Refused(answer.status, problem.code ?? "", problem.title ?? `${answer.status}`);
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export interface Typed {
  enterprise: string;
  login: string;
  password: string;
}

export function api(language: Language) {
  const of = (session: Session) => {
    const name = encodeURIComponent(session.agent ?? "");
    return `/enterprises/${encodeURIComponent(session.enterprise)}/agents/${name}`;
  };
  return {
    who: () => ask<Session>(language, "GET", "/session"),
    signIn: (typed: Typed) => ask<Session>(language, "POST", "/session", typed),
    signOut: (session: Session) => ask<void>(language, "DELETE", "/session", undefined, session.token),
    changePassword: (session: Session, old: string, fresh: string) =>
      ask<void>(language, "PUT", "/session/password", { old, new: fresh }, session.token),
    steer: (session: Session, wish: Wish) =>
      ask<AgentNow>(language, "PUT", `${of(session)}/state`, wish, session.token),
    targets: (session: Session) => ask<Targets>(language, "GET", `${of(session)}/targets`),
    order: (session: Session, order: Order) =>
      ask<AgentNow>(language, "POST", `${of(session)}/call`, order, session.token),
    note: (session: Session, call: string) => ask<Note>(language, "GET", `${of(session)}/calls/${call}/note`),
    putNote: (session: Session, call: string, text: string) =>
      // It arrives though the page is closed meanwhile.
      ask<Note>(language, "PUT", `${of(session)}/calls/${call}/note`, { text }, session.token, true),
    result: (session: Session, call: string) =>
      ask<ResultTerms>(language, "GET", `${of(session)}/calls/${call}/result`),
    putResult: (session: Session, call: string, code: string) =>
      ask<ResultTerms>(language, "PUT", `${of(session)}/calls/${call}/result`, { code }, session.token),
    phone: (session: Session) =>
      ask<LentPhone>(language, "POST", `${of(session)}/phone`, undefined, session.token),
    events: (session: Session) => new EventSource(`/api/v1${of(session)}/events`),
  };
}
