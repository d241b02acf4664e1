// What the agent writes about a call: while it talks and while it writes up. Kept by a button, and when the text is left.

import { useEffect, useState } from "react";
import { api, type Session } from "./api";
import { type Language, speak } from "./words";

/** The longest note that is kept, in characters. */
const TEXT_MAX = 2_000;

export function Notes(props: { session: Session; language: Language; call: string }) {
  const { session, language, call } = props;
  const t = speak(language);
  const [text, setText] = useState("");
  const [kept, setKept] = useState("");
  const [told, setTold] = useState("");

  useEffect(() => {
    let open = true;
    setText("");
    setKept("");
    setTold("");
    api("zh-CN")
      .note(session, call)
      .then((note) => {
        if (!open) return;
        setText((typed) => typed || note.text);
        setKept(note.text);
      })
      .catch(() => undefined);
    return () => {
      open = false;
    };
  }, [session, call]);

  const keep = async () => {
    if (text.trim() === kept) return;
    setTold("");
    try {
      const note = await api(language).putNote(session, call, text);
      setKept(note.text);
      setText((typed) => (typed.trim() === note.text ? note.text : typed));
    } catch (error) {
      setTold(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <section className="card" aria-label={t("notes")}>
      <h2>{t("notes")}</h2>
      <textarea
        name="note"
        aria-label={t("notes")}
        rows={4}
        maxLength={TEXT_MAX}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setTold("");
        }}
        onBlur={() => void keep()}
      />
      <div className="row">
        <button type="button" disabled={text.trim() === kept} onClick={() => void keep()}>
          {t("keep")}
        </button>
        <output data-note={text.trim() === kept ? "kept" : "open"}>
          {told || (kept && text.trim() === kept ? t("kept") : "")}
        </output>
      </div>
    </section>
  );
}
