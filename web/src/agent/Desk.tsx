// An agent's desk: state, phone, call, devices. What the agent is comes as events of the API; what the phone does, from it.

import { useEffect, useRef, useState } from "react";
import { type AgentNow, api, Refused, type Session, type State, type Wish } from "./api";
import { CallCard } from "./CallCard";
import { Devices } from "./Devices";
import { Phone, type Shown } from "./phone";
import { type Key, type Language, speak } from "./words";

const REASONS: Key[] = ["lunch", "meeting", "training", "break"];

export function Desk(props: { session: Session; language: Language; signedOut: () => void }) {
  const { session, language } = props;
  const t = speak(language);
  const [now, setNow] = useState<AgentNow | null>(null);
  const [shown, setShown] = useState<Shown>({ line: "connecting", talk: null });
  const [refused, setRefused] = useState("");
  const phone = useRef<Phone | null>(null);
  const signedOut = useRef(props.signedOut);
  signedOut.current = props.signedOut;

  useEffect(() => {
    const door = api(language);
    const events = door.events(session);
    events.addEventListener("agent", (event) => setNow(JSON.parse((event as MessageEvent<string>).data)));
    events.addEventListener("end", () => {
      events.close();
      door.who().catch(() => signedOut.current());
    });
    return () => events.close();
  }, [session, language]);

  useEffect(() => {
    const one = new Phone(() => api("zh-CN").phone(session), setShown);
    phone.current = one;
    one.start().catch((error) => setRefused(String(error.message ?? error)));
    const leave = () => one.leave();
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      one.stop();
    };
  }, [session]);

  const steer = async (wish: Wish) => {
    setRefused("");
    try {
      setNow(await api(language).steer(session, wish));
    } catch (error) {
      if (error instanceof Refused && error.status === 401) props.signedOut();
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <div className="desk">
      <section className="card" aria-label={t("state")}>
        <h2>
          {t("state")}
          <output className={`state ${now?.state ?? "off"}`} data-state={now?.state ?? "off"}>
            {t(now?.state ?? "off")} {now?.state === "rest" ? reason(now.reason, t) : ""}
          </output>
        </h2>
        <Wishes state={now?.state ?? "off"} language={language} steer={(wish) => void steer(wish)} />
        {now && (
          <p className="today">
            {t("today")} · {t("answered")} {now.today.answered} · {t("missed")} {now.today.missed} ·{" "}
            {t("talk")} {Math.round(now.today.talk_ms / 1000)} s
          </p>
        )}
        {refused && <p role="alert">{refused}</p>}
      </section>
      <CallCard shown={shown} phone={phone.current} language={language} />
      <Devices language={language} />
    </div>
  );
}

function reason(code: string, t: (key: Key) => string): string {
  const known = REASONS.find((one) => one === code);
  return known ? t(known) : code;
}

function Wishes(props: { state: State; language: Language; steer: (wish: Wish) => void }) {
  const t = speak(props.language);
  const { state, steer } = props;
  if (state === "off") {
    return (
      <button type="button" className="first" onClick={() => steer("log_in")}>
        {t("log_in")}
      </button>
    );
  }
  return (
    <div className="row">
      {(state === "rest" || state === "after_work") && (
        <button type="button" className="first" onClick={() => steer("ready")}>
          {t("ready")}
        </button>
      )}
      <select
        aria-label={t("rest_for")}
        value=""
        onChange={(event) => event.target.value && steer({ rest: event.target.value })}
      >
        <option value="">{t("rest_for")}</option>
        {REASONS.map((one) => (
          <option key={one} value={one}>
            {t(one)}
          </option>
        ))}
      </select>
      <button type="button" onClick={() => steer("log_out")}>
        {t("log_out")}
      </button>
    </div>
  );
}
