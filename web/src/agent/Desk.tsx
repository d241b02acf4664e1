// An agent's desk: state, phone, call, devices. What the agent is comes as events of the API; what the phone does, from it.

import { useEffect, useRef, useState } from "react";
import {
  type AfterWork,
  type AgentNow,
  api,
  type Device,
  type Order,
  Refused,
  type Session,
  type Wish,
} from "./api";
import { CallCard } from "./CallCard";
import { minutes, useNow } from "./clock";
import { Devices } from "./Devices";
import { useDrafts } from "./drafts";
import { LeftNotes, Notes } from "./Notes";
import { Phone, type Shown } from "./phone";
import { Results } from "./Results";
import { type Key, type Language, speak } from "./words";

const REASONS: Key[] = ["lunch", "meeting", "training", "break"];
/** Reasons that the platform gives. */
const GIVEN: Key[] = ["no_answer", "unreachable", "connection_lost"];

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
    one.start().catch((error) => {
      // Who answers on a mobile alone has no phone to be lent.
      if (error instanceof Refused && error.code === "no_phone") return;
      setRefused(String(error.message ?? error));
    });
    const leave = () => one.leave();
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      one.stop();
    };
  }, [session]);

  const attempt = async (deed: () => Promise<AgentNow>) => {
    setRefused("");
    try {
      setNow(await deed());
    } catch (error) {
      if (error instanceof Refused && error.status === 401) props.signedOut();
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };
  const steer = (wish: Wish) => void attempt(() => api(language).steer(session, wish));
  const order = (wish: Order) => void attempt(() => api(language).order(session, wish));
  // Who is only offered a call writes nothing about it.
  const about = (now?.state === "talking" && now.call?.call) || (now?.after_work?.call ?? null);
  const { left, drop } = useDrafts(session, about);

  return (
    <div className="desk">
      <section className="card" aria-label={t("state")}>
        <h2>
          {t("state")}
          <output className={`state ${now?.state ?? "off"}`} data-state={now?.state ?? "off"}>
            {t(now?.state ?? "off")} {now ? reason(now, t) : ""}
          </output>
        </h2>
        {now?.after_work && <WritesUp work={now.after_work} language={language} />}
        <Wishes now={now} language={language} steer={steer} />
        {now && now.devices.length > 1 && <Rings device={now.device} language={language} steer={steer} />}
        {now && (
          <p className="today">
            {t("today")} · {t("answered")} {now.today.answered} · {t("missed")} {now.today.missed} ·{" "}
            {t("rejected")} {now.today.rejected} · {t("talk")} {minutes(now.today.talk_ms)}
          </p>
        )}
        {refused && <p role="alert">{refused}</p>}
      </section>
      <CallCard
        shown={shown}
        phone={phone.current}
        language={language}
        session={session}
        now={now}
        order={order}
      />
      {about && now && (
        <Results
          key={`${about} result`}
          session={session}
          language={language}
          call={about}
          owed={now.after_work?.owes_result ?? false}
        />
      )}
      {about && <Notes key={about} session={session} language={language} call={about} />}
      <LeftNotes language={language} left={left} drop={drop} />
      <Devices language={language} />
    </div>
  );
}

/** Why the agent rests, or why the platform logged it out. */
function reason(now: AgentNow, t: (key: Key) => string): string {
  const known = [...REASONS, ...GIVEN].find((one) => one === now.reason);
  if (now.state !== "rest" && now.state !== "off") return "";
  return known ? t(known) : now.reason;
}

/** What rings for an agent who has both, and the way to the other. */
function Rings(props: { device: Device; language: Language; steer: (wish: Wish) => void }) {
  const t = speak(props.language);
  const other = props.device === "phone" ? "mobile" : "phone";
  return (
    <div className="row" data-device={props.device}>
      <span>{t(props.device === "phone" ? "rings_phone" : "rings_mobile")}</span>
      <button type="button" onClick={() => props.steer({ device: other })}>
        {t(other === "phone" ? "use_phone" : "use_mobile")}
      </button>
    </div>
  );
}

/** How long the agent still writes up the last call. */
function WritesUp(props: { work: AfterWork; language: Language }) {
  const t = speak(props.language);
  const now = useNow();
  const { until } = props.work;
  return (
    <p data-after-work={until === null ? "open" : "limited"}>
      {until === null ? t("after_work_open") : `${t("after_work_left")} ${minutes(until - now + 999)}`}
    </p>
  );
}

function Wishes(props: { now: AgentNow | null; language: Language; steer: (wish: Wish) => void }) {
  const t = speak(props.language);
  const { now, steer } = props;
  const state = now?.state ?? "off";
  if (state === "off") {
    return (
      <button type="button" className="first" onClick={() => steer("log_in")}>
        {t("log_in")}
      </button>
    );
  }
  return (
    <div className="row">
      {(state === "rest" || now?.after_work?.may_end) && (
        <button type="button" className="first" onClick={() => steer("ready")}>
          {t(state === "rest" ? "ready" : "end_after_work")}
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
