// What is typed about calls and not kept yet. It outlives the card it was typed in: the next call, an API that does not
// answer, and a reload of the page.

import { useEffect, useState } from "react";
import { api, type Note, type Session } from "./api";

export interface Draft {
  text: string;
  /** What was kept when it was typed; null while that is not known. */
  kept: string | null;
}

/** Between two tries to keep what is left. */
const AGAIN_MS = 5_000;

function place(session: Session, call = ""): string {
  return `sibai.note/${session.enterprise}/${session.agent}/${call}`;
}

export function draftOf(session: Session, call: string): Draft | null {
  const text = sessionStorage.getItem(place(session, call));
  return text === null ? null : (JSON.parse(text) as Draft);
}

/** A draft that says what is kept already is none. */
export function setDraft(session: Session, call: string, draft: Draft): void {
  if (draft.text.trim() === draft.kept) sessionStorage.removeItem(place(session, call));
  else sessionStorage.setItem(place(session, call), JSON.stringify(draft));
}

/** What was kept and not known stays above what was typed. */
export function joined(kept: string, typed: string): string {
  return kept && typed.trim() ? `${kept}\n${typed}` : kept || typed;
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
  if (!draft) return null;
  let { text } = draft;
  if (draft.kept === null) {
    text = joined((await api("zh-CN").note(session, call)).text, text);
  }
  const note = await api("zh-CN").putNote(session, call, text);
  const now = draftOf(session, call);
  if (now) setDraft(session, call, { text: now.text === draft.text ? note.text : now.text, kept: note.text });
  return note;
}

function calls(session: Session): string[] {
  const before = place(session);
  const keys = Array.from({ length: sessionStorage.length }, (_, at) => sessionStorage.key(at) ?? "");
  return keys.filter((key) => key.startsWith(before)).map((key) => key.slice(before.length));
}

/** Keeps what is left of earlier calls, again and again; how many are left. The call on the desk has a card of its own. */
export function useDrafts(session: Session, onDesk: string | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    let open = true;
    const others = () => calls(session).filter((call) => call !== onDesk);
    const keep = async () => {
      await Promise.all(others().map((call) => keepDraft(session, call).catch(() => null)));
      if (open) setLeft(others().length);
    };
    void keep();
    const timer = window.setInterval(() => void keep(), AGAIN_MS);
    return () => {
      open = false;
      window.clearInterval(timer);
    };
  }, [session, onDesk]);
  return left;
}
