// The call of the page's phone: who calls, and what a person does with it.

import type { AgentNow, Order, Session } from "./api";
import { minutes, useNow } from "./clock";
import type { Phone, Shown, Talk } from "./phone";
import { Transfer } from "./Transfer";
import { type Key, type Language, speak } from "./words";

const LINES: Record<Shown["line"], Key> = {
  connecting: "phone_connecting",
  ready: "phone_ready",
  lost: "phone_lost",
};

interface Given {
  shown: Shown;
  phone: Phone | null;
  language: Language;
  session: Session;
  now: AgentNow | null;
  order: (order: Order) => void;
}

export function CallCard(props: Given) {
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
      {talk && phone && <Call {...props} talk={talk} phone={phone} />}
    </section>
  );
}

function Call(props: Given & { talk: Talk; phone: Phone }) {
  const { talk, phone, now } = props;
  const t = speak(props.language);
  if (talk.phase !== "talking") {
    return (
      <div data-call={talk.phase}>
        <p className="from">
          {t("incoming")} <strong>{talk.from}</strong> {now?.call?.region}
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
        <strong>{talk.from}</strong> {now?.call?.region} <Clock since={talk.since} /> {talk.held && t("held")}
      </p>
      <div className="row">
        <button type="button" onClick={() => phone.mute(!talk.muted)}>
          {t(talk.muted ? "unmute" : "mute")}
        </button>
        <button type="button" onClick={() => phone.hold(!talk.held)}>
          {t(talk.held ? "resume" : "hold")}
        </button>
        {now?.orders.includes("rate") && (
          <button type="button" onClick={() => props.order("rate")}>
            {t("rate")}
          </button>
        )}
        <button type="button" className="danger" onClick={() => phone.hangUp()}>
          {t("hang_up")}
        </button>
      </div>
      {now?.call && (
        <Transfer now={now} session={props.session} language={props.language} order={props.order} />
      )}
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
  const now = useNow();
  return <time>{minutes(now - props.since)}</time>;
}
