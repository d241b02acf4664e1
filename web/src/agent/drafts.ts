// What is typed about calls and not kept yet. It outlives the card it was typed in: the next call, an API that does not
// answer, and a reload of the page.

import { useEffect, useState } from "react";
import { api, type Note, Refused, type Session } from "./api";

export interface Draft {
  text: string;
  /** What was kept when it was typed; null while that is not known. */
  kept: string | null;
  /** Why it will never be kept as it is; no try follows. */
  refused?: string;
  /** Tries at which the call was not known: behind its end its record takes a while. */
  unknown?: number;
}

/** A draft of an earlier call that will not be kept: it is shown until its agent lets it go. */
export interface Left extends Draft {
  call: string;
}

/** Between two tries to keep what is left. */
const AGAIN_MS = 5_000;
/** A call that is not known after so many tries is none of the agent's. */
const UNKNOWN_MAX = 36;

function place(session: Session, call = ""): string {
  return `sibai.note/${session.enterprise}/${session.agent}/${call}`;
}

export function draftOf(session: Session, call: string): Draft | null {
  const text = sessionStorage.getItem(place(session, call));
  return text === null ? null : (JSON.parse(text) as Draft);
}

/** A draft that says what is kept already is none. */
export function setDraft(session: Session, call: string, draft: Draft): void {
  if (draft.text.trim() === draft.kept) dropDraft(session, call);
  else sessionStorage.setItem(place(session, call), JSON.stringify(draft));
}

export function dropDraft(session: Session, call: string): void {
  sessionStorage.removeItem(place(session, call));
}

/** What was kept and not known stays above what was typed, unless that is its end already: an answer may have been lost. */
export function joined(kept: string, typed: string): string {
  const end = typed.trim();
  if (!kept || !end) return kept || typed;
  return kept === end || kept.endsWith(`\n${end}`) ? kept : `${kept}\n${typed}`;
}

/** What is being kept, by place: nothing is written twice at once. */
const onTheirWay = new Map<string, Promise<Note | null>>();

/** Keeps a draft if there is one; what is typed meanwhile is a draft of what was kept. */
export function keepDraft(session: Session, call: string): Promise<Note | null> {
  const of = place(session, call);
  const known = onTheirWay.get(of);
  if (known) return known;
  const keeping = put(session, call).finally(() => onTheirWay.delete(of));
  onTheirWay.set(of, keeping);
  return keeping;
}

async function put(session: Session, call: string): Promise<Note | null> {
  const draft = draftOf(session, call);
  if (!draft || draft.refused) return null;
  let { text } = draft;
  try {
    if (draft.kept === null) {
      text = joined((await api("zh-CN").note(session, call)).text, text);
    }
    const note = await api("zh-CN").putNote(session, call, text);
    const now = draftOf(session, call);
    if (now) setDraft(session, call, { text: behind(note.text, draft, now), kept: note.text });
    return note;
  } catch (error) {
    noteRefusal(session, call, error);
    throw error;
  }
}

/** What is typed now, once `kept` is: what was kept without being known stays above it. */
function behind(kept: string, before: Draft, now: Draft): string {
  if (now.text === before.text) return kept;
  return now.kept === null ? joined(kept, now.text) : now.text;
}

/** Whether trying again may help is told by the answer: a draft that is wrong itself is not sent a second time. */
function noteRefusal(session: Session, call: string, error: unknown): void {
  const draft = draftOf(session, call);
  if (!draft || !(error instanceof Refused)) return;
  const unknown = (draft.unknown ?? 0) + (error.status === 404 ? 1 : 0);
  const isFinal = [400, 403, 422].includes(error.status) || unknown >= UNKNOWN_MAX;
  setDraft(session, call, isFinal ? { ...draft, refused: error.message } : { ...draft, unknown });
}

function calls(session: Session): string[] {
  const before = place(session);
  const keys = Array.from({ length: sessionStorage.length }, (_, at) => sessionStorage.key(at) ?? "");
  return keys.filter((key) => key.startsWith(before)).map((key) => key.slice(before.length));
}

/** Keeps what is left of earlier calls, again and again; what is left of them. The call on the desk has a card of its own. */
export function useDrafts(
  session: Session,
  onDesk: string | null,
): { left: Left[]; drop: (call: string) => void } {
  const [left, setLeft] = useState<Left[]>([]);
  useEffect(() => {
    let open = true;
    const keep = async () => {
      const others = calls(session).filter((call) => call !== onDesk);
      await Promise.all(others.map((call) => keepDraft(session, call).catch(() => null)));
      if (open) setLeft(leftOf(session, onDesk));
    };
    void keep();
    const timer = window.setInterval(() => void keep(), AGAIN_MS);
    return () => {
      open = false;
      window.clearInterval(timer);
    };
  }, [session, onDesk]);
  const drop = (call: string) => {
    dropDraft(session, call);
    setLeft(leftOf(session, onDesk));
  };
  return { left, drop };
}

function leftOf(session: Session, onDesk: string | null): Left[] {
  const found = calls(session)
    .filter((call) => call !== onDesk)
    .map((call) => ({ call, draft: draftOf(session, call) }));
  return found.flatMap(({ call, draft }) => (draft ? [{ call, ...draft }] : []));
}
