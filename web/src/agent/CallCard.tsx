// The call of the page's phone: who calls, and what a person does with it.

import { useEffect, useState } from "react";
import type { Phone, Shown, Talk } from "./phone";
import { type Key, type Language, speak } from "./words";

const LINES: Record<Shown["line"], Key> = {
  connecting: "phone_connecting",
  ready: "phone_ready",
  lost: "phone_lost",
};

export function CallCard(props: { shown: Shown; phone: Phone | null; language: Language }) {
  const { shown, phone, language } = props;
  const t = speak(language);
  const { talk } = shown;
  return (
    <section className="card" aria-label={t("call")}>
      <h2>
        {t("phone")}
        <output className={`line ${shown.line}`} data-line={shown.line}>
          {t(LINES[shown.line])}
        </output>
      </h2>
      {!talk && <p>{t("no_call")}</p>}
      {talk && phone && <Call talk={talk} phone={phone} language={language} />}
    </section>
  );
}

function Call(props: { talk: Talk; phone: Phone; language: Language }) {
  const { talk, phone } = props;
  const t = speak(props.language);
  if (talk.phase !== "talking") {
    return (
      <div data-call={talk.phase}>
        <p className="from">
          {t("incoming")} <strong>{talk.from}</strong>
        </p>
        <div className="row">
          <button
            type="button"
            className="first"
            disabled={talk.phase === "answering"}
            onClick={() => phone.answer()}
          >
            {t("answer")}
          </button>
          <button type="button" className="danger" onClick={() => phone.hangUp()}>
            {t("reject")}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div data-call="talking">
      <p className="from">
        <strong>{talk.from}</strong> <Clock since={talk.since} /> {talk.held && t("held")}
      </p>
      <div className="row">
        <button type="button" onClick={() => phone.mute(!talk.muted)}>
          {t(talk.muted ? "unmute" : "mute")}
        </button>
        <button type="button" onClick={() => phone.hold(!talk.held)}>
          {t(talk.held ? "resume" : "hold")}
        </button>
        <button type="button" className="danger" onClick={() => phone.hangUp()}>
          {t("hang_up")}
        </button>
      </div>
      <fieldset className="keys">
        <legend>{t("keys")}</legend>
        {[..."123456789*0#"].map((key) => (
          <button type="button" key={key} data-key={key} onClick={() => phone.press(key)}>
            {key}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

function Clock(props: { since: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - props.since) / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  return (
    <time>
      {two(Math.floor(seconds / 60))}:{two(seconds % 60)}
    </time>
  );
}
