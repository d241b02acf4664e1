// Where a call may go, and what is done with one that is on its way: at once, or after a word with whoever is asked.

import { useEffect, useState } from "react";
import { type AgentNow, api, type Order, type Session, type Targets, type To } from "./api";
import { type Language, speak } from "./words";

interface Given {
  now: AgentNow;
  session: Session;
  language: Language;
  order: (order: Order) => void;
}

/** Only what may be ordered is shown: whoever is asked in a consult orders nothing about the call. */
export function Transfer(props: Given) {
  const [open, setOpen] = useState(false);
  const t = speak(props.language);
  const { orders } = props.now;
  if (MOVING.some((order) => orders.includes(order))) return <Moving {...props} />;
  if (!orders.includes("transfer")) return null;
  return (
    <div className="transfer">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {t("transfer_or_consult")}
      </button>
      {open && <List {...props} chosen={() => setOpen(false)} />}
    </div>
  );
}

/** What may be done with a call that is on its way. */
const MOVING = ["complete", "merge", "swap", "return"] as const;

/** Somebody else was asked: the caller waits with music. */
function Moving(props: Given) {
  const t = speak(props.language);
  const { now, order } = props;
  return (
    <fieldset className="moving" data-moving="">
      <legend>{t("moving")}</legend>
      <div className="row">
        {MOVING.filter((one) => now.orders.includes(one)).map((one) => (
          <button
            type="button"
            key={one}
            className={one === "complete" ? "first" : ""}
            data-order={one}
            onClick={() => order(one)}
          >
            {t(one)}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

/** How often the list is looked at anew while it is open. */
const LOOK_MS = 3_000;

function useTargets(session: Session, language: Language): [Targets | null, string] {
  const [targets, setTargets] = useState<Targets | null>(null);
  const [refused, setRefused] = useState("");
  useEffect(() => {
    let open = true;
    const look = () =>
      api(language)
        .targets(session)
        .then((found) => {
          if (!open) return;
          setTargets(found);
          setRefused("");
        })
        .catch((error) => open && setRefused(error instanceof Error ? error.message : String(error)));
    void look();
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, [session, language]);
  return [targets, refused];
}

interface Target {
  key: string;
  name: string;
  told: string;
  /** Whether somebody may be sent there now. */
  open: boolean;
  /** Whether somebody is free there, as far as that is known. */
  free: boolean;
  to: To;
  /** Whether it can be asked first. */
  asked: boolean;
}

function List(props: Given & { chosen: () => void }) {
  const { session, language, order, chosen } = props;
  const t = speak(language);
  const [targets, refused] = useTargets(session, language);
  const [wanted, setWanted] = useState("");
  const alert = refused && <p role="alert">{refused}</p>;
  if (!targets) return alert || <p>{t("looking")}</p>;
  const all = rows(targets, language);
  const shown = all.filter((one) => `${one.name} ${one.told}`.toLowerCase().includes(wanted.toLowerCase()));
  const go = (wish: Order) => {
    order(wish);
    chosen();
  };
  return (
    <div className="targets">
      {alert}
      <label>
        {t("search")}
        <input type="search" value={wanted} onChange={(event) => setWanted(event.target.value)} />
      </label>
      {shown.length === 0 && <p>{t("nobody")}</p>}
      <ul>
        {shown.map((one) => (
          <li key={one.key} data-target={one.key}>
            <span className="target">
              <strong>{one.name}</strong> <small className={one.free ? "good" : ""}>{one.told}</small>
            </span>
            <span className="deeds">
              <button type="button" disabled={!one.open} onClick={() => go({ transfer: one.to })}>
                {t("transfer")}
              </button>
              {one.asked && (
                <button type="button" disabled={!one.open} onClick={() => go({ consult: one.to })}>
                  {t("consult")}
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function rows(targets: Targets, language: Language): Target[] {
  const t = speak(language);
  const agents = targets.agents.map((one) => ({
    key: `agent-${one.agent}`,
    name: `${one.agent} ${one.name}`,
    told: [t(one.state), ...(one.has_room ? [] : [t("noRoom")]), ...one.queues].join(" · "),
    open: one.state === "free" && one.has_room,
    free: one.state === "free" && one.has_room,
    to: { agent: one.agent },
    asked: true,
  }));
  const queues = targets.queues.map((one) => ({
    key: `queue-${one.queue}`,
    name: one.queue,
    told: `${t("queue")} · ${t("waiting")} ${one.waiting} · ${t("free")} ${one.free}`,
    open: true,
    free: one.free > 0,
    to: { queue: one.queue },
    asked: false,
  }));
  const bound = targets.bound.map((name) => ({
    key: `bound-${name}`,
    name,
    told: t("bound"),
    open: true,
    free: false,
    to: { bound: name },
    asked: true,
  }));
  const phones = targets.extensions.map((one) => ({
    key: `extension-${one.extension}`,
    name: `${one.extension} ${one.name}`,
    told: t("extension"),
    open: true,
    free: false,
    to: { extension: one.extension },
    asked: true,
  }));
  return [...agents, ...queues, ...bound, ...phones];
}
