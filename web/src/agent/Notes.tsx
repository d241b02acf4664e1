// What the agent writes about a call: while it talks and while it writes up. Kept by a button, when the text is left, and
// when the next call takes its place.

import { useEffect, useState } from "react";
import { api, type Session } from "./api";
import { draftOf, joined, keepDraft, type Left, setDraft } from "./drafts";
import { type Language, speak } from "./words";

/** The longest note that is kept, in characters. */
const TEXT_MAX = 2_000;
/** Between two tries to read what is kept. */
const AGAIN_MS = 3_000;

/** The note about one call; another call's is another card, by its key. */
export function Notes(props: { session: Session; language: Language; call: string }) {
  const { session, language, call } = props;
  const t = speak(language);
  const [text, setText] = useState(() => draftOf(session, call)?.text ?? "");
  const [kept, setKept] = useState(() => draftOf(session, call)?.kept ?? null);
  const [told, setTold] = useState("");
  const isKnown = kept !== null;

  useEffect(() => {
    if (isKnown) return;
    let timer = 0;
    let open = true;
    const read = async () => {
      try {
        const note = await api("zh-CN").note(session, call);
        if (!open) return;
        const typed = draftOf(session, call)?.text ?? "";
        const whole = joined(note.text, typed);
        setDraft(session, call, { text: whole, kept: note.text });
        setText(whole);
        setKept(note.text);
      } catch {
        // Nothing is written over what could not be read.
        if (open) timer = window.setTimeout(() => void read(), AGAIN_MS);
      }
    };
    void read();
    return () => {
      open = false;
      window.clearTimeout(timer);
    };
  }, [session, call, isKnown]);

  useEffect(() => () => void keepDraft(session, call).catch(() => undefined), [session, call]);

  const type = (typed: string) => {
    setText(typed);
    setDraft(session, call, { text: typed, kept });
    setTold("");
  };

  const keep = async () => {
    if (!isKnown) return;
    setTold("");
    try {
      const note = await keepDraft(session, call);
      if (!note) return;
      setKept(note.text);
      setText((typed) => (typed.trim() === note.text ? note.text : typed));
    } catch (error) {
      setTold(error instanceof Error ? error.message : String(error));
    }
  };

  const isKept = text.trim() === (kept ?? "");
  return (
    <section className="card" aria-label={t("notes")}>
      <h2>{t("notes")}</h2>
      <textarea
        name="note"
        aria-label={t("notes")}
        rows={4}
        maxLength={TEXT_MAX}
        value={text}
        onChange={(event) => type(event.target.value)}
        onBlur={() => void keep()}
      />
      <div className="row">
        <button type="button" disabled={isKept || !isKnown} onClick={() => void keep()}>
          {t("keep")}
        </button>
        <output data-note={isKept ? "kept" : "open"}>
          {told || (isKnown ? kept && isKept && t("kept") : t("note_unread"))}
        </output>
      </div>
    </section>
  );
}

/** What was typed about earlier calls and is not kept: it is tried again, or shown with why not until its agent lets it go. */
export function LeftNotes(props: { language: Language; left: Left[]; drop: (call: string) => void }) {
  const t = speak(props.language);
  const [refused, waiting] = [
    props.left.filter((one) => one.refused),
    props.left.filter((one) => !one.refused),
  ];
  return (
    <>
      {waiting.length > 0 && (
        <p role="status" data-drafts={waiting.length}>
          {t("drafts_left")} {waiting.length}
        </p>
      )}
      {refused.map((one) => (
        <section className="card" key={one.call} aria-label={t("note_refused")} data-refused={one.call}>
          <h2>{t("note_refused")}</h2>
          <p role="alert">{one.refused}</p>
          <textarea readOnly rows={3} value={one.text} aria-label={t("notes")} />
          <div className="row">
            <button type="button" onClick={() => props.drop(one.call)}>
              {t("discard")}
            </button>
          </div>
        </section>
      ))}
    </>
  );
}
